"""Derives every mask, output and gradient in the golden files again, bit by bit.

    python check.py            checks all the JSON files beside this script
    python check.py FILE...    checks these

It needs numpy alone. Nothing here calls a framework: each stream is written down
as a rule, so that the files and the rules prove each other. Any NaN equals any
other NaN.
"""

import glob
import json
import os
import sys

import numpy as np

import golden

U32 = np.uint32
U64 = np.uint64
MASK32 = 0xFFFFFFFF


# ---------------------------------------------------------------- arithmetic


class Float:
    """A data type's arithmetic.

    Numbers are held in the type that computes: float32 for the halves, the type
    itself otherwise. rounded() brings a number to the data type's own values.
    """

    def __init__(self, dtype):
        self.dtype = dtype
        self.wide = np.float64 if dtype == "float64" else np.float32

    def from_hex(self, text):
        bits = np.frombuffer(bytes.fromhex(text), golden.unsigned(self.dtype))
        return self.from_bits(bits)

    def from_bits(self, bits):
        if self.dtype == "bfloat16":
            return (bits.astype(U32) << U32(16)).view(np.float32)
        return bits.view(self.dtype).astype(self.wide)

    def bits(self, values):
        values = np.asarray(values, dtype=self.wide)
        if self.dtype == "bfloat16":
            return golden.round_bf16(values.view(U32))
        return values.astype(self.dtype).view(golden.unsigned(self.dtype))

    def rounded(self, values):
        return self.from_bits(np.atleast_1d(self.bits(values)))

    def of(self, number):
        """A Python float, rounded once to the data type."""
        bits = golden.to_bits([number], self.dtype)
        return self.from_bits(bits)[0]


def same_bits(got, want_hex, kind):
    want = np.frombuffer(bytes.fromhex(want_hex), golden.unsigned(kind.dtype))
    got_bits = kind.bits(got)
    both_nan = np.isnan(kind.from_bits(want)) & np.isnan(got)
    return bool(np.all((got_bits == want) | both_nan))


def spread(per_map, case):
    """Gives every element the value of its map, in the order of memory."""
    shape = case["shape"]
    n = shape[0]
    if golden.channels_last(case["layout"]):
        c = shape[-1]
        per_map = np.reshape(per_map, (n, 1, c))
        inner = int(np.prod(shape[1:-1]))
        return np.broadcast_to(per_map, (n, inner, c)).ravel()
    c = shape[1]
    per_map = np.reshape(per_map, (n, c, 1))
    inner = int(np.prod(shape[2:]))
    return np.broadcast_to(per_map, (n, c, inner)).ravel()


def trials_of(case):
    if "trials" in case:
        return case["trials"]
    shape = case["shape"]
    return shape[0] * (shape[-1] if golden.channels_last(case["layout"])
                       else shape[1])


# ---------------------------------------------------------------- generators


class MT19937:
    """The Mersenne Twister, seeded by the low 32 bits of a number."""

    def __init__(self, seed):
        s = seed & MASK32
        state = [s]
        for i in range(1, 624):
            s = (1812433253 * (s ^ s >> 30) + i) & MASK32
            state.append(s)
        self.state = np.array(state, dtype=U32)
        self.words = np.empty(0, dtype=U32)

    def _twist(self):
        s = self.state

        def mixed(high, low):
            y = (high & U32(0x80000000)) | (low & U32(0x7FFFFFFF))
            return (y >> U32(1)) ^ np.where(low & U32(1), U32(0x9908B0DF),
                                            U32(0))
        # Word i needs word i+397, which is new from 227 on, so three strides.
        s[:227] = s[397:] ^ mixed(s[:227], s[1:228])
        s[227:454] = s[:227] ^ mixed(s[227:454], s[228:455])
        s[454:623] = s[227:396] ^ mixed(s[454:623], s[455:])
        s[623:] = s[396:397] ^ mixed(s[623:], s[:1])
        y = s ^ (s >> U32(11))
        y = y ^ ((y << U32(7)) & U32(0x9D2C5680))
        y = y ^ ((y << U32(15)) & U32(0xEFC60000))
        return y ^ (y >> U32(18))

    def next(self, count):
        while len(self.words) < count:
            self.words = np.concatenate([self.words, self._twist()])
        out, self.words = self.words[:count], self.words[count:]
        return out


# -------------------------------------------------------------------- streams


def old_pytorch(doc):
    return int(doc["versions"]["torch"].split(".")[0]) < 2


def torch_seed(seed):
    if not -2**63 <= seed < 2**64:
        raise ValueError("PyTorch does not take this seed")
    return seed


class PyTorch:
    """The default path: 53 bits of two words for a trial."""

    def __init__(self, doc, seed):
        self.generator = MT19937(torch_seed(seed))

    def draw(self, count, rate, dtype):
        words = self.generator.next(2 * count).astype(U64)
        r = (words[0::2] << U64(32)) | words[1::2]
        u = (r & U64(2**53 - 1)).astype(np.float64) * 2.0**-53
        return u < 1.0 - rate


def pytorch_mask(stream, count, rate, dtype, training=True):
    """What a layer does before it draws."""
    if rate == 0.0 or not training or count == 0:
        return np.ones(count, dtype=bool)
    if rate == 1.0:
        return np.zeros(count, dtype=bool)
    return stream.draw(count, rate, dtype)


