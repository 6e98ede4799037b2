"""oneDNN in the fused family: a binary primitive, with what follows as its post-operations."""

import ctypes

from .contender import Contender, Unsupported
from .job import aligned
from .with_onednn import (BINARY_ADD, BINARY_GT, BINARY_LT, BINARY_MUL, DESTINATION, ELTWISE_CLIP, ELTWISE_LINEAR,
                          ELTWISE_RELU, POST_OPERATION, SOURCE_0, SOURCE_1, TITLE, Primitive, load, must)


def contenders(threads):
    del threads  # OMP_NUM_THREADS says it, see worker.py
    library = load()

    def prepare(job):
        return OneDNNFused(job, library)
    return [Contender("oneDNN fused", library.version, prepare, "fused")]


class OneDNNFused(Primitive):
    """One primitive for all. It computes in float32, and rounds once."""

    def __init__(self, job, library):
        super().__init__(job, library, tolerance="rounds to the type once")
        self.operations = ctypes.c_void_p()
        must(self.lib.dnnl_post_ops_create(ctypes.byref(self.operations)))
        self.given = []  # arguments of the post-operations: the number of each, and its memory
        self.count = 0
        y = self.described(job.y, job.shape)
        if job.row.work == "fuse-backward":
            if job.in_place:
                raise Unsupported("in place the result is the first source, which is that of the activation")
            first, algorithm, second = self.backward()
        else:
            first, algorithm, second = self.forward(y)
        attributes = ctypes.c_void_p()
        must(self.lib.dnnl_primitive_attr_create(ctypes.byref(attributes)))
        must(self.lib.dnnl_primitive_attr_set_post_ops(attributes, self.operations))
        self.create(algorithm, first[0], second[0], y[0], attributes)
        self.lib.dnnl_primitive_attr_destroy(attributes)
        self.lib.dnnl_post_ops_destroy(self.operations)
        arguments = [(SOURCE_0, first[1]), (SOURCE_1, second[1]), (DESTINATION, y[1])] + self.given
        self.executions = [self.arguments(arguments)]

    def forward(self, y):
        job = self.job
        self.binary(BINARY_ADD, job.shifts, job.channel_shape)
        if job.row.activation == "ReLU6":
            self.eltwise(ELTWISE_CLIP, 0, job.limit)
        else:
            self.eltwise(ELTWISE_RELU, job.limit if job.row.activation == "LeakyReLU" else 0, 0)
        self.binary(BINARY_MUL, job.factors, job.factor_shape)
        if job.row.work == "fuse-add" and job.in_place:
            must(self.lib.dnnl_post_ops_append_sum(self.operations, ctypes.c_float(1), 0, 0))
            self.count += 1
        elif job.row.work == "fuse-add":
            self.binary(BINARY_ADD, job.residual, job.shape)
        # A tensor in place is one memory, as oneDNN wants it.
        first = y if job.source is job.y else self.described(job.source, job.shape)
        return first, BINARY_MUL, self.described(job.scales, job.channel_shape)

    def backward(self):
        """1 where the activation lets the gradient through and 0 elsewhere, times the rest."""
        job = self.job
        ones = (1,) * len(job.shape)
        self.zero, self.limit = aligned(1, job.dtype), aligned(1, job.dtype)
        self.limit[:] = job.limit
        saved = self.described(job.saved, job.shape)
        algorithm, second = BINARY_GT, self.described(self.zero, ones)
        if job.row.activation == "ReLU6":
            algorithm, second = BINARY_LT, self.described(self.limit, ones)
            self.binary(BINARY_MUL, job.saved, job.shape)
            self.binary(BINARY_GT, self.zero, ones)
        elif job.row.activation == "LeakyReLU":
            self.eltwise(ELTWISE_LINEAR, 1 - job.limit, job.limit)
        self.binary(BINARY_MUL, job.x, job.shape)
        self.binary(BINARY_MUL, job.factors, job.factor_shape)
        self.binary(BINARY_MUL, job.scales, job.channel_shape)
        return saved, algorithm, second

    def described(self, flat, shape):
        """The descriptor of a tensor, and its memory."""
        description = self.describe(shape)
        return description, self.memory(description, flat)

    def binary(self, algorithm, flat, shape):
        description, memory = self.described(flat, shape)
        must(self.lib.dnnl_post_ops_append_binary(self.operations, algorithm, description))
        self.given.append((POST_OPERATION * (self.count + 1) | SOURCE_1, memory))
        self.count += 1

    def eltwise(self, algorithm, alpha, beta):
        must(self.lib.dnnl_post_ops_append_eltwise(
            self.operations, algorithm, ctypes.c_float(alpha), ctypes.c_float(beta)))
        self.count += 1
