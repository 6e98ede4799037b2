"""Records JAX's Bernoulli numbers as dropout, one trial a channel.

    python make_jax.py          writes jax-VERSION.json
    python make_jax.py --x64    writes jax-x64-VERSION.json

JAX has no dropout of its own; everybody writes the same three lines, which
forward() repeats. Cases whose "fold" is true take fold_in(key(seed), step) for
their key, the others key(seed) itself and have one call only.
"""

import jax
import numpy as np

import backends
import golden

JAX = backends.Jax()


def noise_shape(shape, layout):
    if golden.channels_last(layout):
        return (shape[0],) + (1,) * (len(shape) - 2) + (shape[-1],)
    return tuple(shape[:2]) + (1,) * (len(shape) - 2)


def key_of(seed, fold, step):
    key = jax.random.key(seed)
    return jax.random.fold_in(key, step) if fold else key


def forward(key, x, rate, layout):
    keep = 1.0 - rate
    mask = jax.random.bernoulli(key, keep, noise_shape(x.shape, layout))
    mask = jax.numpy.broadcast_to(mask, x.shape)
    return jax.lax.select(mask, x / keep, jax.numpy.zeros_like(x))


def case(seed, rate, dtype, layout, shape, steps=3, fold=True, jit=False,
         original=False):
    with jax.threefry_partitionable(not original):
        xb = golden.make_bits(shape, dtype, 4)
        db = golden.make_bits(shape, dtype, 7)
        calls = []
        for step in range(steps if fold else 1):
            key = key_of(seed, fold, step)
            mask = jax.random.bernoulli(key, 1.0 - rate,
                                        noise_shape(shape, layout))
            y, dx = JAX.gradient(lambda x: forward(key, x, rate, layout),
                                 JAX.tensor(xb, dtype, shape),
                                 JAX.tensor(db, dtype, shape), jit)
            calls.append({"step": step,
                          "mask": golden.mask_text(np.asarray(mask)),
                          "y": golden.hexed(JAX.bits(y, dtype), dtype),
                          "dx": golden.hexed(JAX.bits(dx, dtype), dtype)})
    key = "jax.random.key(seed)"
    if fold:
        key = "jax.random.fold_in(%s, step)" % key
    return {"stream": "jax-original" if original else "jax",
            "api": "jax.random.bernoulli(%s, 1 - rate)" % key,
            "x64": JAX.x64, "fold": fold, "seed": seed, "rate": rate,
            "dtype": dtype, "layout": layout, "shape": list(shape),
            "jit": jit, "x": golden.hexed(xb, dtype),
            "dy": golden.hexed(db, dtype), "calls": calls}


def plain_case(seed, rate, dtype, layout, shape):
    """The output of a call by itself, with nothing around it."""
    xb = golden.make_bits(shape, dtype, 4)
    key = key_of(seed, False, 0)
    mask = jax.random.bernoulli(key, 1.0 - rate, noise_shape(shape, layout))
    y = forward(key, JAX.tensor(xb, dtype, shape), rate, layout)
    return {"stream": "jax", "plain": True,
            "api": "jax.random.bernoulli(jax.random.key(seed), 1 - rate)",
            "x64": JAX.x64, "fold": False, "seed": seed, "rate": rate,
            "dtype": dtype, "layout": layout, "shape": list(shape),
            "jit": False, "x": golden.hexed(xb, dtype), "dy": "",
            "calls": [{"step": 0, "mask": golden.mask_text(np.asarray(mask)),
                       "y": golden.hexed(JAX.bits(y, dtype), dtype),
                       "dx": ""}]}


def long_case(seed, rate, trials, fold=True, original=False):
    calls = []
    with jax.threefry_partitionable(not original):
        for step in range(2 if fold else 1):
            mask = jax.random.bernoulli(key_of(seed, fold, step), 1.0 - rate,
                                        (trials,))
            calls.append({"step": step,
                          "bits": golden.mask_bits(np.asarray(mask))})
    return {"stream": "jax-original" if original else "jax",
            "api": "jax.random.bernoulli", "x64": JAX.x64, "fold": fold,
            "seed": seed, "rate": rate, "dtype": "float32", "trials": trials,
            "calls": calls}


def cases():
    small = (2, 5, 2, 3)
    dtypes = [d for d in golden.WIDTH if JAX.x64 or d != "float64"]
    for seed in (0, 42, 123, 1701, 2**31 - 1, 2**32 - 1, 2**32 + 42,
                 2**40 + 3, -1, -42, -2**63):
        yield case(seed, 0.5, "float32", "NCHW", small, fold=False)
    for rate in (0.0, 0.1, 0.2, 0.3, 0.9, golden.THIRD, 1.0):
        for fold in (False, True):
            yield case(42, rate, "float32", "NHWC", (1, 3, 3, 7), 2, fold)
    for original in (False, True):
        for dtype in dtypes:
            for rate in (0.3, 0.9, golden.THIRD):
                if dtype != "float32":
                    yield case(123, rate, dtype, "NCHW", small, 2,
                               original=original)
            for rate in (0.3, golden.THIRD):
                yield case(123, rate, dtype, "NCHW", small, 2, jit=True,
                           original=original)
            for shape, layout in (((3, 5, 4), "NWC"), ((1, 1, 1), "NCW"),
                                  ((2, 3, 2, 2, 2), "NCDHW"),
                                  ((1, 2, 3, 5), "NHWC")):
                yield case(0, 0.2, dtype, layout, shape, 1, original=original)
    for dtype in dtypes:
        for rate in (0.137, 0.3, 0.9, golden.THIRD):
            yield plain_case(7, rate, dtype, "NHWC", (2, 3, 3, 5))
    for seed in (0, 42, 1701, -42):
        for shape in ((1, 33, 2), (1, 32, 2)):
            yield case(seed, 0.5, "float32", "NCW", shape, 2, fold=False,
                       original=True)


def main():
    long = [long_case(42, 0.5, 5000), long_case(0, 0.1, 20000, False),
            long_case(123, golden.THIRD, 7001, False),
            long_case(2**40 + 3, 0.9, 5000),
            long_case(42, 0.5, 5000, True, True),
            long_case(0, 0.1, 20000, False, True),
            long_case(123, golden.THIRD, 7001, False, True)]
    x64 = "-x64" if JAX.x64 else ""
    golden.write("jax%s-%s.json" % (x64, jax.__version__), {
        "framework": "JAX",
        "versions": dict(JAX.version, python=golden.python_version(),
                         numpy=np.__version__),
        "script": "make_jax.py" + (" --x64" if JAX.x64 else ""),
        "cases": list(cases()), "long": long})


if __name__ == "__main__":
    main()
