"""The jobs of the compact family: the kept channels without gaps, and back."""

import numpy as np

from .job import Job, aligned, random_values


class CompactJob(Job):
    """The packed tensor holds the kept channels of each sample in the order of the layout.

    It is y of "gather" and x of "scatter" and "scatter-add"; the tensor of all channels is
    the other. before is what "scatter-add" finds in y. packed is the shape of the packed
    tensor in memory if all samples share a mask, as all outputs of weights do, and None if
    the mask is ragged. kept says for each channel of each sample whether it is kept.
    """

    def uniform(self, random):
        if self.row.mask == "ragged":
            return super().uniform(random)
        return np.tile(random.random(self.channels), self.samples)

    def allocate(self, random):
        self.kept = self.factors.reshape(self.samples, self.channels) != 0
        self.counts = self.kept.sum(axis=1)
        self.packed = None
        if self.row.mask != "ragged":
            shape = list(self.shape)
            shape[self.channel_axis] = int(self.counts[0])
            self.packed = tuple(shape)
        length = int(self.counts.sum()) * self.spatial
        self.dy = self.dx = None
        self.x = random_values(random, self.length if self.row.work == "gather" else length, self.dtype)
        self.y = aligned(length if self.row.work == "gather" else self.length, self.dtype)
        self.before = random_values(random, self.length, self.dtype) if self.row.work == "scatter-add" else None

    def reset(self):
        if self.before is None:
            super().reset()
        else:
            self.y[:] = self.before

    def indices(self, n=0):
        """The kept channels of a sample."""
        return np.flatnonzero(self.kept[n])

    def planes(self):
        """The kept channels of all samples as numbers of planes, for NCHW."""
        return np.flatnonzero(self.kept)

    def parts(self, flat):
        """The packed samples of a flat tensor, each in the shape that it has in memory."""
        ends = np.cumsum(self.counts) * self.spatial
        some = []
        for n, part in enumerate(np.split(flat, ends[:-1])):
            shape = list(self.shape[1:])
            shape[self.channel_axis - 1] = int(self.counts[n])
            some.append(part.reshape(shape))
        return some

    def wanted(self, policy, y):
        """The oracle: one IEEE product for each kept element, and +0 for the others.

        Of "scatter-add" it is what was there, plus these products for kept elements.
        """
        del policy, y
        if not self.known:
            want = aligned(len(self.y), self.dtype)
            if self.before is not None:
                want[:] = self.before
            whole = (self.x if self.row.work == "gather" else want).reshape(self.shape)
            packed = self.parts(want if self.row.work == "gather" else self.x)
            for n, part in enumerate(packed):
                some = (slice(None),) * (self.channel_axis - 1) + (self.kept[n],)
                if self.row.work == "gather":
                    part[...] = self.product(whole[n][some])
                elif self.row.work == "scatter":
                    whole[n][some] = self.product(part)
                else:
                    whole[n][some] = self.sum(whole[n][some], self.product(part))
            self.known["y"] = want
        yield "y", self.known["y"]

    def product(self, some):
        return (some.astype(np.float32) * np.float32(self.factor)).astype(self.dtype)

    def sum(self, some, others):
        return (some.astype(np.float32) + others.astype(np.float32)).astype(self.dtype)
