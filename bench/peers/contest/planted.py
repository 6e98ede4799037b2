"""Contenders that are wrong on purpose: the check must refuse each of them."""

import numpy as np

from .check import Wrong, check
from .job import BITS
from .with_numpy import NumPyWork
from .with_numpy_compact import CompactNumPy
from .with_numpy_fused import FusedNumPy

RIGHT = {"core": NumPyWork, "fused": FusedNumPy, "compact": CompactNumPy}


def faults(job):
    """What can be wrong in a job, by name: functions that spoil its results.

    The second of each pair says whether it is planted in a contender with a tolerance.
    """
    bits = BITS[job.row.dtype]
    found = {}
    if job.row.work == "draw":
        return found

    def last_bit():
        i = int(np.flatnonzero(job.y)[-1])
        job.y.view(bits)[i] ^= 1
    found["the last bit of an element"] = last_bit, False

    def sign_of_zero():
        job.y.view(bits)[np.flatnonzero(job.y == 0)[0]] ^= 1 << (bits().itemsize * 8 - 1)
    if (job.y == 0).any():
        found["the sign of a dropped element"] = sign_of_zero, False

    def nothing_dropped():
        job.y[job.y == 0] = 1
    if (job.y == 0).any():
        found["dropped elements"] = nothing_dropped, job.row.family == "fused"
    if job.row.backward:
        def another_mask():
            job.dx[:] = np.roll(job.dx, 1)
        found["the mask of the gradient"] = another_mask, False

        def no_gradient():
            job.dx[:] = job.dtype.type(-77)
        found["the gradient is missing"] = no_gradient, False
    if job.row.family == "fused":
        def far():
            job.y[np.argmax(np.abs(job.y))] *= job.dtype.type(1.125)
        found["an element outside the tolerance"] = far, True

        def rolled():
            job.y[:] = np.roll(job.y, 1)
        found["elements of their neighbours"] = rolled, True
    if job.row.family == "compact":
        def exchanged():
            job.y[:] = np.roll(job.y, job.spatial if job.row.layout == "NCHW" else 1)
        found["channels of their neighbours"] = exchanged, False
    if job.row.work == "scatter-add":
        def overwritten():
            job.y -= job.before
        found["what was there is lost"] = overwritten, False

        def twice():
            RIGHT["compact"](job).call()
        found["products are added twice"] = twice, False
    return found


def spoilt(job, spoil, tolerance):
    """NumPy, with a fault in its results."""
    work = RIGHT[job.row.family](job)
    right = work.call

    def call():
        right()
        spoil()
    work.call, work.tolerance = call, tolerance
    return work


def survivors(job):
    """Checks that each fault is found. Returns how many are, and the names of the others."""
    job.reset()
    RIGHT[job.row.family](job).call()
    found, missed = 0, []
    for name, (spoil, tolerance) in faults(job).items():
        try:
            check(spoilt(job, spoil, "planted" if tolerance else ""), job)
        except Wrong:
            found += 1
        else:
            missed.append(name)
    return found, missed
