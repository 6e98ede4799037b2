"""Records Flax's Dropout, of Linen and of NNX, with broadcast spatial axes.

    python make_flax.py

writes flax-VERSION.json. Linen: "path" leads to the module and "counter" says
which of its draws in one apply it is; the key that apply gets is
fold_in(key(seed), step) where "fold" is true. NNX: "layer" counts the layers
made from one Rngs(seed).
"""

import flax
import flax.linen as nn
import jax
import numpy as np
from flax import nnx

import backends
import golden

JAX = backends.Jax()


def spatial_axes(shape, layout):
    if golden.channels_last(layout):
        return tuple(range(1, len(shape) - 1))
    return tuple(range(2, len(shape)))


class Inner(nn.Module):
    """A Dropout at a depth, drawn from as often as times says."""

    rate: float
    axes: tuple
    depth: int
    times: int

    @nn.compact
    def __call__(self, x):
        if self.depth > 1:
            return Inner(self.rate, self.axes, self.depth - 1, self.times)(x)
        drop = nn.Dropout(self.rate, self.axes, deterministic=False)
        for _ in range(self.times - 1):
            drop(x)
        return drop(x)


def linen(seed, fold, rate, axes, depth, times):
    drop = nn.Dropout(rate, axes, deterministic=False)
    module = Inner(rate, axes, depth, times) if depth else drop

    def at(step):
        key = jax.random.key(seed)
        key = jax.random.fold_in(key, step) if fold else key
        return lambda x: module.apply({}, x, rngs={"dropout": key})
    return at


def nnx_layer(seed, rate, axes, layer):
    rngs = nnx.Rngs(seed)
    for _ in range(layer + 1):
        drop = nnx.Dropout(rate, broadcast_dims=axes, deterministic=False,
                           rngs=rngs)
    return lambda step: drop


def nnx_gradient(layer, x, dy, jit):
    """The layer counts, which JAX allows only if the count goes in and out."""
    graph, state = nnx.split(layer)

    def forward(x):
        inner = nnx.merge(graph, state, copy=True)
        y = inner(x)
        return y, nnx.state(inner)
    y, back, state_after = jax.vjp(forward, x, has_aux=True)
    nnx.update(layer, state_after)
    return y, back(dy)[0]


def record(new, head, dtype, layout, shape, steps, jit):
    xb = golden.make_bits(shape, dtype, 5)
    db = golden.make_bits(shape, dtype, 10)
    at, calls = new(), []
    for step in range(steps):
        y = at(step)(jax.numpy.ones(shape, dtype)).astype("float32")
        mask = golden.first_of_each(np.asarray(y), layout) != 0
        calls.append({"step": step, "mask": golden.mask_text(mask)})
    at = new()
    for step in range(steps):
        gradient = nnx_gradient if isinstance(at(step), nnx.Module) \
            else JAX.gradient
        y, dx = gradient(at(step), JAX.tensor(xb, dtype, shape),
                         JAX.tensor(db, dtype, shape), jit)
        calls[step]["y"] = golden.hexed(JAX.bits(y, dtype), dtype)
        calls[step]["dx"] = golden.hexed(JAX.bits(dx, dtype), dtype)
    return dict(head, dtype=dtype, layout=layout, shape=list(shape), jit=jit,
                x=golden.hexed(xb, dtype), dy=golden.hexed(db, dtype),
                calls=calls)


def linen_case(seed, rate, dtype, layout, shape, steps=3, fold=True, depth=0,
               times=1, jit=False):
    axes = spatial_axes(shape, layout)
    path = ["Inner_0"] * (depth - 1) + ["Dropout_0"] if depth else []
    head = {"stream": "flax-linen", "api": "flax.linen.Dropout",
            "x64": JAX.x64, "fold": fold, "path": path, "counter": times,
            "seed": seed, "rate": rate}
    return record(lambda: linen(seed, fold, rate, axes, depth, times), head,
                  dtype, layout, shape, steps, jit)


def nnx_case(seed, rate, dtype, layout, shape, steps=3, layer=0):
    axes = spatial_axes(shape, layout)
    head = {"stream": "flax-nnx", "api": "flax.nnx.Dropout", "x64": JAX.x64,
            "layer": layer, "seed": seed, "rate": rate}
    return record(lambda: nnx_layer(seed, rate, axes, layer), head, dtype,
                  layout, shape, steps, False)


