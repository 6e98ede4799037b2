"""Asks MKL itself where its Bernoulli numbers turn from 1 to 0.

    python try_mkl.py [COUNT]

MKL's MCG31 starts at its seed, so a seed decides which number x a trial sees,
and a search over x finds the first one that is dropped. PyTorch called these
functions up to version 2.6. Two rules are tried, and how often each of them
disagrees is printed: the first is that of Intel's processors with AVX2, the
second that of all others.
"""

import ctypes
import glob
import os
import sys

import numpy as np

import check

MODULUS = 2**31 - 1
INVERSE = pow(1132489760, -1, MODULUS)
MCG31 = 1 << 20


def load():
    os.environ.setdefault("MKL_THREADING_LAYER", "SEQUENTIAL")
    found = glob.glob(os.path.join(sys.prefix, "lib", "libmkl_rt.so*"))
    return ctypes.CDLL(sorted(found)[0], mode=ctypes.RTLD_GLOBAL)


def draw(mkl, seed, count, q, skip=0):
    stream = ctypes.c_void_p()
    out = np.empty(count, np.int32)
    bad = mkl.vslNewStream(ctypes.byref(stream), MCG31, ctypes.c_uint(seed))
    if skip:
        bad |= mkl.vslSkipAheadStream(stream, ctypes.c_longlong(skip))
    bad |= mkl.viRngBernoulli(0, stream, count,
                              out.ctypes.data_as(ctypes.c_void_p),
                              ctypes.c_double(q))
    bad |= mkl.vslDeleteStream(ctypes.byref(stream))
    if bad:
        raise RuntimeError("MKL refused")
    return out


def kept(mkl, x, q, count, at):
    """Whether trial number at of count keeps x."""
    seed = x * pow(INVERSE, at, MODULUS) % MODULUS
    return bool(draw(mkl, seed, count, q)[at])


def first_dropped(mkl, q, count, at):
    low, high = 0, MODULUS
    while high - low > 1:
        middle = (low + high) // 2
        if kept(mkl, middle, q, count, at):
            low = middle
        else:
            high = middle
    return high


def probabilities(count):
    random = np.random.RandomState(1)
    for q in (0.5, 0.25, 0.75, 0.8, 0.1, 0.3, 1 - 1 / 3, 1 - 0.3, 1e-4, 1e-7,
              1e-9, 1e-12, 1 - 1e-6, 1 - 1e-8, 1 - 1e-12, 2.0**-24, 2.0**-8,
              np.nextafter(0.5, 0), np.nextafter(0.5, 1), 1 - 2.0**-24,
              1 - 2.0**-25, 1 - 2.0**-26):
        yield float(q)
    for _ in range(count // 2):
        yield float(random.rand())
    for _ in range(count // 2):
        yield float(2.0 ** (-30 * random.rand()))


def ties_to_even(x, q):
    return check.mkl_keeps(x, q)


def ties_up(x, q):
    u = (x.astype(np.float64) / (2.0**31 - 1.0)).astype(np.float32)
    return u < np.float32(q)


RULES = ties_to_even, ties_up


def main():
    mkl = load()
    text = ctypes.create_string_buffer(200)
    mkl.mkl_get_version_string(text, 198)
    print(text.value.decode().strip())
    wrong = dict.fromkeys(RULES, 0)
    done = 0
    for q in probabilities(int(sys.argv[1]) if len(sys.argv) > 1 else 300):
        for count, at in ((1, 0), (64, 5), (1000, 997), (1000, 512)):
            got = first_dropped(mkl, q, count, at)
            done += 1
            for rule in RULES:
                last, first = rule(np.array([got - 1, got], np.uint64), q)
                wrong[rule] += bool(first) or not last and got > 1
    # A long run against the rules, and a piece of it after a skip.
    x, n = 12345, 1 << 24
    for q in (0.5, 0.7, 0.9, 1 - 1 / 3):
        whole = draw(mkl, x, n, q)
        part = draw(mkl, x, n >> 4, q, n >> 2)
        if np.any(part != whole[n >> 2:][:n >> 4]):
            print("a skipped stream differs at q=%r" % q)
        done += n
        for rule in RULES:
            wrong[rule] += np.sum(whole != rule(check.mcg31(x, n), q))
    for rule in RULES:
        print("%s: %d of %d wrong" % (rule.__name__, wrong[rule], done))


if __name__ == "__main__":
    main()