def pytorch_factor(doc, kind, rate):
    """1/q, divided in float32 for the halves and rounded once."""
    q = kind.wide(1.0 - rate)
    if old_pytorch(doc):
        q = kind.of(1.0 - rate)
    return kind.rounded(kind.wide(1.0) / q)[0]


def pytorch_plain(doc, case, kind, mask, x, dy):
    rate = case["rate"]
    if rate == 0.0:
        return x, dy
    factor = kind.wide(0.0) if rate == 1.0 else pytorch_factor(doc, kind, rate)
    noise = spread(np.where(mask, factor, kind.wide(0.0)), case)
    return kind.rounded(x * noise), kind.rounded(dy * noise)


def pytorch_alpha(doc, case, kind, mask, x, dy):
    rate = case["rate"]
    if rate in (0.0, 1.0):
        return pytorch_plain(doc, case, kind, mask, x, dy)
    alpha = 1.7580993408473766
    a = 1.0 / np.sqrt((alpha * alpha * rate + 1.0) * (1.0 - rate))
    # Every operation's result is rounded to the half. A scalar joins an addition
    # rounded to the half, and since version 2 a multiplication as a float32.
    scalar = kind.of if old_pytorch(doc) else kind.wide
    m = mask.astype(kind.wide)
    b = kind.rounded(m + kind.wide(-1.0))
    b = kind.rounded(b * scalar(alpha * a))
    b = kind.rounded(b + kind.of(alpha * a * rate))
    noise = kind.rounded(m * scalar(a))
    noise, b = spread(noise, case), spread(b, case)
    y = kind.rounded(kind.rounded(x * noise) + b)
    return y, kind.rounded(dy * noise)


def check_pytorch(doc, case, stream):
    kind = Float(case["dtype"])
    recipe = pytorch_alpha if "alpha" in case["api"] else pytorch_plain
    for call in case["calls"]:
        mask = pytorch_mask(stream, trials_of(case), case["rate"],
                            case["dtype"])
        yield mask, recipe(doc, case, kind, mask, kind.from_hex(case["x"]),
                           kind.from_hex(case["dy"]))


RULES = {
    "pytorch": (PyTorch, check_pytorch, pytorch_mask),
}


# ------------------------------------------------------------------ the files


class Tally:
    def __init__(self):
        self.wrong = []
        self.done = 0
        self.seen = set()

    def note(self, ok, *what):
        self.done += 1
        if not ok:
            self.wrong.append(what)


def note_classes(tally, case, mask):
    """Which special numbers lay in kept and which in dropped maps."""
    dtype = case["dtype"]
    x = np.frombuffer(bytes.fromhex(case["x"]), golden.unsigned(dtype))
    kept = spread(mask, case)
    for name, bits in golden.specials(dtype):
        at = kept[x == bits]
        tally.seen.update((dtype, name, bool(k)) for k in at)


def check_case(tally, doc, case):
    new, rule, _ = RULES[case["stream"]]
    kind = Float(case["dtype"])
    stream = new(doc, case["seed"])
    for call, (mask, (y, dx)) in zip(case["calls"], rule(doc, case, stream)):
        where = (case["api"], case["seed"], case["rate"], case["dtype"],
                 case["layout"], case["shape"], call["step"])
        tally.note(golden.mask_text(mask) == call["mask"], "mask", *where)
        tally.note(same_bits(y, call["y"], kind), "y", *where)
        tally.note(same_bits(dx, call["dx"], kind), "dx", *where)
        note_classes(tally, case, mask)


def check_long(tally, doc, case):
    new, _, draw = RULES[case["stream"]]
    stream = new(doc, case["seed"])
    for call in case["calls"]:
        mask = draw(stream, case["trials"], case["rate"], case["dtype"])
        tally.note(golden.mask_bits(mask) == call["bits"], "long", case["seed"],
                   case["rate"], call["step"])


def check_sequence(tally, doc, case):
    new, _, draw = RULES[case["stream"]]
    stream = new(doc, case["seed"])
    for n, call in enumerate(case["calls"]):
        count = trials_of(call) if np.prod(call["shape"]) else 0
        mask = draw(stream, count, call["rate"], call["dtype"],
                    call["training"])
        tally.note(golden.mask_text(mask) == call["mask"], "sequence",
                   case["seed"], n)


def check_file(path):
    with open(path, encoding="ascii") as f:
        doc = json.load(f)
    tally = Tally()
    for case in doc.get("cases", ()):
        check_case(tally, doc, case)
    for case in doc.get("long", ()):
        check_long(tally, doc, case)
    for case in doc.get("sequences", ()):
        check_sequence(tally, doc, case)
    for dtype in sorted({d for d, _, _ in tally.seen}):
        for name, _ in golden.specials(dtype):
            for kept in (True, False):
                tally.note((dtype, name, kept) in tally.seen, "never met",
                           dtype, name, "kept" if kept else "dropped")
    return tally


def main(paths):
    here = os.path.dirname(os.path.abspath(__file__))
    failed = 0
    with np.errstate(all="ignore"):
        for path in paths or sorted(glob.glob(os.path.join(here, "*.json"))):
            tally = check_file(path)
            print("%-32s %5d checks, %d wrong" % (os.path.basename(path),
                                                 tally.done,
                                                 len(tally.wrong)))
            for what in tally.wrong[:12]:
                print("   ", *what)
            failed += len(tally.wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
