"""Records oneDNN's dropout attribute, of a version before 3.11.

    python make_onednn.py

writes onednn-VERSION.json. It compiles onednn/make_onednn.c against the oneDNN of
this virtual environment. oneDNN drops elements, so every channel here has one
element; it has no backward pass, so "dy" and "dx" are empty. The library gets
the low 32 bits of the seed and the float32 next to the rate.
"""

import glob
import os
import subprocess
import sys
import tempfile

import numpy as np

import golden

HERE = os.path.dirname(os.path.abspath(__file__))
LIB = os.path.join(sys.prefix, "lib")


def build(folder):
    program = os.path.join(folder, "make_onednn")
    subprocess.run(["cc", "-O1", "-o", program,
                    os.path.join(HERE, "onednn", "make_onednn.c"),
                    "-I" + os.path.join(sys.prefix, "include"), "-L" + LIB,
                    "-ldnnl", "-Wl,-rpath-link," + LIB], check=True)
    return program


def run(program, x, seed, rate):
    """The library's mask and result, and what it says of itself."""
    driver = sorted(glob.glob(os.path.join(LIB, "libintelocl.so")))
    env = dict(os.environ, LD_LIBRARY_PATH=LIB, OCL_ICD_FILENAMES=driver[0],
               ONEAPI_DEVICE_SELECTOR="opencl:cpu", ONEDNN_VERBOSE="0")
    signed = (seed + 2**31) % 2**32 - 2**31
    done = subprocess.run(
        [program, str(len(x)), str(signed), repr(rate)],
        input=x.tobytes(), env=env, check=True, capture_output=True)
    n = len(x)
    mask = np.frombuffer(done.stdout[:n], np.uint8)
    y = np.frombuffer(done.stdout[n:], "<f4")
    assert len(y) == n and set(mask) <= {0, 1}
    return mask != 0, y, done.stderr.decode().split()


def case(program, seed, rate, shape):
    bits = golden.make_bits(shape, "float32", 11)
    mask, y, said = run(program, bits.view("<f4"), seed, rate)
    return {"stream": "onednn",
            "api": "dnnl_primitive_attr_set_dropout, matmul (%s)" % said[1],
            "seed": seed, "rate": rate, "dtype": "float32", "layout": "NCHW",
            "shape": list(shape), "x": golden.hexed(bits, "float32"), "dy": "",
            "calls": [{"step": 0, "mask": golden.mask_text(mask),
                       "y": golden.hexed(y.view("<u4"), "float32"),
                       "dx": ""}]}, said[0]


def long_case(program, seed, rate, trials):
    ones = np.ones(trials, "<f4")
    mask, _, said = run(program, ones, seed, rate)
    return {"stream": "onednn",
            "api": "dnnl_primitive_attr_set_dropout, matmul (%s)" % said[1],
            "seed": seed, "rate": rate, "dtype": "float32", "trials": trials,
            "calls": [{"step": 0, "bits": golden.mask_bits(mask)}]}


def main():
    with tempfile.TemporaryDirectory() as folder:
        program = build(folder)
        cases = [case(program, seed, 0.5, (3, 13, 1, 1))
                 for seed in (0, 42, 123, 1701, 2**31 - 1, 2**31, 2**32 + 42,
                              -1, -42)]
        cases += [case(program, 42, rate, (3, 13, 1, 1))
                  for rate in (0.0, 0.1, 0.2, 0.3, 0.9, golden.THIRD, 1.0)]
        cases += [case(program, 7, 0.3, shape)
                  for shape in ((1, 1, 1, 1), (1, 2, 1, 1), (2, 3, 1, 1),
                                (4, 2, 1, 1), (1, 65, 1, 1))]
        # Trial 22 of the first and trial 28 of the second sees the very number
        # that tells a float64 product with the rate from a float32 one.
        cases += [case(program, 49914871, 0.5, (1, 23, 1, 1)),
                  case(program, 4823109, 0.3, (1, 29, 1, 1))]
        long = [long_case(program, 42, 0.5, 5000),
                long_case(program, 0, 0.1, 20000),
                long_case(program, 123, golden.THIRD, 7001),
                long_case(program, -5, 0.9, 7001)]
    version = cases[0][1]
    golden.write("onednn-%s.json" % version, {
        "framework": "oneDNN",
        "versions": {"onednn": version, "python": golden.python_version()},
        "script": "make_onednn.py", "cases": [c for c, _ in cases],
        "long": long})


if __name__ == "__main__":
    main()
