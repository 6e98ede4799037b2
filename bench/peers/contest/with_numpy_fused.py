"""NumPy in the fused family: a universal function for each operator, with outputs. It uses one thread."""

import numpy as np

from .contender import Contender, Unsupported, Work
from .with_numpy import TITLE


def contenders(threads):
    def prepare(job):
        if threads > 1:
            raise Unsupported("uses one thread")
        return FusedNumPy(job)
    return [Contender("NumPy", np.__version__, prepare, "fused")]


class FusedNumPy(Work):
    """The steps one by one, all in y but for those that a residual in place has to wait for."""

    def __init__(self, job):
        row = job.row
        super().__init__(job, self.backward if row.work == "fuse-backward" else self.forward)
        self.x, self.y = job.source.reshape(job.shape), job.y.reshape(job.shape)
        self.m = job.factors.reshape(job.factor_shape)
        self.a, self.b = job.scales.reshape(job.channel_shape), job.shifts.reshape(job.channel_shape)
        self.limit = job.dtype.type(job.limit)
        self.r, self.u = None, self.y
        if row.work == "fuse-add":
            self.r = job.residual.reshape(job.shape)
            if job.in_place:
                self.u = np.empty_like(self.y)
        if row.work == "fuse-backward":
            self.saved = job.saved.reshape(job.shape)

    def forward(self):
        u, activation = self.u, self.job.row.activation
        np.multiply(self.x, self.a, out=u)
        np.add(u, self.b, out=u)
        if activation == "LeakyReLU":
            np.multiply(u, self.limit, out=u, where=u < 0)
        else:
            np.maximum(u, 0, out=u)
        if activation == "ReLU6":
            np.minimum(u, self.limit, out=u)
        np.multiply(u, self.m, out=u)
        if self.r is not None:
            np.add(self.r, u, out=self.y)

    def backward(self):
        y, activation = self.y, self.job.row.activation
        np.multiply(self.x, self.m, out=y)
        if activation == "LeakyReLU":
            np.multiply(y, self.limit, out=y, where=self.saved <= 0)
        else:
            np.copyto(y, self.job.dtype.type(0), where=self.saved <= 0)
        if activation == "ReLU6":
            np.copyto(y, self.job.dtype.type(0), where=self.saved >= self.limit)
        np.multiply(y, self.a, out=y)
