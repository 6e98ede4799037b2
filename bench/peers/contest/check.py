"""Compares what a contender computes with the oracle, before it is timed."""

import numpy as np

from .job import BITS, Wrong


def check(work, job):
    """Does the job once and returns how the results agree: a phrase for the report."""
    job.reset()
    work.reset()
    work.call()
    if work.policy is None:
        return "bound"
    if job.row.work == "draw":
        job.check_kept(work.kept())
        return "by the number of kept channels"
    results = [np.asarray(r).reshape(-1) for r in work.results()]
    exact = True
    for result, (name, want) in zip(results, job.wanted(work.policy, results[0]), strict=True):
        exact &= compare(name, result, want, job, work)
    if exact:
        return "bit for bit"
    return "%s: %s" % (job.close, work.tolerance) if work.tolerance else "but for signs of zeros"


def compare(name, result, want, job, work):
    """Compares bits, or numbers where a tolerance has a reason. Returns whether bits agree."""
    if len(result) != len(want) or result.dtype != want.dtype:
        raise Wrong("%s has %d elements of %s, want %d of %s"
                    % (name, len(result), result.dtype, len(want), want.dtype))
    bits = BITS[job.row.dtype]
    got, expected = result.view(bits), want.view(bits)
    if np.array_equal(got, expected):
        return True
    different = got != expected
    if work.signed:
        different &= (result != 0) | (want != 0)
    if work.tolerance:
        different &= ~job.near(result, want, work.policy)
    if not different.any():
        return False
    i = int(np.argmax(different))
    raise Wrong("%s[%d] is %r (%#x), want %r (%#x), and %d of %d elements differ"
                % (name, i, result[i], got[i], want[i], expected[i],
                   int(different.sum()), len(want)))
