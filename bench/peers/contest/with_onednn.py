"""oneDNN: its binary primitive with broadcast, called through its C interface."""

import ctypes
import functools
import glob
import importlib.metadata
import os
import sys

from .contender import Contender, Unsupported, Work

TITLE = "oneDNN"

# Values of dnnl_types.h, the same in all versions 3.
CPU, IN_ORDER = 1, 1
BINARY_ADD, BINARY_MUL, BINARY_GT, BINARY_LT = 0x1fff0, 0x1fff1, 0x1fff7, 0x1fff9
ELTWISE_RELU, ELTWISE_LINEAR, ELTWISE_CLIP = 0x20, 0x26, 0x2e
TYPES = {"bfloat16": 2, "float32": 3}
SOURCE_0, SOURCE_1, DESTINATION = 1, 2, 17
POST_OPERATION = 32768


class Argument(ctypes.Structure):
    """dnnl_exec_arg_t."""

    _fields_ = [("arg", ctypes.c_int), ("memory", ctypes.c_void_p)]


class Version(ctypes.Structure):
    """The beginning of dnnl_version_t."""

    _fields_ = [("major", ctypes.c_int), ("minor", ctypes.c_int), ("patch", ctypes.c_int)]


class Library:
    """The library, with an engine and a stream."""

    def __init__(self, lib, version):
        self.lib, self.version = lib, version
        self.engine, self.stream = ctypes.c_void_p(), ctypes.c_void_p()
        must(lib.dnnl_engine_create(ctypes.byref(self.engine), CPU, ctypes.c_size_t(0)))
        must(lib.dnnl_stream_create(ctypes.byref(self.stream), self.engine, IN_ORDER))


@functools.cache
def load():
    """The Library, or an exception with the reason why it is missing."""
    importlib.metadata.version("onednn-cpu-gomp")
    lib = ctypes.CDLL(sorted(glob.glob(os.path.join(sys.prefix, "lib", "libdnnl.so*")))[0])
    lib.dnnl_version.restype = ctypes.POINTER(Version)
    v = lib.dnnl_version().contents
    if v.major != 3:
        raise RuntimeError("version %d, and the numbers in use here are those of 3" % v.major)
    return Library(lib, "%d.%d.%d" % (v.major, v.minor, v.patch))


def contenders(threads):
    del threads  # OMP_NUM_THREADS says it, see worker.py
    library = load()

    def prepare(job):
        return OneDNNWork(job, library)
    return [Contender("oneDNN binary", library.version, prepare)]


def must(status):
    if status != 0:
        raise RuntimeError("oneDNN returns status %d" % status)


class Primitive(Work):
    """Executes a primitive, once for each of its lists of arguments."""

    def __init__(self, job, library, tolerance=""):
        super().__init__(job, self.run, tolerance=tolerance)
        self.lib, self.engine, self.stream = library.lib, library.engine, library.stream
        self.primitive = ctypes.c_void_p()
        self.descriptions, self.memories, self.executions = [], [], []

    def create(self, algorithm, first, second, result, attributes=None):
        """Makes the binary primitive of three descriptors."""
        description = ctypes.c_void_p()
        must(self.lib.dnnl_binary_primitive_desc_create(
            ctypes.byref(description), self.engine, algorithm, first, second, result, attributes))
        must(self.lib.dnnl_primitive_create(ctypes.byref(self.primitive), description))
        self.lib.dnnl_primitive_desc_destroy(description)

    def arguments(self, pairs):
        """The list of arguments of an execution: their numbers, and the memory of each."""
        return (Argument * len(pairs))(*pairs)

    def describe(self, shape):
        """A descriptor of N×C×… with the strides of a shape in memory."""
        strides, step = [], 1
        for dim in reversed(shape):
            strides.insert(0, step)
            step *= dim
        axes = [0, self.job.channel_axis] + list(self.job.spatial_axes)
        many = ctypes.c_int64 * len(axes)
        result = ctypes.c_void_p()
        must(self.lib.dnnl_memory_desc_create_with_strides(
            ctypes.byref(result), len(axes), many(*(shape[a] for a in axes)),
            TYPES[self.job.row.dtype], many(*(strides[a] for a in axes))))
        self.descriptions.append(result)
        return result

    def memory(self, description, flat):
        m = ctypes.c_void_p()
        must(self.lib.dnnl_memory_create(ctypes.byref(m), description, self.engine,
                                         ctypes.c_void_p(flat.ctypes.data)))
        self.memories.append(m)
        return m.value

    def run(self):
        for arguments in self.executions:
            must(self.lib.dnnl_primitive_execute(self.primitive, self.stream, len(arguments), arguments))
        must(self.lib.dnnl_stream_wait(self.stream))

    def close(self):
        for m in self.memories:
            self.lib.dnnl_memory_destroy(m)
        for d in self.descriptions:
            self.lib.dnnl_memory_desc_destroy(d)
        self.lib.dnnl_primitive_destroy(self.primitive)


class OneDNNWork(Primitive):
    """The product of each pass."""

    def __init__(self, job, library):
        if job.row.draws:
            raise Unsupported("its dropout is of elements")
        super().__init__(job, library)
        tensor, factors = self.describe(job.shape), self.describe(job.factor_shape)
        self.create(BINARY_MUL, tensor, factors, tensor)
        passes = [(job.source, job.y)] + ([(job.gradient, job.dx)] if job.row.backward else [])
        for source, result in passes:
            memories = [self.memory(tensor, source), self.memory(factors, job.factors)]
            # A tensor in place is one memory, as oneDNN wants it.
            memories.append(memories[0] if source is result else self.memory(tensor, result))
            self.executions.append(self.arguments(list(zip((SOURCE_0, SOURCE_1, DESTINATION), memories))))
