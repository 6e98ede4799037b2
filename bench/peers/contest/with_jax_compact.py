"""JAX in the compact family: compiled functions that take channels, set them, and add to them."""

import jax
import jax.numpy as jnp

from .contender import Contender, Unsupported
from .with_jax import TITLE, OwnArrays


def contenders(threads):
    del threads  # the environment says it, see worker.py
    return [Contender("JAX", jax.__version__, JAXCompact, "compact")]


# What is known of the indices.
KNOWN = {"mode": "promise_in_bounds", "indices_are_sorted": True, "unique_indices": True}


class JAXCompact(OwnArrays):
    """x[:, indices]·factor, and zeros with indices set. A ragged mask is planes in NCHW, and samples in NHWC.

    What is added to is donated, and is the result of the call before.
    """

    def __init__(self, job):
        factor = job.factor
        ragged_rows = not job.packed and job.row.layout == "NHWC"
        axis, whole, packed = job.channel_axis, job.shape, job.packed
        if not packed:
            axis, whole, packed = 0, (job.samples * job.channels, job.spatial), (-1, job.spatial)
        at = (slice(None),) * axis

        def gather(x, indices):
            return x.at[at + (indices,)].get(**KNOWN) * factor

        def scatter(x, indices):
            return jnp.zeros(whole, x.dtype).at[at + (indices,)].set(x * factor, **KNOWN)

        def add(y, x, indices):
            return y.at[at + (indices,)].add(x * factor, **KNOWN)

        def gather_rows(x, indices):
            some = [x[n].at[..., i].get(**KNOWN) * factor for n, i in enumerate(indices)]
            return jnp.concatenate([part.reshape(-1) for part in some])

        def scatter_rows(parts, indices):
            zeros = jnp.zeros(job.shape[1:], parts[0].dtype)
            return jnp.stack([zeros.at[..., i].set(part * factor, **KNOWN) for part, i in zip(parts, indices)])

        if ragged_rows and job.row.work == "scatter-add":
            raise Unsupported("not written for adding samples one by one")
        if ragged_rows:
            self.indices = [jnp.array(job.indices(n)) for n in range(job.samples)]
            if job.row.work == "gather":
                self.x = jnp.array(job.x.reshape(job.shape))
            else:
                self.x = [jnp.array(part) for part in job.parts(job.x)]
        else:
            self.indices = jnp.array(job.indices() if job.packed else job.planes())
            self.x = jnp.array(job.x.reshape(whole if job.row.work == "gather" else packed))
        if job.row.work == "scatter-add":
            self.whole, self.f = whole, jax.jit(add, donate_argnums=(0,))
            super().__init__(job, self.add)
            return
        functions = {"gather": (gather, gather_rows), "scatter": (scatter, scatter_rows)}
        self.f = jax.jit(functions[job.row.work][ragged_rows])
        super().__init__(job, self.take)

    def reset(self):
        if self.job.row.work == "scatter-add":
            self.y = jnp.array(self.job.before.reshape(self.whole))

    def take(self):
        self.y = self.f(self.x, self.indices)
        self.y.block_until_ready()

    def add(self):
        self.y = self.f(self.y, self.x, self.indices)
        self.y.block_until_ready()

    def close(self):
        self.x = self.y = self.indices = None
