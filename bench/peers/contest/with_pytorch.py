"""PyTorch: multiplication by a tensor that broadcasts, dropout1d to 3d, and torch.compile."""

import sys

# Triton and TensorFlow each bring an LLVM, and a process does not survive both. Code for
# the CPU is compiled without Triton.
sys.modules.setdefault("triton", None)

import numpy as np
import torch
import torch.nn.functional as F

from .contender import Contender, Unsupported, Work

TITLE = "PyTorch"

# Names of torch.nn.functional, by the number of spatial dims.
DROPOUT = {1: F.dropout1d, 2: F.dropout2d, 3: F.dropout3d}


def contenders(threads):
    torch.set_num_threads(threads)
    version = torch.__version__
    return [Contender("PyTorch mul", version, prepare_mul),
            Contender("PyTorch dropout", version, prepare_dropout),
            Contender("PyTorch compiled", version, prepare_compiled),
            Contender("PyTorch bernoulli_", version, prepare_draw)]


def tensor(flat, job):
    """The tensor N×C×…, which is channels_last if the row says NHWC."""
    return channels_first(bits(flat).view(job.shape), job)


def factors(job):
    return channels_first(bits(job.factors).view(job.factor_shape), job)


def bits(flat):
    if flat.dtype == np.float32:
        return torch.from_numpy(flat)
    return torch.from_numpy(flat.view(np.int16)).view(torch.bfloat16)


def channels_first(t, job):
    return t.movedim(job.channel_axis, 1)


def prepare_mul(job):
    if job.row.draws:
        raise Unsupported("PyTorch dropout does it")
    m, passes = factors(job), [(tensor(job.source, job), tensor(job.y, job))]
    if job.row.backward:
        passes.append((tensor(job.gradient, job), tensor(job.dx, job)))
    if job.in_place:
        def call():
            for _, y in passes:
                y.mul_(m)
    else:
        def call():
            for x, y in passes:
                torch.mul(x, m, out=y)
    return Work(job, torch.no_grad()(call))


class OwnResults(Work):
    """A work whose results are tensors of its own."""

    def tensors(self):
        raise NotImplementedError

    def results(self):
        flat = []
        for t in self.tensors():
            t = t.detach().movedim(1, self.job.channel_axis).contiguous().reshape(-1)
            if self.job.row.dtype == "bfloat16":
                flat.append(t.view(torch.int16).numpy().view(self.job.dtype))
            else:
                flat.append(t.numpy())
        return flat

    def address(self):
        return self.tensors()[0].data_ptr()


class Dropout(OwnResults):
    """F.dropout2d and its relatives, as a network calls them."""

    def __init__(self, job, function):
        super().__init__(job, self.training if job.row.backward else self.forward)
        self.function, self.rate = function, job.row.rate
        self.x = tensor(job.source, job)
        if job.row.backward:
            self.leaf = self.x.detach().requires_grad_()
            self.dy = tensor(job.gradient, job)
        self.y = self.dx = None

    def forward(self):
        with torch.no_grad():
            self.y = self.function(self.x, self.rate, True, self.job.in_place)

    def training(self):
        self.y = self.function(self.leaf, self.rate, True, False)
        self.dx, = torch.autograd.grad(self.y, self.leaf, self.dy)

    def tensors(self):
        return [self.y] if self.dx is None else [self.y, self.dx]


def prepare_dropout(job):
    if job.row.work not in ("layer", "training"):
        raise Unsupported("draws")
    if job.row.backward and job.in_place:
        raise Unsupported("a leaf that requires a gradient is not changed in place")
    return Dropout(job, DROPOUT[len(job.row.spatial)])


def prepare_compiled(job):
    """torch.compile of the same functions. In place the compiled function calls mul_."""
    if job.row.backward or job.row.work == "draw":
        raise Unsupported("compiled for forward passes only")
    torch.compiler.reset()
    if job.row.draws:
        function = DROPOUT[len(job.row.spatial)]
        compiled = torch.compile(lambda x, rate, training, inplace: function(x, rate, training, inplace),
                                 dynamic=False)
        return Dropout(job, compiled)
    x, y, m = tensor(job.source, job), tensor(job.y, job), factors(job)
    if job.in_place:
        compiled = torch.compile(lambda y, m: y.mul_(m), dynamic=False)
        return Work(job, torch.no_grad()(lambda: compiled(y, m)))
    compiled = torch.compile(lambda y, x, m: y.copy_(x * m), dynamic=False)
    return Work(job, torch.no_grad()(lambda: compiled(y, x, m)))


class Draw(Work):
    """What dropout2d does before it multiplies."""

    def __init__(self, job):
        super().__init__(job, self.draw)
        self.noise = torch.empty(job.factor_shape)
        self.keep = 1 - job.row.rate

    def draw(self):
        self.noise.bernoulli_(self.keep).div_(self.keep)

    def kept(self):
        return int(self.noise.count_nonzero())


def prepare_draw(job):
    if job.row.work != "draw":
        raise Unsupported("draws and does nothing else")
    return Draw(job)
