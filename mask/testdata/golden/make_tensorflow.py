"""Records TensorFlow's stateless dropout, one trial a channel.

    python make_tensorflow.py

writes tensorflow-VERSION.json. Call number s of a case has the seed
[seed[0], seed[1] + s]: TensorFlow itself counts nothing. Where "jit" is true,
XLA has compiled the whole; it draws other masks.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

import backends  # noqa: E402
import golden  # noqa: E402

TF = backends.TensorFlow()


def noise_shape(shape, layout):
    if golden.channels_last(layout):
        return [shape[0]] + [1] * (len(shape) - 2) + [shape[-1]]
    return list(shape[:2]) + [1] * (len(shape) - 2)


def dropout(x, rate, seed, step, layout):
    pair = tf.constant([seed[0], seed[1] + step], tf.int64)
    return tf.nn.experimental.stateless_dropout(
        x, rate, pair, noise_shape=noise_shape(x.shape, layout))


def mask_of(shape, dtype, rate, seed, step, layout, jit=False):
    def run():
        return dropout(tf.ones(shape, dtype), rate, seed, step, layout)
    y = tf.function(run, jit_compile=True)() if jit else run()
    y = tf.cast(y, tf.float32).numpy()
    return golden.first_of_each(y, layout) != 0


def case(seed, rate, dtype, layout, shape, steps=3, jit=False):
    xb = golden.make_bits(shape, dtype, 3)
    db = golden.make_bits(shape, dtype, 8)
    calls = []
    for step in range(steps):
        mask = mask_of(shape, dtype, rate, seed, step, layout, jit)

        def both(x, dy):
            return TF.gradient(lambda x: dropout(x, rate, seed, step, layout),
                               x, dy)
        run = tf.function(both, jit_compile=True) if jit else both
        y, dx = run(TF.tensor(xb, dtype, shape), TF.tensor(db, dtype, shape))
        calls.append({"step": step, "mask": golden.mask_text(mask),
                      "y": golden.hexed(TF.bits(y, dtype), dtype),
                      "dx": golden.hexed(TF.bits(dx, dtype), dtype)})
    return {"stream": "tensorflow",
            "api": "tf.nn.experimental.stateless_dropout",
            "seed": seed, "rate": rate, "dtype": dtype, "layout": layout,
            "shape": list(shape), "jit": jit, "x": golden.hexed(xb, dtype),
            "dy": golden.hexed(db, dtype), "calls": calls}


def long_case(seed, rate, trials, dtype, steps=2, jit=False):
    calls = []
    for step in range(steps):
        mask = mask_of((1, 1, trials), dtype, rate, seed, step, "NWC", jit)
        calls.append({"step": step, "bits": golden.mask_bits(mask)})
    return {"stream": "tensorflow",
            "api": "tf.nn.experimental.stateless_dropout",
            "seed": seed, "rate": rate, "dtype": dtype, "trials": trials,
            "jit": jit, "calls": calls}


def cases():
    small = (2, 5, 2, 3)
    for seed in ([0, 0], [1, 0], [42, 0], [123, 7], [1701, 0], [0, 42],
                 [2**31 - 1, -1], [2**32 + 42, 0], [2**53 + 1, 2**40],
                 [2**63 - 1, 2**63 - 3], [-1, 0], [-42, -7], [-2**63, -2**63]):
        yield case(seed, 0.5, "float32", "NCHW", small, steps=2)
    for rate in (0.0, 0.1, 0.2, 0.3, 0.9, golden.THIRD, 0.999):
        yield case([42, 0], rate, "float32", "NHWC", (1, 3, 3, 7))
    for dtype in golden.WIDTH:
        for rate in (0.1, 0.3, 0.5, 0.9, golden.THIRD):
            if dtype != "float32":
                yield case([123, 0], rate, dtype, "NCHW", small, steps=2)
        for shape, layout in (((3, 4, 5), "NCW"), ((3, 5, 4), "NWC"),
                              ((2, 3, 2, 2, 2), "NCDHW"), ((1, 1, 1), "NCW"),
                              ((2, 2, 3, 5), "NHWC"),
                              ((2, 2, 2, 2, 3), "NDHWC")):
            yield case([0, 5], 0.2, dtype, layout, shape, steps=2)
        for rate in (0.3, golden.THIRD):
            yield case([42, 0], rate, dtype, "NHWC", (3, 2, 2, 7), 1, jit=True)
        for seed in ([7, -5], [42, 2**40], [-2**63, 2**63 - 1]):
            yield case(seed, 0.3, dtype, "NHWC", (3, 2, 2, 7), 1, jit=True)


def main():
    long = [long_case([42, 0], 0.5, 5000, "float32"),
            long_case([0, 3], 0.1, 20000, "float32", 1),
            long_case([123, 0], golden.THIRD, 7001, "float64"),
            long_case([1701, -4], 0.3, 7001, "float16"),
            long_case([-5, 2**40], 0.2, 7001, "bfloat16")]
    long += [long_case([42, 1], golden.THIRD, 5001, dtype, 1, jit=True)
             for dtype in golden.WIDTH]
    golden.write("tensorflow-%s.json" % tf.__version__, {
        "framework": "TensorFlow",
        "versions": dict(TF.version, python=golden.python_version(),
                         numpy=np.__version__),
        "script": "make_tensorflow.py", "cases": list(cases()), "long": long})


if __name__ == "__main__":
    main()
