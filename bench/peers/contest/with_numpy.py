"""NumPy, with ml_dtypes for bfloat16. It uses one thread."""

import numpy as np

from .contender import Contender, Unsupported, Work

TITLE = "NumPy"


def contenders(threads):
    def prepare(job):
        if threads > 1:
            raise Unsupported("uses one thread")
        return NumPyWork(job)
    return [Contender("NumPy", np.__version__, prepare)]


class NumPyWork(Work):
    """np.multiply with an output, and a draw of np.random's default generator."""

    def __init__(self, job):
        work = job.row.work
        super().__init__(job, {"apply": self.apply, "both": self.both, "layer": self.layer,
                               "training": self.training, "draw": self.draw}[work])
        if work != "draw":
            self.x, self.y = job.source.reshape(job.shape), job.y.reshape(job.shape)
        if job.row.backward:
            self.dy, self.dx = job.gradient.reshape(job.shape), job.dx.reshape(job.shape)
        self.given = job.factors.reshape(job.factor_shape)
        self.random = np.random.default_rng(1)

    def apply(self):
        np.multiply(self.x, self.given, out=self.y)

    def both(self):
        np.multiply(self.x, self.given, out=self.y)
        np.multiply(self.dy, self.given, out=self.dx)

    def drawn(self):
        return (self.random.random(self.given.shape, np.float32) >= self.job.row.rate) * self.job.factor

    def layer(self):
        np.multiply(self.x, self.drawn(), out=self.y)

    def training(self):
        factors = self.drawn()
        np.multiply(self.x, factors, out=self.y)
        np.multiply(self.dy, factors, out=self.dx)

    def draw(self):
        self.factors = self.drawn()

    def kept(self):
        return int(np.count_nonzero(self.factors))
