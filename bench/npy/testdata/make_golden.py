"""Writes the .npy files in this directory with NumPy 1.24 or newer and ml_dtypes: python3 make_golden.py

saved/    files of numpy.save that this package must read, and write byte for byte
read/     files that numpy.save does not write but NumPy and this package read
refused/  files of numpy.save whose arrays this package does not support

The Go tests hold the same arrays as Go values. Change both together.
"""

import io
import pathlib

import ml_dtypes
import numpy as np

here = pathlib.Path(__file__).parent


def path(folder, name):
    (here / folder).mkdir(exist_ok=True)
    return here / folder / f"{name}.npy"


def count(dtype, *shape):
    """-1.5, -1, -0.5, 0, ... in C order."""
    return (np.arange(np.prod(shape, dtype=int)) * 0.5 - 1.5).astype(dtype).reshape(shape)


F4_BITS = [
    0x00000000, 0x80000000,  # 0, -0
    0x00000001, 0x807FFFFF,  # smallest and largest subnormal
    0x00800000, 0x7F7FFFFF,  # smallest and largest normal
    0x7F800000, 0xFF800000,  # infinities
    0x7FC00000, 0xFFC00000,  # quiet NaN of either sign
    0x7F800001, 0xFFBABE55,  # signalling NaN with payloads
]
F8_BITS = [
    0x0000000000000000, 0x8000000000000000,
    0x0000000000000001, 0x800FFFFFFFFFFFFF,
    0x0010000000000000, 0x7FEFFFFFFFFFFFFF,
    0x7FF0000000000000, 0xFFF0000000000000,
    0x7FF8000000000000, 0xFFF8000000000000,
    0x7FF0000000000001, 0xFFF7BADBABE55555,
]

F2_BITS = [
    0x0000, 0x8000,
    0x0001, 0x83FF,
    0x0400, 0x7BFF,
    0x7C00, 0xFC00,
    0x7E00, 0xFE00,
    0x7C01, 0xFDA5,
]

for kind, dtype in (("f2", "<f2"), ("v2", ml_dtypes.bfloat16), ("f4", "<f4"), ("f8", "<f8")):
    np.save(path("saved", kind + "_0d"), count(dtype))
    np.save(path("saved", kind + "_empty_1d"), count(dtype, 0))
    np.save(path("saved", kind + "_empty_3d"), count(dtype, 2, 0, 3))
    np.save(path("saved", kind + "_1d"), count(dtype, 5))
    np.save(path("saved", kind + "_3d"), count(dtype, 1, 3, 4))
    np.save(path("saved", kind + "_5d"), count(dtype, 2, 1, 3, 2, 2))
np.save(path("saved", "f2_special"), np.array(F2_BITS, "<u2").view("<f2").reshape(6, 2))
np.save(path("saved", "v2_special"), np.array(F2_BITS, "<u2").view(ml_dtypes.bfloat16).reshape(6, 2))
np.save(path("saved", "u2_special"), np.array(F2_BITS, "<u2").reshape(6, 2))
np.save(path("saved", "f4_special"), np.array(F4_BITS, "<u4").view("<f4").reshape(6, 2))
np.save(path("saved", "f8_special"), np.array(F8_BITS, "<u8").view("<f8").reshape(6, 2))
np.save(path("saved", "f4_32d"), count("<f4", *[1] * 32))

# A header whose unpadded length is a multiple of 64 still gets 64 spaces. These three are just
# below, at and just above that length.
for zeros in (10, 11, 12):
    shape = (0, 10**zeros) + (1,) * 9
    np.save(path("saved", f"f4_padding_{zeros}"), np.zeros(shape, "<f4"))
sizes = [path("saved", f"f4_padding_{zeros}").stat().st_size for zeros in (10, 11, 12)]
assert sizes == [128, 192, 192], sizes

for version in ((2, 0), (3, 0)):
    with open(path("read", f"version_{version[0]}"), "wb") as f:
        np.lib.format.write_array(f, count("<f4", 3, 4), version=version)

# numpy.load returns bfloat16 as raw bytes, which are saved under another name.
memory = io.BytesIO()
np.save(memory, count(ml_dtypes.bfloat16, 3, 4))
memory.seek(0)
again = np.load(memory)
assert again.dtype == "|V2", again.dtype
np.save(path("read", "v2_saved_again"), again)

np.save(path("refused", "big_endian"), count(">f4", 3, 4))
np.save(path("refused", "big_endian_half"), count(">f2", 3, 4))
np.save(path("refused", "fortran"), np.asfortranarray(count("<f4", 3, 4)))
np.save(path("refused", "int32"), count("<i4", 3, 4))
np.save(path("refused", "structured"), np.zeros(3, [("x", "<f4"), ("y", "<f4")]))
