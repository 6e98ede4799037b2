"""Records Flax and Keras on JAX with jax_threefry_partitionable=False.

    python make_original.py          writes original/jax-VERSION.json
    python make_original.py --x64    writes original/jax-x64-VERSION.json

A row has the text of the stream, the samples and channels of a call, the rate, and
the masks of successive calls.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import flax
import flax.linen as nn
import jax
import keras
import numpy as np
from flax import nnx

import backends
import golden

JAX = backends.Jax()
FLAGS = "/x64/original" if JAX.x64 else "/original"


def ones(samples, channels):
    return jax.numpy.ones((samples, 1, channels))


def row(stream, samples, channels, rate, call):
    masks = [golden.mask_text(np.asarray(call(step)).reshape(-1) != 0)
             for step in range(3)]
    return {"stream": stream, "samples": samples, "channels": channels,
            "rate": rate, "masks": masks}


def linen(seed, samples, channels, rate):
    drop = nn.Dropout(rate, (1,), deterministic=False)

    class Outer(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Dropout(rate, (1,), deterministic=False)(x)

    def at(module, fold):
        def call(step):
            key = jax.random.key(seed)
            if fold or step > 0:
                key = jax.random.fold_in(key, step)
            return module.apply({}, ones(samples, channels),
                                rngs={"dropout": key})
        return call
    yield row("flax-linen:%d%s" % (seed, FLAGS), samples, channels, rate,
              at(drop, False))
    yield row("flax-linen:%d/fold%s/path=Dropout_0" % (seed, FLAGS), samples,
              channels, rate, at(Outer(), True))


class Net(nnx.Module):
    def __init__(self, rate, rngs):
        self.conv = nnx.Conv(3, 3, 3, rngs=rngs)
        self.drop = nnx.Dropout(rate, broadcast_dims=(1,), rngs=rngs)


def layers(seed, samples, channels, rate):
    x = ones(samples, channels)
    drop = nnx.Dropout(rate, broadcast_dims=(1,), rngs=nnx.Rngs(seed))
    yield row("flax-nnx:%d%s" % (seed, FLAGS), samples, channels, rate,
              lambda step: drop(x))
    net = Net(rate, nnx.Rngs(seed))
    yield row("flax-nnx:%d%s/count=2" % (seed, FLAGS), samples, channels, rate,
              lambda step: net.drop(x))
    layer = keras.layers.SpatialDropout1D(rate, seed=seed)
    yield row("keras-jax:%d%s" % (seed, FLAGS), samples, channels, rate,
              lambda step: layer(x, training=True))


def main():
    jax.config.update("jax_threefry_partitionable", False)
    rows = []
    for seed, samples, channels, rate in (
            (42, 2, 9, 0.5), (42, 3, 9, 0.3), (7, 1, 1, 0.5), (0, 5, 131, 0.9),
            (123456789, 2, 700, 1.0 / 3.0)):
        rows += linen(seed, samples, channels, rate)
        rows += layers(seed, samples, channels, rate)
    name = "jax%s-%s.json" % ("-x64" if JAX.x64 else "", jax.__version__)
    golden.write(os.path.join("original", name), {
        "framework": "JAX, Flax and Keras",
        "versions": {"jax": jax.__version__, "flax": flax.__version__,
                     "keras": keras.__version__, "numpy": np.__version__,
                     "python": golden.python_version()},
        "script": "make_original.py" + (" --x64" if JAX.x64 else ""),
        "rows": rows})


if __name__ == "__main__":
    main()
