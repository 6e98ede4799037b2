"""PyTorch in the fused family: one operator after the other, and torch.compile of the formula."""

import torch
import torch.nn.functional as F

from .contender import Contender, Work
from .with_pytorch import TITLE, bits, channels_first, factors, tensor

ROUNDS_ONCE = "rounds to bfloat16 once"


def contenders(threads):
    del threads  # with_pytorch has set them
    version = torch.__version__
    return [Contender("PyTorch eager", version, prepare_eager, "fused"),
            Contender("PyTorch compiled", version, prepare_compiled, "fused")]


class Tensors:
    """The tensors of a job as PyTorch sees them; r is the residual, or what was saved."""

    def __init__(self, job):
        self.x, self.y, self.m = tensor(job.source, job), tensor(job.y, job), factors(job)
        self.a, self.b = (channels_first(bits(numbers).view(job.channel_shape), job)
                          for numbers in (job.scales, job.shifts))
        self.r = None
        if job.row.work == "fuse-add":
            self.r = tensor(job.residual, job)
        if job.row.work == "fuse-backward":
            self.r = tensor(job.saved, job)


def prepare_eager(job):
    """What a user writes who saves memory: a result that is written once, and changed in place.

    The backward pass calls what autograd calls, with the result of the activation that it keeps.
    """
    t = Tensors(job)
    x, y, a, b, m, r = t.x, t.y, t.a, t.b, t.m, t.r
    activate = {"ReLU": F.relu_, "ReLU6": lambda u: F.relu6(u, inplace=True),
                "LeakyReLU": lambda u: F.leaky_relu_(u, job.limit)}[job.row.activation]
    gate = gradient(job)

    def fuse():
        torch.mul(x, a, out=y)
        activate(y.add_(b)).mul_(m)

    def fuse_in_place():
        activate(y.mul_(a).add_(b)).mul_(m)

    def fuse_add():
        torch.mul(x, a, out=y)
        activate(y.add_(b)).mul_(m).add_(r)

    def fuse_add_in_place():
        y.add_(activate((x * a).add_(b)).mul_(m))

    def backward():
        torch.mul(x, m, out=y)
        gate(y, r, y)
        y.mul_(a)

    def backward_in_place():
        y.mul_(m)
        gate(y, r, y)
        y.mul_(a)

    ways = {"fuse": (fuse, fuse_in_place), "fuse-add": (fuse_add, fuse_add_in_place),
            "fuse-backward": (backward, backward_in_place)}
    return Work(job, torch.no_grad()(ways[job.row.work][job.in_place]))


def gradient(job):
    """The backward pass of the activation: a function of the gradient, the result, and where to write."""
    ops = torch.ops.aten
    return {
        "ReLU": lambda g, u, out: ops.threshold_backward.grad_input(g, u, 0, grad_input=out),
        "ReLU6": lambda g, u, out: ops.hardtanh_backward.grad_input(g, u, 0, 6, grad_input=out),
        "LeakyReLU": lambda g, u, out: ops.leaky_relu_backward.grad_input(g, u, job.limit, True, grad_input=out),
    }[job.row.activation]


def prepare_compiled(job):
    """torch.compile of the formula, whose result is copied to y: the compiler fuses the copy, too."""
    torch.compiler.reset()
    t, limit, activation = Tensors(job), job.limit, job.row.activation
    activate = {"ReLU": F.relu, "ReLU6": F.relu6, "LeakyReLU": lambda u: F.leaky_relu(u, limit)}[activation]

    def fuse(y, x, a, b, m):
        return y.copy_(activate(x * a + b) * m)

    def fuse_add(y, x, a, b, m, r):
        return y.copy_(r + activate(x * a + b) * m)

    def backward(y, x, a, m, u):
        g = x * m
        if activation == "LeakyReLU":
            g = torch.where(u > 0, g, g * limit)
        elif activation == "ReLU6":
            g = torch.where((u > 0) & (u < 6), g, 0)
        else:
            g = torch.where(u > 0, g, 0)
        return y.copy_(g * a)

    function, given = {"fuse": (fuse, (t.y, t.x, t.a, t.b, t.m)),
                       "fuse-add": (fuse_add, (t.y, t.x, t.a, t.b, t.m, t.r)),
                       "fuse-backward": (backward, (t.y, t.x, t.a, t.m, t.r))}[job.row.work]
    compiled = torch.compile(function, dynamic=False)
    tolerance = ROUNDS_ONCE if job.row.dtype == "bfloat16" else ""
    return Work(job, torch.no_grad()(lambda: compiled(*given)), tolerance=tolerance)
