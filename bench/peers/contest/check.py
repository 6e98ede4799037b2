"""Compares what a contender computes with the oracle, before it is timed."""

import numpy as np

from .job import BITS


class Wrong(Exception):
    """A contender's results are not those of dropout."""


def check(work, job):
    """Does the job once and returns how the results agree: a phrase for the report."""
    job.reset()
    work.reset()
    work.call()
    if work.policy is None:
        return "bound"
    if job.row.work == "draw":
        return check_draw(work.kept(), job)
    results = [np.asarray(r).reshape(-1) for r in work.results()]
    factors = job.factors
    if job.row.draws:
        factors = drawn(results[0], job)
    for name, result, given in zip(("y", "dx"), results, (job.x, job.dy)):
        want = job.expected(given, factors, work.policy)
        compare(name, result, want, job, work.tolerance)
    return "within one unit in the last place: " + work.tolerance if work.tolerance else "bit for bit"


def check_draw(kept, job):
    """Checks that the number of channels that were kept is plausible."""
    trials = job.samples * job.channels
    mean = trials * (1 - job.row.rate)
    limit = 6 * (trials * job.row.rate * (1 - job.row.rate)) ** 0.5
    if abs(kept - mean) > limit:
        raise Wrong("%d of %d channels are kept, want %.0f ± %.0f" % (kept, trials, mean, limit))
    return "by the number of kept channels"


def drawn(y, job):
    """The factors that a layer must have drawn, going by which planes are not 0."""
    nonzero = (y.reshape(job.shape) != 0).any(axis=job.spatial_axes)
    check_draw(int(nonzero.sum()), job)
    return np.where(nonzero.reshape(-1), job.factor, job.dtype.type(0))


def compare(name, result, want, job, tolerance):
    """Compares bits, or numbers where a tolerance has a reason."""
    if len(result) != len(want) or result.dtype != want.dtype:
        raise Wrong("%s has %d elements of %s, want %d of %s"
                    % (name, len(result), result.dtype, len(want), want.dtype))
    bits = BITS[job.row.dtype]
    got, expected = result.view(bits), want.view(bits)
    if np.array_equal(got, expected):
        return
    different = got != expected
    if tolerance:
        # Neighbours in value are neighbours in bits where the signs agree.
        far = np.abs(got.astype(np.int64) - expected.astype(np.int64)) > 1
        zeros = (result == 0) & (want == 0)
        different = far & ~zeros
        if not different.any():
            return
    i = int(np.argmax(different))
    raise Wrong("%s[%d] is %r (%#x), want %r (%#x), and %d of %d elements differ"
                % (name, i, result[i], got[i], want[i], expected[i],
                   int(different.sum()), len(want)))
