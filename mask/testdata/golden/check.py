"""Derives all that the golden files hold again, bit by bit.

    python check.py            checks all the JSON files beside this script
    python check.py FILE...    checks these

It needs numpy alone. Nothing here calls a framework: each stream is written
down as a rule, so that the files and the rules prove each other. Any NaN
equals any other NaN.
"""

import glob
import hashlib
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

    Numbers are held in the type that computes: float32 for the halves, else
    the type itself. rounded() brings a number to the data type's own values.
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

    def flushed(self, values):
        """As a process computes that flushes subnormal numbers to zero.

        float16 computes in float32, where its subnormals are normal numbers.
        """
        if self.dtype == "float16":
            return values
        tiny = np.finfo(self.wide).smallest_normal
        return np.where(np.abs(values) < tiny, values * self.wide(0), values)

    def of(self, number):
        """A Python float in the data type; halves by way of float32."""
        number = float(self.wide(number))
        return self.from_bits(golden.to_bits([number], self.dtype))[0]


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

    def __init__(self, doc, case):
        self.generator = MT19937(torch_seed(case["seed"]))

    def draw(self, count, rate, dtype):
        if rate in (0.0, 1.0):
            return np.full(count, rate == 0.0)
        return self.trials(count, rate)

    def trials(self, count, rate):
        words = self.generator.next(2 * count).astype(U64)
        r = (words[0::2] << U64(32)) | words[1::2]
        u = (r & U64(2**53 - 1)).astype(np.float64) * 2.0**-53
        return u < 1.0 - rate


def mcg31(start, count):
    """Multiplicative congruential numbers, the first of which is start."""
    out = np.array([start], dtype=U64)
    step = U64(1132489760)
    while len(out) < count:
        out = np.concatenate([out, out * step % U64(2**31 - 1)])
        step = step * step % U64(2**31 - 1)
    return out[:count]


def mkl_keeps(x, q):
    """MKL compares float32 numbers: x·2^-31, rounded to nearest even, with q.

    So it does on Intel's processors with AVX2. Elsewhere it divides x by
    2^31-1 in float64 before it rounds to float32, so that a tie goes up: see
    try_mkl.py. One x in 2^31 can tell the two apart.
    """
    return x.astype(np.float32) < np.float32(q) * np.float32(2.0**31)


class PyTorchMKL(PyTorch):
    """MKL's path: one word of the Mersenne Twister starts a whole call."""

    def trials(self, count, rate):
        if count == 0:
            return np.ones(0, dtype=bool)
        start = int(self.generator.next(1)[0]) % (2**31 - 1)
        return mkl_keeps(mcg31(start or 1, count), 1.0 - rate)


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
    # Every operation's result is rounded to the half. A scalar joins an
    # addition rounded to the half, and since version 2 a product as a float32.
    scalar = kind.of if old_pytorch(doc) else kind.wide
    m = mask.astype(kind.wide)
    b = kind.rounded(m + kind.wide(-1.0))
    b = kind.rounded(b * scalar(alpha * a))
    b = kind.rounded(b + kind.of(alpha * a * rate))
    noise = kind.rounded(m * scalar(a))
    noise, b = spread(noise, case), spread(b, case)
    y = kind.rounded(kind.rounded(x * noise) + b)
    return y, kind.rounded(dy * noise)


def pytorch_case(doc, case, kind, mask, x, dy):
    recipe = pytorch_alpha if "alpha" in case["api"] else pytorch_plain
    return recipe(doc, case, kind, mask, x, dy)


# ------------------------------------------------------ Philox and TensorFlow


def philox(counters, key):
    """Philox4x32-10 of rows of four words under one key."""
    c = [counters[:, i].astype(U64) for i in range(4)]
    k0, k1 = key
    low = U64(MASK32)
    for _ in range(10):
        p0, p1 = c[0] * U64(0xD2511F53), c[2] * U64(0xCD9E8D57)
        c = [(p1 >> U64(32)) ^ c[1] ^ U64(k0), p1 & low,
             (p0 >> U64(32)) ^ c[3] ^ U64(k1), p0 & low]
        k0, k1 = (k0 + 0x9E3779B9) & MASK32, (k1 + 0xBB67AE85) & MASK32
    return np.stack(c, axis=1).astype(U32)


def words_of(number):
    """The low and the high word of a 64-bit integer, signed or not."""
    return number & MASK32, (number >> 32) & MASK32


