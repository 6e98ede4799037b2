"""NumPy in the compact family: take, or compress, and assignment and += to indices. It uses one thread."""

import numpy as np

from .contender import Contender, Unsupported, Work
from .with_numpy import TITLE


def contenders(threads):
    def preparer(way):
        def prepare(job):
            if threads > 1:
                raise Unsupported("uses one thread")
            return way(job)
        return prepare
    version = np.__version__
    return [Contender("NumPy", version, preparer(CompactNumPy), "compact"),
            Contender("NumPy compress", version, preparer(Compress), "compact")]


class CompactNumPy(Work):
    """np.take with an output, and a scatter by indices, sample by sample.

    The indices of a shared mask serve all samples at once.
    """

    def __init__(self, job):
        super().__init__(job, {"gather": self.gather, "scatter": self.scatter, "scatter-add": self.add}[job.row.work])
        whole, packed = (job.x, job.y) if job.row.work == "gather" else (job.y, job.x)
        whole = whole.reshape(job.shape)
        if job.packed:
            self.pieces = [(whole, packed.reshape(job.packed), job.channel_axis, job.indices())]
        else:
            self.pieces = [(whole[n], part, job.channel_axis - 1, job.indices(n))
                           for n, part in enumerate(job.parts(packed))]

    def gather(self):
        for whole, packed, axis, indices in self.pieces:
            np.take(whole, indices, axis, out=packed, mode="clip")  # which needs no buffer
            np.multiply(packed, self.job.factor, out=packed)

    def scatter(self):
        for whole, packed, axis, indices in self.pieces:
            whole[...] = 0
            whole[(slice(None),) * axis + (indices,)] = packed * self.job.factor

    def add(self):
        # Indices are unique. np.add.at, which serves others too, is slower.
        for whole, packed, axis, indices in self.pieces:
            scaled = packed if self.job.factor == 1 else packed * self.job.factor
            whole[(slice(None),) * axis + (indices,)] += scaled


class Compress(CompactNumPy):
    """np.compress with a truth value for each channel."""

    def __init__(self, job):
        if job.row.work != "gather":
            raise Unsupported("compresses and does nothing else")
        super().__init__(job)
        self.kept = [job.kept[n] for n in range(len(self.pieces))]

    def gather(self):
        for kept, (whole, packed, axis, _) in zip(self.kept, self.pieces):
            np.compress(kept, whole, axis, out=packed)
            np.multiply(packed, self.job.factor, out=packed)
