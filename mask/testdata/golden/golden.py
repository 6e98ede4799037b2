"""What the scripts here share: the inputs, the encoding, the file format.

It needs numpy and nothing of any framework, so that every virtual environment
can use it.
"""

import json
import platform
import sys

import numpy as np

WIDTH = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2}
EXPONENT = {"float32": 8, "float64": 11, "float16": 5, "bfloat16": 8}

# An odd rate, which no data type holds exactly and whose complement rounds
# differently in each of them.
THIRD = 1.0 / 3.0


def unsigned(dtype):
    """The numpy type that holds the bits of one element."""
    return np.dtype("<u%d" % WIDTH[dtype])


def round_bf16(bits32):
    """Rounds float32 bits to bfloat16 bits, to nearest even."""
    b = np.asarray(bits32, dtype=np.uint32)
    rounded = (b + np.uint32(0x7FFF) + ((b >> np.uint32(16)) & np.uint32(1)))
    nan = (b & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)
    kept = (b >> np.uint32(16)) | np.uint32(0x40)
    return np.where(nan, kept, rounded >> np.uint32(16)).astype(np.uint16)


def to_bits(values, dtype):
    """Rounds float64 values to the bits of dtype."""
    values = np.asarray(values, dtype=np.float64)
    if dtype == "bfloat16":
        return round_bf16(values.astype(np.float32).view(np.uint32))
    return values.astype(dtype).view(unsigned(dtype))


def specials(dtype):
    """The numbers that tell one recipe from another, as bits.

    The class of each is the name that check.py looks for in kept and in
    dropped channels.
    """
    width = 8 * WIDTH[dtype]
    mantissa = width - 1 - EXPONENT[dtype]
    one = 1 << mantissa
    top = ((1 << EXPONENT[dtype]) - 1) << mantissa
    sign = 1 << (width - 1)
    return [
        ("nan", top | one >> 1),
        ("+inf", top),
        ("-inf", sign | top),
        ("-0", sign),
        ("subnormal", 1),
        ("overflow", top - 1),
        ("-subnormal", sign | (one - 1)),
        ("-overflow", sign | (top - 1)),
        ("subnormal", 3),
        ("+0", 0),
        ("smallest normal", one),
        ("overflow", top - (one >> 1)),
        ("-subnormal", sign | 0x2B),
    ]


def hashed(count, salt):
    """A sequence of numbers in [-4, 4) that no library's version changes."""
    i = np.arange(count, dtype=np.uint64)
    h = (i * np.uint64(2654435761) + np.uint64(salt) * np.uint64(0x9E3779B9))
    h &= np.uint64(0xFFFFFFFF)
    h ^= h >> np.uint64(15)
    h = h * np.uint64(0x2C1B3C6D) & np.uint64(0xFFFFFFFF)
    h ^= h >> np.uint64(12)
    return h.astype(np.float64) / 2.0**29 - 4.0


def make_bits(shape, dtype, salt):
    """Input of a case: normal numbers and, every other element, a special."""
    count = int(np.prod(shape))
    bits = to_bits(hashed(count, salt), dtype).copy()
    row = specials(dtype)
    for i in range(1, count, 2):
        bits[i] = row[(i // 2 + salt) % len(row)][1]
    return bits


def hexed(bits, dtype):
    """Little-endian bytes of the elements, one after another."""
    return np.ascontiguousarray(bits).astype(unsigned(dtype)).tobytes().hex()


def mask_text(kept):
    return "".join("1" if k else "0" for k in np.ravel(kept))


def mask_bits(kept):
    """Bit i%8 of byte i/8 is trial i."""
    kept = np.ravel(kept).astype(np.uint8)
    return np.packbits(kept, bitorder="little").tobytes().hex()


def channels_last(layout):
    return layout.endswith("C")


def first_of_each(y, layout):
    """One element of each map, in the order n·C + c."""
    if channels_last(layout):
        return y.reshape(y.shape[0], -1, y.shape[-1])[:, 0, :].reshape(-1)
    return y.reshape(y.shape[0], y.shape[1], -1)[:, :, 0].reshape(-1)


def python_version():
    return platform.python_version()


def write(path, document):
    """One case a line, so that a difference can be read."""
    out = ["{"]
    lists = ("cases", "long", "sequences", "programs", "words",
             "rows")
    heads = [k for k in document if k not in lists]
    for k in heads:
        out.append("%s: %s," % (json.dumps(k), json.dumps(document[k])))
    present = [k for k in lists if k in document]
    for n, k in enumerate(present):
        rows = [json.dumps(r, separators=(",", ":")) for r in document[k]]
        comma = "," if n + 1 < len(present) else ""
        out.append("%s: [\n%s\n]%s" % (json.dumps(k), ",\n".join(rows), comma))
    out.append("}")
    with open(path, "w", encoding="ascii") as f:
        f.write("\n".join(out) + "\n")
    print(path, len(document.get("cases", [])), "cases", file=sys.stderr)
