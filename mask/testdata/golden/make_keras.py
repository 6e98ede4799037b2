"""Records Keras' SpatialDropout layers on one of its backends.

    python make_keras.py torch
    python make_keras.py tensorflow
    python make_keras.py jax [--x64]

writes keras-BACKEND-VERSION.json. The layers hold a counter: their random
stream is a pure function of the seed, which the user types, and of how often
the layer has drawn.
"""

import os
import sys

BACKEND = sys.argv[1]
os.environ["KERAS_BACKEND"] = BACKEND
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import backends  # noqa: E402
import golden  # noqa: E402

STREAM = "keras-" + BACKEND
LAYERS = {"NWC": keras.layers.SpatialDropout1D,
          "NCHW": keras.layers.SpatialDropout2D,
          "NHWC": keras.layers.SpatialDropout2D,
          "NCDHW": keras.layers.SpatialDropout3D,
          "NDHWC": keras.layers.SpatialDropout3D}


def layer_of(seed, rate, dtype, layout):
    """A layer whose calls are counted from 0."""
    more = {}
    if layout != "NWC":
        last = golden.channels_last(layout)
        more["data_format"] = "channels_last" if last else "channels_first"
    return LAYERS[layout](rate, seed=seed, dtype=dtype, **more)


def mask_of(layer, dtype, layout, shape, training=True):
    y = layer(keras.ops.ones(shape, dtype=dtype), training=training)
    y = keras.ops.convert_to_numpy(keras.ops.cast(y, "float32"))
    return golden.mask_text(golden.first_of_each(y, layout) != 0)


def case(seed, rate, dtype, layout, shape, steps=3, jit=False):
    xb = golden.make_bits(shape, dtype, 2)
    db = golden.make_bits(shape, dtype, 9)
    layer = layer_of(seed, rate, dtype, layout)
    masks = [mask_of(layer, dtype, layout, shape) for _ in range(steps)]
    layer = layer_of(seed, rate, dtype, layout)
    layer.build(shape)
    calls = []
    for step in range(steps):
        y, dx = backend.layer_gradient(
            layer, backend.tensor(xb, dtype, shape),
            backend.tensor(db, dtype, shape), jit)
        calls.append({"step": step, "mask": masks[step],
                      "y": golden.hexed(backend.bits(y, dtype), dtype),
                      "dx": golden.hexed(backend.bits(dx, dtype), dtype)})
    return {"stream": STREAM, "api": "keras.layers." + type(layer).__name__,
            "seed": seed, "rate": rate, "dtype": dtype, "layout": layout,
            "shape": list(shape), "jit": jit, "x": golden.hexed(xb, dtype),
            "dy": golden.hexed(db, dtype), "calls": calls}


def long_case(seed, rate, trials, dtype="float32", steps=2):
    layer = layer_of(seed, rate, dtype, "NWC")
    calls = []
    for step in range(steps):
        text = mask_of(layer, dtype, "NWC", (1, 1, trials))
        kept = np.array([c == "1" for c in text])
        calls.append({"step": step, "bits": golden.mask_bits(kept)})
    return {"stream": STREAM, "api": "keras.layers.SpatialDropout1D",
            "seed": seed, "rate": rate, "dtype": dtype, "trials": trials,
            "calls": calls}


def sequence(seed):
    """One layer, called with what does not count and with what does."""
    layer = layer_of(seed, 0.5, "float32", "NWC")
    plan = [((2, 3, 5), True, 0.5), ((2, 3, 5), False, 0.5),
            ((2, 3, 5), True, 0.5), ((1, 2, 7), True, 0.2),
            ((1, 2, 7), True, 0.0), ((1, 2, 7), True, 1.0),
            ((2, 3, 5), True, 0.5), ((0, 3, 5), True, 0.5),
            ((2, 3, 5), True, 0.5)]
    calls = []
    for shape, training, rate in plan:
        layer.rate = rate
        if 0 in shape:
            layer(keras.ops.ones(shape), training=training)
            mask = ""
        else:
            mask = mask_of(layer, "float32", "NWC", shape, training)
        calls.append({"shape": list(shape), "rate": rate, "dtype": "float32",
                      "layout": "NWC", "training": training, "mask": mask})
    return {"stream": STREAM, "seed": seed, "calls": calls}


def cases():
    small, seven = (2, 5, 2, 3), (1, 7, 3, 3)
    dtypes = list(golden.WIDTH)
    seeds = [0, 42, 123, 1701, 2**31 - 1]
    if BACKEND == "torch":
        seeds += [-1, -2, -42, -2**31]
    elif BACKEND == "tensorflow":
        seeds += [2**31 - 2, 2**31 - 3, 2**32 + 42, 2**40 + 3, 2**63 - 1, -1,
                  -2, -42, -2**31, -2**63]
    else:
        seeds += [2**31, 2**32 - 1]
        if "--x64" not in sys.argv:
            dtypes.remove("float64")
    for seed in seeds:
        yield case(seed, 0.5, "float32", "NCHW", small, steps=2)
    for rate in (0.0, 0.1, 0.2, 0.3, 0.9, golden.THIRD, 1.0):
        yield case(42, rate, "float32", "NHWC", (1, 3, 3, 7))
    for dtype in dtypes:
        for rate in (0.2, 0.3, 0.9, golden.THIRD, 1.0):
            if dtype != "float32":
                yield case(123, rate, dtype, "NCHW", small, steps=2)
        for shape, layout in (((3, 5, 4), "NWC"), ((2, 3, 2, 2, 2), "NCDHW"),
                              ((1, 1, 1), "NWC"), ((2, 2, 3, 5), "NHWC"),
                              ((2, 2, 2, 2, 3), "NDHWC")):
            yield case(0, 0.3, dtype, layout, shape, steps=2)
        if BACKEND == "jax":
            yield case(1701, 0.3, dtype, "NHWC", (2, 3, 2, 5), 2, jit=True)
            yield case(1701, golden.THIRD, dtype, "NHWC", (2, 3, 2, 5), 2,
                       jit=True)
    yield case(42, 0.5, "float32", "NCHW", seven)


def main():
    long = [long_case(42, 0.5, 5000), long_case(0, 0.1, 20000, steps=1),
            long_case(123, golden.THIRD, 7001, "bfloat16"),
            long_case(2**31 - 1, 0.9, 5000, "float16")]
    document = {
        "framework": "Keras", "versions": dict(
            keras=keras.__version__, python=golden.python_version(),
            numpy=np.__version__, **backend.version),
        "script": "make_keras.py " + " ".join(sys.argv[1:]),
        "cases": list(cases()), "long": long,
        "sequences": [sequence(0), sequence(42)],
    }
    x64 = "-x64" if "--x64" in sys.argv else ""
    golden.write("keras-%s%s-%s.json" % (BACKEND, x64, keras.__version__),
                 document)


if __name__ == "__main__":
    backend = {"torch": backends.Torch, "tensorflow": backends.TensorFlow,
               "jax": backends.Jax}[BACKEND]()
    main()
