"""Bits in, bits out, for the tensors of each framework.

A framework is only imported by the class that stands for it.
"""

import sys

import numpy as np

import golden


class Torch:
    def __init__(self):
        import torch
        self.torch = torch
        self.version = {"torch": torch.__version__}
        self.signed = {2: torch.int16, 4: torch.int32, 8: torch.int64}

    def tensor(self, bits, dtype, shape):
        width = golden.WIDTH[dtype]
        signed = self.torch.from_numpy(bits.view("<i%d" % width).copy())
        return signed.view(getattr(self.torch, dtype)).reshape(shape)

    def bits(self, t, dtype):
        width = golden.WIDTH[dtype]
        flat = t.detach().contiguous().reshape(-1).view(self.signed[width])
        return flat.numpy().view(golden.unsigned(dtype))

    def layer_gradient(self, layer, x, dy, jit):
        x.requires_grad_()
        y = layer(x, training=True)
        if not y.requires_grad:
            return y, self.torch.zeros_like(x)
        return y, self.torch.autograd.grad(y, x, dy)[0]


class TensorFlow:
    def __init__(self):
        import tensorflow as tf
        self.tf = tf
        self.version = {"tensorflow": tf.__version__}

    def tensor(self, bits, dtype, shape):
        same = {2: self.tf.uint16, 4: self.tf.uint32, 8: self.tf.uint64}
        flat = self.tf.constant(bits, same[golden.WIDTH[dtype]])
        return self.tf.reshape(self.tf.bitcast(flat, dtype), shape)

    def bits(self, t, dtype):
        return t.numpy().ravel().view(golden.unsigned(dtype))

    def gradient(self, forward, x, dy):
        with self.tf.GradientTape() as tape:
            tape.watch(x)
            y = forward(x)
        dx = tape.gradient(y, x, output_gradients=dy)
        return y, self.tf.zeros_like(x) if dx is None else dx

    def layer_gradient(self, layer, x, dy, jit):
        both = self.gradient
        if jit:
            both = self.tf.function(self.gradient, jit_compile=jit == "xla")
        return both(lambda x: layer(x, training=True), x, dy)


class Jax:
    """With --x64 on the command line, JAX holds 64-bit numbers.

    Without it there is no float64, and the mask is another.
    """

    def __init__(self):
        import jax
        self.x64 = "--x64" in sys.argv
        jax.config.update("jax_enable_x64", self.x64)
        self.jax = jax
        self.version = {"jax": jax.__version__,
                        "jaxlib": jax.lib.__version__}

    def tensor(self, bits, dtype, shape):
        flat = self.jax.numpy.asarray(bits)
        return self.jax.lax.bitcast_convert_type(flat, dtype).reshape(shape)

    def bits(self, t, dtype):
        return np.asarray(t).ravel().view(golden.unsigned(dtype))

    def gradient(self, forward, x, dy, jit):
        def both(x, dy):
            y, back = self.jax.vjp(forward, x)
            return y, back(dy)[0]
        return self.jax.jit(both)(x, dy) if jit else both(x, dy)

    def layer_gradient(self, layer, x, dy, jit):
        if not jit:
            return self.gradient(lambda x: layer(x, training=True), x, dy,
                                 False)

        def both(state, x, dy):
            def forward(x):
                return layer.stateless_call([], state, x, training=True)
            y, back, state = self.jax.vjp(forward, x, has_aux=True)
            return y, back(dy)[0], state
        state = [v.value for v in layer.non_trainable_variables]
        y, dx, state = self.jax.jit(both)(state, x, dy)
        for v, new in zip(layer.non_trainable_variables, state):
            v.assign(new)
        return y, dx
