"""The jobs of the fused family: scale, shift and activation, dropout, and a residual."""

import numpy as np

from .job import Job, aligned, random_values

# The slope of LeakyReLU is the same number in each type.
LIMITS = {"ReLU": np.inf, "ReLU6": 6.0, "LeakyReLU": 0.125}

# Half a unit in the last place, as a part of a number.
ROUNDOFF = {"float32": 2.0 ** -24, "bfloat16": 2.0 ** -8}


class FusedJob(Job):
    """x is read and y is written: in the backward pass x is the gradient that comes in.

    scales and shifts have a number for each channel, and channel_shape broadcasts over the
    tensor. limit is the cap of a ReLU, or the slope of LeakyReLU. In place y is what
    contenders find in it: the residual of "fuse-add", x in others.

    other is the residual, or what the backward pass knows the activation by. That is the
    input of the forward pass, or its result, by the sign of which the activation can be
    told. saved is what a framework keeps instead: the result, or what the activation alone
    came to.
    """

    close = "within the roundings of the formula"

    def allocate(self, random):
        row = self.row
        self.limit, self.other = LIMITS[row.activation], None
        self.scales, self.shifts = aligned(self.channels, self.dtype), aligned(self.channels, self.dtype)
        # A repeated call in place neither vanishes nor comes to numbers that are slow.
        signs = np.where(random.random(self.channels) < 0.1, -1, 1)
        self.scales[:] = random.uniform(0.8, 1.8, self.channels) * signs
        self.shifts[:] = random.standard_normal(self.channels)
        self.dy = self.dx = self.saved = None
        self.x = random_values(random, self.length, self.dtype)
        self.y = aligned(self.length, self.dtype)
        if row.work == "fuse-add":
            self.other = random_values(random, self.length, self.dtype)
        if row.work == "fuse-backward":
            given = random_values(random, self.length, self.dtype)
            # By the sample, since the steps in between need memory.
            self.saved = aligned(self.length, self.dtype)
            rows, saved = given.reshape(self.samples, -1), self.saved.reshape(self.samples, -1)
            for n in range(self.samples):
                u = self.activate(self.line(self.sample(rows, n), self.rounded), self.rounded)
                if row.reads == "result":
                    f = self.wide(self.factors, n)
                    u = np.where(f == 0, 0, self.rounded(u * f))
                saved[n] = u.reshape(-1)
            self.other = given if row.reads == "input" else self.saved

    @property
    def starts(self):
        """What is in y first, in place."""
        return self.other if self.row.work == "fuse-add" else self.x

    @property
    def source(self):
        return self.y if self.in_place and self.row.work != "fuse-add" else self.x

    @property
    def residual(self):
        """What is added, or what the backward pass knows the activation by."""
        return self.y if self.in_place and self.row.work == "fuse-add" else self.other

    def reset(self):
        self.y[:] = self.starts if self.in_place else self.dtype.type(-77)

    # The formulas. Each operator rounds to the type, or not at all.

    def rounded(self, wide):
        return wide.astype(self.dtype).astype(np.float32)

    def sample(self, rows, n, wide=np.float32):
        return rows[n].reshape((1,) + self.shape[1:]).astype(wide)

    def wide(self, factors, n, wide=np.float32):
        """Factors of a sample, which broadcast over it."""
        return factors.reshape(self.factor_shape)[n:n + 1].astype(wide)

    def channel(self, numbers, like):
        return numbers.reshape(self.channel_shape).astype(like.dtype)

    def line(self, x, rounded):
        """a·x + b."""
        return rounded(rounded(x * self.channel(self.scales, x)) + self.channel(self.shifts, x))

    def activate(self, t, rounded):
        if self.row.activation == "LeakyReLU":
            return np.where(t > 0, t, rounded(t * t.dtype.type(self.limit)))
        return np.minimum(np.maximum(t, 0), t.dtype.type(self.limit))

    def forward(self, x, r, f, policy, rounded):
        u = rounded(self.activate(self.line(x, rounded), rounded) * f)
        if policy == "select":
            u = np.where(f == 0, 0, u)
        return u if r is None else rounded(r + u)

    def backward(self, dy, z, f, policy, rounded):
        t = self.line(z, self.rounded) if self.row.reads == "input" else z
        g = rounded(dy * f)
        if self.row.activation == "LeakyReLU":
            g = np.where(t > 0, g, rounded(g * g.dtype.type(self.limit)))
        else:
            g = np.where((t > 0) & (t < self.limit), g, 0)
        g = rounded(g * self.channel(self.scales, g))
        return np.where(f == 0, 0, g) if policy == "select" else g

    def result(self, n, policy, wide, rounded):
        """What a sample must be, with intermediate results of the type wide."""
        rows = self.x.reshape(self.samples, -1)
        x, f = self.sample(rows, n, wide), self.wide(self.factors, n, wide)
        other = None if self.other is None else self.other.reshape(self.samples, -1)
        if self.row.work == "fuse-backward":
            return self.backward(x, self.sample(other, n), f, policy, rounded).reshape(-1)
        r = None if other is None else self.sample(other, n, wide)
        return self.forward(x, r, f, policy, rounded).reshape(-1)

    def wanted(self, policy, y):
        """The oracle: every operator rounds to the type, as separate passes do."""
        del y
        if policy not in self.known:
            want = aligned(self.length, self.dtype)
            rows = want.reshape(self.samples, -1)
            for n in range(self.samples):
                rows[n] = self.result(n, policy, np.float32, self.rounded)
            self.known[policy] = want
        yield "dx" if self.row.work == "fuse-backward" else "y", self.known[policy]

    def near(self, got, want, policy):
        """Where got lies no farther from the formula than the roundings of its operators."""
        del want
        right = np.empty((self.samples, self.length // self.samples), bool)
        for n in range(self.samples):
            exact = self.result(n, policy, np.float64, lambda wide: wide)
            distance = np.abs(got.reshape(self.samples, -1)[n].astype(np.float64) - exact)
            right[n] = distance <= self.margin(n, exact)
        return right.reshape(-1)

    def margin(self, n, exact):
        """How far the roundings can take a sample from the exact result."""
        u = ROUNDOFF[self.row.dtype] * 1.05  # and products of roundings
        least = float(np.finfo(np.float32).tiny)
        if self.row.work == "fuse-backward":
            return 3 * u * np.abs(exact) + least
        x = self.sample(self.x.reshape(self.samples, -1), n, np.float64)
        t = self.line(x, lambda wide: wide)
        product = np.abs(t - self.channel(self.shifts, t))
        f = self.wide(self.factors, n, np.float64)
        return (f * u * (product + 3 * np.abs(t))).reshape(-1) + u * np.abs(exact) + least
