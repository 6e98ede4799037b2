"""TensorFlow: Mul, tf.nn.dropout with a noise shape, and its gradient. Nothing is in place."""

import numpy as np
import tensorflow as tf

from .contender import Contender, Unsupported, Work

TITLE = "TensorFlow"


def contenders(threads):
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.set_visible_devices([], "GPU")
    return [Contender("TensorFlow", tf.__version__, TensorFlowWork)]


class TensorFlowWork(Work):
    """Operations called one by one, and functions of the graph for layers.

    TensorFlow's tensors are its own: the inputs are copies of the shared ones.
    """

    def __init__(self, job):
        super().__init__(job, None)
        work = job.row.work
        if job.in_place:
            raise Unsupported("TensorFlow's tensors are not written in place")
        rate, shape = job.row.rate, job.factor_shape
        self.y = self.dx = None
        if job.row.draws:
            self.policy = "select"
        if work == "draw":
            @tf.function
            def draw():
                return tf.random.uniform(shape) >= rate
            self.f, self.call = draw, self.draw
            return
        self.x = tf.constant(job.x.reshape(job.shape))
        self.m = tf.constant(job.factors.reshape(shape))
        if job.row.backward:
            self.dy = tf.constant(job.dy.reshape(job.shape))

        @tf.function
        def layer(x):
            return tf.nn.dropout(x, rate, noise_shape=shape)

        @tf.function
        def training(x, dy):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = tf.nn.dropout(x, rate, noise_shape=shape)
            return y, tape.gradient(y, x, output_gradients=dy)

        self.f = {"layer": layer, "training": training}.get(work)
        self.call = {"apply": self.apply, "both": self.both,
                     "layer": self.layer, "training": self.training}[work]

    def apply(self):
        self.y = tf.raw_ops.Mul(x=self.x, y=self.m)

    def both(self):
        self.y = tf.raw_ops.Mul(x=self.x, y=self.m)
        self.dx = tf.raw_ops.Mul(x=self.dy, y=self.m)

    def layer(self):
        self.y = self.f(self.x)

    def training(self):
        self.y, self.dx = self.f(self.x, self.dy)

    def draw(self):
        self.channels = self.f()

    def kept(self):
        return int(np.count_nonzero(self.channels.numpy()))

    def results(self):
        return [a.numpy().reshape(-1) for a in (self.y, self.dx) if a is not None]

    def address(self):
        # Buffers know no bfloat16. A bitcast is a view.
        y = tf.bitcast(self.y, tf.uint16) if self.y.dtype == tf.bfloat16 else self.y
        return np.asarray(memoryview(y)).ctypes.data
