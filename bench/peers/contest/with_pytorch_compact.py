"""PyTorch in the compact family: index_select, index_add_, masked_select, and their compiled relatives.

Indices and masks are made before, and every tensor is seen as it lies in memory.
"""

import torch

from .contender import Contender, Unsupported, Work
from .with_pytorch import TITLE, bits


def contenders(threads):
    del threads  # with_pytorch has set them
    version = torch.__version__
    return [Contender("PyTorch index_select", version, prepare_index, "compact"),
            Contender("PyTorch index_add_", version, prepare_add, "compact"),
            Contender("PyTorch masked_select", version, prepare_masked, "compact"),
            Contender("PyTorch compiled", version, prepare_compiled, "compact")]


def pieces(job):
    """The indexed pieces of the job, each (the whole tensor, the packed one, the axis, indices).

    A shared mask is one piece. A ragged one is a piece of planes in NCHW, and one for each
    sample in NHWC.
    """
    whole = bits(job.x if job.row.work == "gather" else job.y)
    packed = bits(job.y if job.row.work == "gather" else job.x)
    if job.packed:
        return [(whole.view(job.shape), packed.view(job.packed), job.channel_axis,
                 torch.from_numpy(job.indices()))]
    if job.row.layout == "NCHW":
        return [(whole.view(-1, job.spatial), packed.view(-1, job.spatial), 0, torch.from_numpy(job.planes()))]
    some, at = [], 0
    for n, sample in enumerate(whole.view(job.shape)):
        shape = sample.shape[:-1] + (int(job.counts[n]),)
        size = shape.numel()
        some.append((sample, packed[at:at + size].view(shape), sample.dim() - 1, torch.from_numpy(job.indices(n))))
        at += size
    return some


def prepare_add(job):
    if job.row.work != "scatter-add":
        raise Unsupported("adds and does nothing else")
    some, factor = pieces(job), float(job.factor)

    def add():
        for whole, packed, axis, indices in some:
            whole.index_add_(axis, indices, packed, alpha=factor)

    return Work(job, torch.no_grad()(add))


def prepare_index(job):
    if job.row.work == "scatter-add":
        raise Unsupported("index_add_ does it")
    some, factor = pieces(job), float(job.factor)

    def gather():
        for whole, packed, axis, indices in some:
            torch.index_select(whole, axis, indices, out=packed)
            packed.mul_(factor)

    def scatter():
        for whole, packed, axis, indices in some:
            whole.zero_().index_copy_(axis, indices, packed * factor)

    return Work(job, torch.no_grad()(gather if job.row.work == "gather" else scatter))


def prepare_masked(job):
    """masked_select and masked_scatter_ with a truth value for each channel, which broadcasts."""
    if job.row.work == "scatter-add":
        raise Unsupported("masked_scatter_ does not add")
    whole = bits(job.x if job.row.work == "gather" else job.y).view(job.shape)
    packed = bits(job.y if job.row.work == "gather" else job.x)
    mask, factor = torch.from_numpy(job.kept).view(job.factor_shape), float(job.factor)

    def gather():
        torch.masked_select(whole, mask, out=packed)
        packed.mul_(factor)

    def scatter():
        whole.zero_().masked_scatter_(mask, packed * factor)

    return Work(job, torch.no_grad()(gather if job.row.work == "gather" else scatter))


def prepare_compiled(job):
    some = pieces(job)
    if len(some) > 1:
        raise Unsupported("compiled for masks that are one index")
    torch.compiler.reset()
    (whole, packed, axis, indices), factor = some[0], float(job.factor)

    def gather(whole, packed, indices):
        return packed.copy_(torch.index_select(whole, axis, indices) * factor)

    def scatter(whole, packed, indices):
        return whole.zero_().index_copy_(axis, indices, packed * factor)

    def add(whole, packed, indices):
        return whole.index_add_(axis, indices, packed, alpha=factor)

    compiled = torch.compile({"gather": gather, "scatter": scatter, "scatter-add": add}[job.row.work], dynamic=False)
    return Work(job, torch.no_grad()(lambda: compiled(whole, packed, indices)))
