"""JAX: functions that are compiled, with donated inputs for work in place."""

import jax
import jax.numpy as jnp
import numpy as np

from .contender import Contender, Unsupported, Work

TITLE = "JAX"


def contenders(threads):
    del threads  # the environment says it, see worker.py
    jax.config.update("jax_platforms", "cpu")
    # Without dispatch to another thread, which costs time and is of no use to one who waits.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    return [Contender("JAX", jax.__version__, JAXWork)]


class OwnArrays(Work):
    """A work whose results are JAX's own arrays: y, and dx if there is a backward pass."""

    y = dx = None

    def results(self):
        return [np.asarray(a).reshape(-1) for a in (self.y, self.dx) if a is not None]

    def address(self):
        return self.y.unsafe_buffer_pointer()


class JAXWork(OwnArrays):
    """x·factors, or bernoulli and where as in Flax, in one compiled function.

    JAX's arrays are its own: the inputs are copies of the shared ones.
    """

    def __init__(self, job):
        super().__init__(job, None)
        work, donate = job.row.work, job.in_place
        keep = 1 - job.row.rate
        if job.row.draws:
            self.policy = "select"
            if job.row.dtype == "bfloat16":
                self.tolerance = "divides by 1-rate rounded to bfloat16"

        def drawn(x, channels):
            return jnp.where(channels, x / jnp.asarray(keep, x.dtype), jnp.zeros((), x.dtype))

        def layer(x, key):
            key, now = jax.random.split(key)
            return drawn(x, jax.random.bernoulli(now, keep, job.factor_shape)), key

        def training(x, dy, key):
            key, now = jax.random.split(key)
            channels = jax.random.bernoulli(now, keep, job.factor_shape)
            y, gradient = jax.vjp(lambda x: drawn(x, channels), x)
            return y, gradient(dy)[0], key

        def draw(key):
            key, now = jax.random.split(key)
            return jax.random.bernoulli(now, keep, job.factor_shape), key

        self.key = jax.random.key(1)
        if work == "draw":
            self.f, self.call = jax.jit(draw), self.draw
            return
        self.m = jnp.array(job.factors.reshape(job.factor_shape))
        if work == "apply":
            self.f = jax.jit(lambda x, m: x * m, donate_argnums=(0,) if donate else ())
            self.call = self.apply_in_place if donate else self.apply
        elif work == "both":
            self.f = jax.jit(lambda x, dy, m: (x * m, dy * m), donate_argnums=(0, 1) if donate else ())
            self.call = self.both_in_place if donate else self.both
        elif work == "layer":
            self.f = jax.jit(layer, donate_argnums=(0,) if donate else ())
            self.call = self.layer_in_place if donate else self.layer
        else:
            if donate:
                raise Unsupported("not written for training in place")
            self.f, self.call = jax.jit(training), self.training
        self.reset()

    def reset(self):
        if self.job.row.work == "draw":
            return
        shape = self.job.shape
        self.x = jnp.array(self.job.x.reshape(shape))
        if self.job.row.backward:
            self.dy = jnp.array(self.job.dy.reshape(shape))

    def apply(self):
        self.y = self.f(self.x, self.m)
        self.y.block_until_ready()

    def apply_in_place(self):
        self.x = self.y = self.f(self.x, self.m)
        self.y.block_until_ready()

    def both(self):
        self.y, self.dx = self.f(self.x, self.dy, self.m)
        self.dx.block_until_ready()

    def both_in_place(self):
        self.y, self.dx = self.x, self.dy = self.f(self.x, self.dy, self.m)
        self.dx.block_until_ready()

    def layer(self):
        self.y, self.key = self.f(self.x, self.key)
        self.y.block_until_ready()

    def layer_in_place(self):
        self.y, self.key = self.f(self.x, self.key)
        self.x = self.y
        self.y.block_until_ready()

    def training(self):
        self.y, self.dx, self.key = self.f(self.x, self.dy, self.key)
        self.dx.block_until_ready()

    def draw(self):
        self.channels, self.key = self.f(self.key)
        self.channels.block_until_ready()

    def kept(self):
        return int(np.count_nonzero(self.channels))

    def close(self):
        self.x = self.dy = self.y = self.dx = self.m = None
