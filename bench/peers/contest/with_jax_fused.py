"""JAX in the fused family: the formula in one compiled function, with donated inputs in place."""

import jax
import jax.numpy as jnp

from .contender import Contender
from .with_jax import TITLE, OwnArrays


def contenders(threads):
    del threads  # the environment says it, see worker.py
    return [Contender("JAX", jax.__version__, JAXFused, "fused")]


class JAXFused(OwnArrays):
    """y = f·act(a·x + b) and its relatives. In place it is given back what it made."""

    def __init__(self, job):
        row, limit = job.row, job.limit
        self.a, self.b = (jnp.array(numbers.reshape(job.channel_shape)) for numbers in (job.scales, job.shifts))
        self.m = jnp.array(job.factors.reshape(job.factor_shape))
        # What is replaced in place comes first.
        self.others = []
        if row.work == "fuse-add":
            self.others = [jnp.array(job.x.reshape(job.shape))]
        if row.work == "fuse-backward":
            self.others = [jnp.array(job.saved.reshape(job.shape))]

        def activate(t):
            if row.activation == "LeakyReLU":
                return jax.nn.leaky_relu(t, limit)
            return (jax.nn.relu6 if row.activation == "ReLU6" else jax.nn.relu)(t)

        def fuse(x, a, b, m):
            return activate(x * a + b) * m

        def fuse_add(r, x, a, b, m):
            return r + activate(x * a + b) * m

        def backward(dy, u, a, b, m):
            del b
            g = dy * m
            closed = g * limit if row.activation == "LeakyReLU" else jnp.zeros((), g.dtype)
            opened = (u > 0) & (u < limit) if row.activation == "ReLU6" else u > 0
            return jnp.where(opened, g, closed) * a

        function = {"fuse": fuse, "fuse-add": fuse_add, "fuse-backward": backward}[row.work]
        self.f = jax.jit(function, donate_argnums=(0,) if job.in_place else ())
        super().__init__(job, self.in_place if job.in_place else self.out,
                         tolerance="does not round between some operators")
        self.reset()

    def reset(self):
        job = self.job
        first = job.other if job.row.work == "fuse-add" else job.x
        self.first = jnp.array(first.reshape(job.shape))

    def out(self):
        self.y = self.f(self.first, *self.others, self.a, self.b, self.m)
        self.y.block_until_ready()

    def in_place(self):
        self.first = self.y = self.f(self.first, *self.others, self.a, self.b, self.m)
        self.y.block_until_ready()

    def close(self):
        self.first = self.y = self.others = self.a = self.b = self.m = None
