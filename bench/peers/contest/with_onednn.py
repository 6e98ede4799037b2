"""oneDNN: its binary primitive with broadcast, called through its C interface."""

import ctypes
import glob
import importlib.metadata
import os
import sys

from .contender import Contender, Unsupported, Work

TITLE = "oneDNN"

# Values of dnnl_types.h, the same in all versions 3.
CPU, IN_ORDER, BINARY_MUL = 1, 1, 0x1fff1
TYPES = {"bfloat16": 2, "float32": 3}
SOURCE_0, SOURCE_1, DESTINATION = 1, 2, 17


class Argument(ctypes.Structure):
    """dnnl_exec_arg_t."""

    _fields_ = [("arg", ctypes.c_int), ("memory", ctypes.c_void_p)]


class Version(ctypes.Structure):
    """The beginning of dnnl_version_t."""

    _fields_ = [("major", ctypes.c_int), ("minor", ctypes.c_int), ("patch", ctypes.c_int)]


def contenders(threads):
    del threads  # OMP_NUM_THREADS says it, see worker.py
    importlib.metadata.version("onednn-cpu-gomp")  # or the reason why the library is missing
    lib = ctypes.CDLL(sorted(glob.glob(os.path.join(sys.prefix, "lib", "libdnnl.so*")))[0])
    lib.dnnl_version.restype = ctypes.POINTER(Version)
    v = lib.dnnl_version().contents
    if v.major != 3:
        raise RuntimeError("version %d, and the numbers in use here are those of 3" % v.major)
    engine, stream = ctypes.c_void_p(), ctypes.c_void_p()
    must(lib.dnnl_engine_create(ctypes.byref(engine), CPU, ctypes.c_size_t(0)))
    must(lib.dnnl_stream_create(ctypes.byref(stream), engine, IN_ORDER))

    def prepare(job):
        return OneDNNWork(job, lib, engine, stream)
    return [Contender("oneDNN binary", "%d.%d.%d" % (v.major, v.minor, v.patch), prepare)]


def must(status):
    if status != 0:
        raise RuntimeError("oneDNN returns status %d" % status)


class OneDNNWork(Work):
    """Executes a primitive for each pass."""

    def __init__(self, job, lib, engine, stream):
        if job.row.draws:
            raise Unsupported("its dropout is of elements")
        super().__init__(job, self.run)
        self.lib, self.engine, self.stream = lib, engine, stream
        tensor, factors = self.describe(job.shape), self.describe(job.factor_shape)
        description, self.primitive = ctypes.c_void_p(), ctypes.c_void_p()
        must(lib.dnnl_binary_primitive_desc_create(
            ctypes.byref(description), engine, BINARY_MUL, tensor, factors, tensor, None))
        must(lib.dnnl_primitive_create(ctypes.byref(self.primitive), description))
        lib.dnnl_primitive_desc_destroy(description)
        self.memories = []
        self.passes = [self.arguments(tensor, factors, job.source, job.y)]
        if job.row.backward:
            self.passes.append(self.arguments(tensor, factors, job.gradient, job.dx))
        for d in (tensor, factors):
            lib.dnnl_memory_desc_destroy(d)

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
        return result

    def arguments(self, tensor, factors, source, result):
        memories = [self.memory(tensor, source), self.memory(factors, self.job.factors)]
        # A tensor in place is one memory, as oneDNN wants it.
        memories.append(memories[0] if source is result else self.memory(tensor, result))
        return (Argument * 3)(*zip((SOURCE_0, SOURCE_1, DESTINATION), memories))

    def memory(self, description, flat):
        m = ctypes.c_void_p()
        must(self.lib.dnnl_memory_create(ctypes.byref(m), description, self.engine,
                                         ctypes.c_void_p(flat.ctypes.data)))
        self.memories.append(m)
        return m.value

    def run(self):
        for arguments in self.passes:
            must(self.lib.dnnl_primitive_execute(self.primitive, self.stream, 3, arguments))
        must(self.lib.dnnl_stream_wait(self.stream))

    def close(self):
        for m in self.memories:
            self.lib.dnnl_memory_destroy(m)
        self.lib.dnnl_primitive_destroy(self.primitive)