def long_case(make, head, trials):
    head = dict(head, dtype="float32", trials=trials)
    at, calls = make(), []
    for step in range(2):
        y = at(step)(jax.numpy.ones((1, 1, trials)))
        calls.append({"step": step,
                      "bits": golden.mask_bits(np.asarray(y) != 0)})
    return dict(head, calls=calls)


def sequence(seed):
    """One NNX layer, called with what does not count and with what does."""
    drop = nnx_layer(seed, 0.5, (1,), 0)(0)
    plan = [((2, 3, 5), True, 0.5), ((2, 3, 5), False, 0.5),
            ((2, 3, 5), True, 0.5), ((1, 2, 7), True, 0.2),
            ((1, 2, 7), True, 0.0), ((1, 2, 7), True, 1.0),
            ((2, 3, 5), True, 0.5), ((0, 3, 5), True, 0.5),
            ((2, 3, 5), True, 0.5)]
    calls = []
    for shape, training, rate in plan:
        drop.rate = rate
        y = np.asarray(drop(jax.numpy.ones(shape), deterministic=not training))
        mask = golden.first_of_each(y, "NWC") != 0 if y.size else []
        calls.append({"shape": list(shape), "rate": rate, "dtype": "float32",
                      "layout": "NWC", "training": training,
                      "mask": golden.mask_text(mask)})
    return {"stream": "flax-nnx", "layer": 0, "seed": seed, "calls": calls}


def cases():
    small = (2, 3, 2, 5)
    dtypes = [d for d in golden.WIDTH if JAX.x64 or d != "float64"]
    for seed in (0, 42, 123, 1701, 2**32 - 1, 2**40 + 3, -1):
        yield linen_case(seed, 0.5, "float32", "NHWC", small, 1, False)
        yield nnx_case(seed, 0.5, "float32", "NHWC", small, 2)
    for depth in (0, 1, 2, 3):
        for times in (1, 2, 257) if depth else (1,):
            yield linen_case(42, 0.5, "float32", "NWC", (2, 1, 9), 2, True,
                             depth, times)
    for layer in (0, 1, 2):
        yield nnx_case(42, 0.5, "float32", "NWC", (2, 1, 9), layer=layer)
    for rate in (0.0, 0.1, 0.3, 0.9, golden.THIRD, 1.0):
        yield linen_case(42, rate, "float32", "NHWC", (1, 3, 3, 7), depth=1)
        yield nnx_case(42, rate, "float32", "NHWC", (1, 3, 3, 7), 2)
    for dtype in dtypes:
        for rate in (0.3, golden.THIRD):
            if dtype != "float32":
                yield linen_case(123, rate, dtype, "NHWC", small, 2, depth=1)
                yield nnx_case(123, rate, dtype, "NHWC", small, 2)
            yield linen_case(123, rate, dtype, "NHWC", small, 1, jit=True)
        for shape, layout in (((1, 1, 1), "NCW"), ((2, 3, 2, 2, 2), "NCDHW"),
                              ((3, 4, 5), "NCW")):
            yield linen_case(0, 0.2, dtype, layout, shape, 1, depth=1)
            yield nnx_case(0, 0.2, dtype, layout, shape, 1)


def main():
    root = {"stream": "flax-linen", "api": "flax.linen.Dropout",
            "x64": JAX.x64, "fold": True, "path": ["Dropout_0"], "counter": 1}
    nnx_root = {"stream": "flax-nnx", "api": "flax.nnx.Dropout",
                "x64": JAX.x64, "layer": 0}
    long = [
        long_case(lambda: linen(42, True, 0.5, (1,), 1, 1),
                  dict(root, seed=42, rate=0.5), 5000),
        long_case(lambda: linen(0, True, 0.1, (1,), 1, 1),
                  dict(root, seed=0, rate=0.1), 7001),
        long_case(lambda: nnx_layer(42, 0.5, (1,), 0),
                  dict(nnx_root, seed=42, rate=0.5), 5000),
        long_case(lambda: nnx_layer(1701, 0.3, (1,), 0),
                  dict(nnx_root, seed=1701, rate=0.3), 7001)]
    x64 = "-x64" if JAX.x64 else ""
    golden.write("flax%s-%s.json" % (x64, flax.__version__), {
        "framework": "Flax",
        "versions": dict(JAX.version, flax=flax.__version__,
                         python=golden.python_version(),
                         numpy=np.__version__),
        "script": "make_flax.py" + (" --x64" if JAX.x64 else ""),
        "cases": list(cases()), "long": long,
        "sequences": [sequence(0), sequence(42)]})


if __name__ == "__main__":
    main()