def tensorflow_uniform(pair, count, dtype, xla=False):
    """What stateless_uniform of this seed and type holds, as float64.

    XLA takes the high bits where the plain kernels take the low ones, joins
    the words of a float64 the other way round, and draws bfloat16 as float32.
    """
    if xla:
        pair = [pair[0] & MASK32, pair[1] & MASK32]
    counter = np.array([words_of(pair[0]) + words_of(pair[1])], dtype=U32)
    mix = philox(counter, (0x3EC8F720, 0x02461E29))[0]
    per_trial = 2 if dtype == "float64" else 1
    blocks = -(-count * per_trial // 4)
    index = np.arange(blocks, dtype=U64)
    start = int(mix[3]) << 32 | int(mix[2])
    counters = np.zeros((blocks, 4), dtype=U32)
    counters[:, 0] = index.astype(U32)
    counters[:, 1] = (index >> U64(32)).astype(U32)
    counters[:, 2], counters[:, 3] = words_of(start)
    w = philox(counters, (int(mix[0]), int(mix[1]))).ravel()
    if dtype == "float64":
        pairs = w[:2 * count].astype(U64)
        if xla:
            m = (pairs[1::2] << U64(32) | pairs[0::2]) >> U64(12)
            return m.astype(np.float64) * 2.0**-52
        m = (pairs[0::2] & U64(0xFFFFF)) << U64(32) | pairs[1::2]
        return m.astype(np.float64) * 2.0**-52
    if xla and dtype != "float16":
        return (w[:count] >> U32(9)).astype(np.float64) * 2.0**-23
    digits = {"float32": 23, "float16": 10, "bfloat16": 7}[dtype]
    m = w[:count] & U32((1 << digits) - 1)
    return m.astype(np.float64) * 2.0**-digits


def tensorflow_trials(pair, count, rate, dtype, xla=False):
    u = tensorflow_uniform(pair, count, dtype, xla)
    return u >= np.float64(Float(dtype).of(rate))


class TensorFlow:
    """A call's seed is the pair with its number added to the second."""

    def __init__(self, doc, case):
        self.pair = case["seed"]
        self.xla = case.get("jit", False)
        self.count = 0

    def draw(self, count, rate, dtype):
        pair = [self.pair[0], self.pair[1] + self.count]
        self.count += 1
        if rate == 0.0:
            return np.ones(count, dtype=bool)
        return tensorflow_trials(pair, count, rate, dtype, self.xla)


def tensorflow_case(doc, case, kind, mask, x, dy):
    """One product with 1/(1-rate), rounded once from float64; +0 if dropped.

    TensorFlow's threads flush subnormal numbers to zero.
    """
    rate = case["rate"]
    if rate == 0.0:
        return x, dy
    if rate == 1.0:
        return np.zeros_like(x), np.zeros_like(x)
    scale = kind.of(1.0 / (1.0 - rate))
    kept = spread(mask, case)
    zero = kind.wide(0.0)
    return (np.where(kept, kind.rounded(kind.flushed(x) * scale), zero),
            np.where(kept, kind.rounded(kind.flushed(dy) * scale), zero))


# ----------------------------------------------------------- Threefry and JAX


def threefry(key, x0, x1):
    """Threefry2x32, twenty rounds, of arrays of two words."""
    k0, k1 = U32(key[0]), U32(key[1])
    keys = (k0, k1, k0 ^ k1 ^ U32(0x1BD11BDA))
    x0, x1 = x0.astype(U32) + k0, x1.astype(U32) + k1
    for group in range(5):
        for r in ((13, 15, 26, 6), (17, 29, 16, 24))[group % 2]:
            x0 = x0 + x1
            x1 = (x1 << U32(r)) | (x1 >> U32(32 - r))
            x1 = x1 ^ x0
        x0 = x0 + keys[(group + 1) % 3]
        x1 = x1 + keys[(group + 2) % 3] + U32(group + 1)
    return x0, x1


def jax_key(seed, x64):
    """Without 64-bit numbers, JAX keeps the low half of the seed only."""
    if not -2**63 <= seed < 2**63:
        raise ValueError("JAX does not take this seed")
    low, high = words_of(seed)
    return (high if x64 else 0), low


def fold_in(key, data):
    a, b = threefry(key, np.array([0], U32), np.array([data], U32))
    return int(a[0]), int(b[0])


def jax_bits(key, count, original, wide):
    """wide asks for 64 bits a trial, else there are 32."""
    index = np.arange(count, dtype=U64)
    if not original:
        a, b = threefry(key, (index >> U64(32)).astype(U32),
                        index.astype(U32))
        return a.astype(U64) << U64(32) | b if wide else a ^ b
    words = 2 * count if wide else count
    even = words + words % 2
    counts = np.arange(even, dtype=U32)
    counts[words:] = 0
    a, b = threefry(key, counts[:even // 2], counts[even // 2:])
    if wide:
        # The halves hold the high and the low words of all the numbers.
        return a.astype(U64) << U64(32) | b
    return np.concatenate([a, b])[:words]


def jax_trials(key, count, rate, x64, original=False):
    """Python's q is a float32, or a float64 where JAX has 64-bit numbers."""
    if x64:
        bits = jax_bits(key, count, original, True)
        u = (bits >> U64(12)).astype(np.float64) * 2.0**-52
        return u < 1.0 - rate
    bits = jax_bits(key, count, original, False)
    u = (bits >> U32(9)).astype(np.float32) * np.float32(2.0**-23)
    return u < np.float32(1.0 - rate)


def divided(kind, x, q, compiled):
    """x/q, which the compiler turns into x·(1/q) where it knows q.

    It computes bfloat16 in float32 and does not round 1/q to it. XLA's threads
    flush subnormal numbers to zero.
    """
    x = kind.flushed(x)
    if not compiled:
        return kind.rounded(x / q)
    inverse = kind.wide(1.0) / q
    if kind.dtype == "float16":
        inverse = kind.rounded(inverse)[0]
    return kind.rounded(x * inverse)


def jax_case(doc, case, kind, mask, x, dy):
    """The three lines that select x/q or 0.

    Outside of jit, q is an argument to the forward pass but a constant to the
    backward pass, unless the tensor has one element only.
    """
    if case.get("plain"):
        return jax_plain(case, kind, mask, x), dy
    jit = case.get("jit", False)
    q = kind.of(1.0 - case["rate"])
    if jit and kind.dtype == "float16":
        # A constant of a compiled program is rounded once, from float64.
        q = np.float32(np.float16(1.0 - case["rate"]))
    kept = spread(mask, case)
    zero = kind.wide(0.0)
    return (np.where(kept, divided(kind, x, q, jit), zero),
            divided(kind, np.where(kept, dy, zero), q, jit or len(dy) > 1))


def jax_plain(case, kind, mask, x):
    """A call by itself: q is a constant to it, and x·(1/q) what comes of it."""
    q = kind.of(1.0 - case["rate"])
    return np.where(spread(mask, case), divided(kind, x, q, True),
                    kind.wide(0.0))


def jax_layer_case(doc, case, kind, mask, x, dy):
    """Layers deal with rate 0 and rate 1 themselves."""
    if case["rate"] == 0.0:
        return x, dy
    if case["rate"] == 1.0:
        return np.zeros_like(x), np.zeros_like(x)
    return jax_case(doc, case, kind, mask, x, dy)


class Jax:
    """The bare generator: it knows neither rate 0 nor rate 1."""

    def __init__(self, doc, case):
        self.x64 = case["x64"]
        self.key = jax_key(case["seed"], self.x64)
        self.fold = case["fold"]
        self.original = case["stream"] == "jax-original"
        self.step = 0

    def draw(self, count, rate, dtype):
        key = fold_in(self.key, self.step) if self.fold else self.key
        self.step += 1
        return jax_trials(key, count, rate, self.x64, self.original)


class FlaxLinen:
    """The module's path and its counter, hashed by SHA-1, are folded in."""

    def __init__(self, doc, case):
        self.x64 = case["x64"]
        self.key = jax_key(case["seed"], self.x64)
        self.fold = case["fold"]
        sha = hashlib.sha1()
        for name in case["path"]:
            sha.update(name.encode("utf-8"))
        n = case["counter"]
        sha.update(n.to_bytes((n.bit_length() + 7) // 8, "big"))
        self.data = int.from_bytes(sha.digest()[:4], "big")
        self.step = 0

    def draw(self, count, rate, dtype):
        key = fold_in(self.key, self.step) if self.fold else self.key
        self.step += 1
        if rate in (0.0, 1.0):
            return np.full(count, rate == 0.0)
        return jax_trials(fold_in(key, self.data), count, rate, self.x64)


class FlaxNNX:
    """A layer's stream is forked from its parent's, and counts its draws."""

    def __init__(self, doc, case):
        self.x64 = case.get("x64", doc["script"].endswith("--x64"))
        self.key = fold_in(jax_key(case["seed"], self.x64), case["layer"])
        self.count = 0

    def draw(self, count, rate, dtype):
        if rate in (0.0, 1.0):
            return np.full(count, rate == 0.0)
        key = fold_in(self.key, self.count)
        self.count += 1
        return jax_trials(key, count, rate, self.x64)


# ---------------------------------------------------------------------- Keras


class Keras:
    """A layer counts its draws; evaluation, rate 0 and rate 1 draw nothing."""

    def __init__(self, doc, case):
        self.doc = doc
        self.seed = case["seed"]
        self.count = 0

    def draw(self, count, rate, dtype):
        if rate in (0.0, 1.0):
            return np.full(count, rate == 0.0)
        self.count += 1
        return self.trials(self.count - 1, count, rate, dtype)


class KerasTorch(Keras):
    def trials(self, step, count, rate, dtype):
        if not -2**31 <= self.seed < 2**31:
            raise ValueError("Keras on PyTorch does not take this seed")
        words = MT19937(self.seed + step).next(count)
        u = (words & U32(2**24 - 1)).astype(np.float32) * np.float32(2.0**-24)
        return u < np.float32(1.0 - rate)


class KerasTensorFlow(Keras):
    def trials(self, step, count, rate, dtype):
        if not -2**63 <= self.seed < 2**63:
            raise ValueError("Keras on TensorFlow does not take this seed")
        # Both numbers are brought into int32, modulo its largest less 1.
        pair = [self.seed % (2**31 - 2), step % (2**31 - 2)]
        return tensorflow_trials(pair, count, rate, dtype)


class KerasJax(Keras):
    def trials(self, step, count, rate, dtype):
        if not 0 <= self.seed < 2**32:
            raise ValueError("Keras on JAX does not take this seed")
        x64 = self.doc["script"].endswith("--x64")
        return jax_trials((self.seed, step), count, rate, x64)


def keras_torch_case(doc, case, kind, mask, x, dy):
    """x/q, where q is a float32 for the halves."""
    rate = case["rate"]
    if rate in (0.0, 1.0):
        return jax_layer_case(doc, case, kind, mask, x, dy)
    q = kind.wide(1.0 - rate)
    kept = spread(mask, case)
    zero = kind.wide(0.0)
    return (np.where(kept, kind.rounded(x / q), zero),
            np.where(kept, kind.rounded(dy / q), zero))


# --------------------------------------------------------------------- oneDNN


class OneDNN:
    """A block of Philox for every four trials, its counter four numbers on."""

    def __init__(self, doc, case):
        self.seed = case["seed"] & MASK32

    def draw(self, count, rate, dtype):
        start = np.arange(0, count, 4, dtype=np.int64).reshape(-1, 1)
        counters = (start + np.arange(4)).astype(U32)
        words = philox(counters, (self.seed, self.seed)).ravel()[:count]
        bound = 4294967295.0 * float(np.float32(rate))
        return words.astype(np.uint64) > U64(int(bound))


def onednn_case(doc, case, kind, mask, x, dy):
    """A product with 1/(1-rate), all in float32.

    The matrix product that carries x turns -0 into +0, by adding it to 0.
    """
    kept = spread(mask, case)
    scale = kind.wide(1.0) / (kind.wide(1.0) - kind.wide(case["rate"]))
    return np.where(kept, (x + kind.wide(0.0)) * scale, kind.wide(0.0)), dy


RULES = {
    "pytorch": (PyTorch, pytorch_case),
    "pytorch-mkl": (PyTorchMKL, pytorch_case),
    "tensorflow": (TensorFlow, tensorflow_case),
    "jax": (Jax, jax_case),
    "jax-original": (Jax, jax_case),
    "flax-linen": (FlaxLinen, jax_layer_case),
    "flax-nnx": (FlaxNNX, jax_layer_case),
    "keras-torch": (KerasTorch, keras_torch_case),
    "keras-tensorflow": (KerasTensorFlow, tensorflow_case),
    "keras-jax": (KerasJax, jax_layer_case),
    "onednn": (OneDNN, onednn_case),
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
    new, recipe = RULES[case["stream"]]
    kind = Float(case["dtype"])
    stream = new(doc, case)
    for call in case["calls"]:
        where = (case["api"], case["seed"], case["rate"], case["dtype"],
                 case["layout"], case["shape"], case.get("jit"), call["step"])
        mask = stream.draw(trials_of(case), case["rate"], case["dtype"])
        y, dx = recipe(doc, case, kind, mask, kind.from_hex(case["x"]),
                       kind.from_hex(case["dy"]))
        tally.note(golden.mask_text(mask) == call["mask"], "mask", *where)
        tally.note(same_bits(y, call["y"], kind), "y", *where)
        tally.note(same_bits(dx, call["dx"], kind), "dx", *where)
        note_classes(tally, case, mask)


def check_long(tally, doc, case):
    stream = RULES[case["stream"]][0](doc, case)
    for call in case["calls"]:
        mask = stream.draw(case["trials"], case["rate"], case["dtype"])
        tally.note(golden.mask_bits(mask) == call["bits"], "long",
                   case["seed"], case["rate"], call["step"])


def check_sequence(tally, doc, case):
    """Evaluation and empty tensors keep every channel and draw as noted."""
    stream = RULES[case["stream"]][0](doc, case)
    for n, call in enumerate(case["calls"]):
        count = trials_of(call) if np.prod(call["shape"]) else 0
        mask = np.ones(count, dtype=bool)
        if call["training"]:
            mask = stream.draw(count, call["rate"], call["dtype"])
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
            print("%-32s %5d checks, %d wrong" % (
                os.path.basename(path), tally.done, len(tally.wrong)))
            for what in tally.wrong[:12]:
                print("   ", *what)
            failed += len(tally.wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
