"""oneDNN in the fused family: a binary primitive, with what follows as its post-operations."""

import ctypes

import numpy as np

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
    """One primitive for all. It computes in float32, and rounds once.

    Its fast code knows numbers for each channel, and none for each channel of each sample.
    So the samples of NCHW are one with more channels, and those of NHWC are executed one
    by one.
    """

    def __init__(self, job, library):
        super().__init__(job, library, tolerance="rounds to the type once")
        if job.row.work == "fuse-backward" and job.in_place:
            raise Unsupported("in place the result is the first source, which is that of the activation")
        channels, self.samples = job.samples * job.channels, 1
        if job.row.layout == "NHWC":
            channels, self.samples = job.channels, job.samples
        whole, ones = list(job.shape), [1] * len(job.shape)
        whole[0], whole[job.channel_axis] = 1, channels
        numbers = list(ones)
        numbers[job.channel_axis] = channels
        # The descriptors of a sample, of numbers for its channels, and of one number.
        self.whole, self.numbers, self.one = map(self.describe, (whole, numbers, ones))
        repeats = channels // job.channels
        self.a, self.b = self.constant(np.tile(job.scales, repeats)), self.constant(np.tile(job.shifts, repeats))
        self.zero, self.limit = self.constant(np.zeros(1)), self.constant(np.full(1, job.limit))

        self.given = []  # the number of each argument, its descriptor, and its memory
        self.count = 0  # of post-operations
        self.operations = ctypes.c_void_p()
        must(self.lib.dnnl_post_ops_create(ctypes.byref(self.operations)))
        if job.row.work == "fuse-backward":
            algorithm, second = self.backward()
        else:
            algorithm, second = self.forward()
        attributes = ctypes.c_void_p()
        must(self.lib.dnnl_primitive_attr_create(ctypes.byref(attributes)))
        must(self.lib.dnnl_primitive_attr_set_post_ops(attributes, self.operations))
        self.create(algorithm, self.whole, second, self.whole, attributes)
        self.lib.dnnl_primitive_attr_destroy(attributes)
        self.lib.dnnl_post_ops_destroy(self.operations)
        self.executions = [self.execution(n) for n in range(self.samples)]

    def constant(self, values):
        flat = aligned(len(values), self.job.dtype)
        flat[:] = values
        return flat

    def forward(self):
        job = self.job
        self.first(job.source)
        self.argument(SOURCE_1, self.numbers, self.a)
        self.binary(BINARY_ADD, self.numbers, self.b)
        if job.row.activation == "ReLU6":
            self.eltwise(ELTWISE_CLIP, 0, job.limit)
        else:
            self.eltwise(ELTWISE_RELU, job.limit if job.row.activation == "LeakyReLU" else 0, 0)
        self.binary(BINARY_MUL, self.numbers, job.factors)
        if job.row.work == "fuse-add" and job.in_place:
            must(self.lib.dnnl_post_ops_append_sum(self.operations, ctypes.c_float(1), 0, 0))
            self.count += 1
        elif job.row.work == "fuse-add":
            self.binary(BINARY_ADD, self.whole, job.residual)
        return BINARY_MUL, self.numbers

    def backward(self):
        """1 where the activation lets the gradient through and 0 elsewhere, times the rest."""
        job = self.job
        self.first(job.saved)
        algorithm = BINARY_GT
        if job.row.activation == "ReLU6":
            algorithm = BINARY_LT
            self.binary(BINARY_MUL, self.whole, job.saved)
            self.binary(BINARY_GT, self.one, self.zero)
        self.argument(SOURCE_1, self.one, self.limit if algorithm == BINARY_LT else self.zero)
        if job.row.activation == "LeakyReLU":
            self.eltwise(ELTWISE_LINEAR, 1 - job.limit, job.limit)
        self.binary(BINARY_MUL, self.whole, job.x)
        self.binary(BINARY_MUL, self.numbers, job.factors)
        self.binary(BINARY_MUL, self.numbers, self.a)
        return algorithm, self.one

    def first(self, flat):
        self.argument(SOURCE_0, self.whole, flat)
        self.argument(DESTINATION, self.whole, self.job.y)

    def argument(self, number, description, flat):
        self.given.append((number, description, flat))

    def binary(self, algorithm, description, flat):
        must(self.lib.dnnl_post_ops_append_binary(self.operations, algorithm, description))
        self.argument(POST_OPERATION * (self.count + 1) | SOURCE_1, description, flat)
        self.count += 1

    def eltwise(self, algorithm, alpha, beta):
        must(self.lib.dnnl_post_ops_append_eltwise(
            self.operations, algorithm, ctypes.c_float(alpha), ctypes.c_float(beta)))
        self.count += 1

    def execution(self, n):
        """The arguments for a sample. What is shorter than all samples serves each of them."""
        found, pairs = {}, []
        for number, description, flat in self.given:
            part = flat
            if flat is self.job.factors or len(flat) == self.job.length:
                part = np.split(flat, self.samples)[n]
            # A tensor in place is one memory, as oneDNN wants it.
            address = part.ctypes.data
            if address not in found:
                found[address] = self.memory(description, part)
            pairs.append((number, found[address]))
        return self.arguments(pairs)
