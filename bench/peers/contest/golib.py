"""The Go contenders, this module among them: functions of a C library."""

import ctypes
import json

import numpy as np

from .contender import Contender, Unsupported, Work

WORKS = ["apply", "both", "layer", "training", "draw", "fuse", "fuse-add", "fuse-backward", "gather", "scatter",
         "scatter-add"]
TYPES = ["float32", "bfloat16"]
ORDERS = ["NCHW", "NHWC"]


class CJob(ctypes.Structure):
    """peers_job of library.go."""

    _fields_ = [
        ("work", ctypes.c_int32), ("dtype", ctypes.c_int32),
        ("order", ctypes.c_int32), ("workers", ctypes.c_int32),
        ("samples", ctypes.c_int64), ("channels", ctypes.c_int64), ("spatial", ctypes.c_int64),
        ("rate", ctypes.c_double),
        ("x", ctypes.c_void_p), ("y", ctypes.c_void_p),
        ("dy", ctypes.c_void_p), ("dx", ctypes.c_void_p),
        ("factors", ctypes.c_void_p),
        ("activation", ctypes.c_int32), ("reads_input", ctypes.c_int32), ("weights", ctypes.c_int32),
        ("limit", ctypes.c_double),
        ("other", ctypes.c_void_p), ("scales", ctypes.c_void_p), ("shifts", ctypes.c_void_p),
    ]


class Library:
    """The library that `go build -buildmode=c-shared` makes of this folder."""

    def __init__(self, path):
        lib = ctypes.CDLL(path)
        integer, pointer = ctypes.c_int64, ctypes.c_void_p
        lib.peersDescribe.argtypes = [ctypes.c_char_p, integer]
        lib.peersDescribe.restype = integer
        lib.peersPrepare.argtypes = [ctypes.c_char_p, ctypes.POINTER(CJob), ctypes.c_char_p, integer]
        lib.peersPrepare.restype = integer
        lib.peersRelease.argtypes = [integer]
        lib.peersTime.argtypes = [integer, integer, pointer, integer]
        lib.peersTime.restype = integer
        lib.peersRead.argtypes = [pointer, integer]
        self.lib = lib
        text = ctypes.create_string_buffer(1 << 16)
        if lib.peersDescribe(text, len(text)) >= len(text):
            raise RuntimeError("the description of the library is longer than %d bytes" % len(text))
        self.description = json.loads(text.value)

    def read(self, address, size):
        """The reader for the results of all contenders."""
        self.lib.peersRead(address, size)

    def evictor(self, cache):
        """Returns a function that fills a cache of so many bytes with something else."""
        other = np.ones(2 * cache, np.uint8)
        return lambda: self.lib.peersRead(other.ctypes.data, other.nbytes)

    def contenders(self, threads):
        """The Go contenders, with so many goroutines."""
        found = []
        for entry in self.description["contenders"]:
            for family in entry["families"]:
                found.append(Contender(entry["name"], entry["version"], self._preparer(entry, threads), family))
                found[-1].bound = not any(entry["policies"])
        return found

    def _preparer(self, entry, threads):
        def prepare(job):
            handle = self._prepare(entry["name"], job, threads)
            work = GoWork(job, self.lib, handle, entry["policies"][ORDERS.index(job.row.layout)])
            work.signed = entry["signed"] and job.row.work == "fuse-backward"
            return work
        return prepare

    def _prepare(self, name, job, threads):
        def address(array):
            return None if array is None else array.ctypes.data

        c = CJob(WORKS.index(job.row.work), TYPES.index(job.row.dtype), ORDERS.index(job.row.layout),
                 threads, job.samples, job.channels, job.spatial, job.rate,
                 address(job.source), address(job.y), address(job.gradient), address(job.dx),
                 address(job.factors), job.row.activation == "LeakyReLU", job.row.reads == "input",
                 job.row.mask == "weights", job.limit,
                 address(job.residual), address(job.scales), address(job.shifts))
        reason = ctypes.create_string_buffer(1024)
        handle = self.lib.peersPrepare(name.encode(), ctypes.byref(c), reason, len(reason))
        if handle == 0:
            raise Unsupported(reason.value.decode())
        if handle < 0:
            raise RuntimeError(reason.value.decode())
        return handle


class GoWork(Work):
    """A job that the library holds. The repetitions are counted in the library."""

    def __init__(self, job, lib, handle, policy):
        super().__init__(job, self.once)
        self.lib, self.handle = lib, handle
        self.policy = policy or None

    def once(self):
        self.lib.peersTime(self.handle, 1, None, 0)

    def time(self, repetitions, reader=None):
        if reader is None:
            return self.lib.peersTime(self.handle, repetitions, None, 0)
        return self.lib.peersTime(self.handle, repetitions, self.job.y.ctypes.data, self.job.y.nbytes)

    def kept(self):
        return int(self.job.y.view(np.int64)[0])

    def close(self):
        self.lib.peersRelease(self.handle)
