"""The memory of a row, and what its results must be."""

import ml_dtypes
import numpy as np

TYPES = {"float32": np.dtype(np.float32), "bfloat16": np.dtype(ml_dtypes.bfloat16)}
BITS = {"float32": np.uint32, "bfloat16": np.uint16}

# Kept channels of rate 0 are multiplied by the smallest bfloat16 above 1.
JUST_ABOVE_ONE = 1 + 2 ** -7


class Wrong(Exception):
    """A contender's results are not those of dropout."""


class Job:
    """The tensors of a row, shared by all contenders that can use memory of others.

    x, dy and factors are read. y and dx are written. In place, contenders work on y and
    dx, and find x and dy in them first. All tensors are flat; shape is that of the tensor
    in memory and factor_shape the one that broadcasts over it. channel_axis and
    spatial_axes are axes of shape. FusedJob and CompactJob have other tensors.
    """

    # What a contender's results are called that are not those of the oracle bit for bit.
    close = "within one unit in the last place"
    # What the fused family has besides.
    residual = scales = shifts = None
    limit = 0.0

    def __init__(self, row, seed=1):
        self.row = row
        self.known = {}  # results of expected
        self.dtype = TYPES[row.dtype]
        self.samples, self.channels = row.batch, row.channels
        self.spatial = int(np.prod(row.spatial))
        ones = (1,) * len(row.spatial)
        if row.layout == "NCHW":
            self.shape = (row.batch, row.channels) + row.spatial
            self.factor_shape = (row.batch, row.channels) + ones
            self.channel_axis = 1
        else:
            self.shape = (row.batch,) + row.spatial + (row.channels,)
            self.factor_shape = (row.batch,) + ones + (row.channels,)
            self.channel_axis = len(self.shape) - 1
        self.spatial_axes = tuple(a for a in range(1, len(self.shape)) if a != self.channel_axis)
        self.channel_shape = (1,) + self.factor_shape[1:]
        self.length = self.samples * self.channels * self.spatial

        self.in_place = row.place == "in"
        # The rate whose factor 1/(1-rate) kept channels have.
        self.rate = row.rate or 1 - 1 / JUST_ABOVE_ONE
        self.factor = self.dtype.type(1 / (1 - row.rate) if row.rate else JUST_ABOVE_ONE)
        if row.mask == "weights":  # which are not scaled
            self.rate, self.factor = 0, self.dtype.type(1)

        random = np.random.default_rng(seed)
        trials = self.samples * self.channels
        self.factors = aligned(trials, self.dtype)
        self.factors[:] = np.where(self.uniform(random) < row.rate, self.dtype.type(0), self.factor)
        self.allocate(random)
        self.reset()

    def uniform(self, random):
        """A number for each channel of each sample, which decides whether it is dropped."""
        return random.random(self.samples * self.channels)

    def allocate(self, random):
        """Makes the tensors."""
        if self.row.work == "draw":
            self.x = self.y = self.dy = self.dx = aligned(self.samples * self.channels, self.dtype)
            return
        self.x = random_values(random, self.length, self.dtype)
        self.y = aligned(self.length, self.dtype)
        self.dy = self.dx = None
        if self.row.backward:
            self.dy = random_values(random, self.length, self.dtype)
            self.dx = aligned(self.length, self.dtype)

    @property
    def source(self):
        """What the forward pass reads."""
        return self.y if self.in_place else self.x

    @property
    def gradient(self):
        """What the backward pass reads, None without one."""
        return self.dx if self.in_place else self.dy

    def reset(self):
        """Makes the outputs what a contender must find: wrong values, or the inputs."""
        if self.row.work == "draw":
            return
        for output, given in ((self.y, self.x), (self.dx, self.dy)):
            if output is not None:
                output[:] = given if self.in_place else self.dtype.type(-77)

    def expected(self, values, factors, policy):
        """The oracle: one IEEE product for each element, rounded to the type.

        Dropped elements are +0 with the policy "select", and their product with 0 with
        "multiply". What follows from the job's own factors is computed once.
        """
        key = (id(values), policy)
        if factors is self.factors and key in self.known:
            return self.known[key]
        f = factors.reshape(self.factor_shape).astype(np.float32)
        wide = values.reshape(self.shape).astype(np.float32) * f
        result = wide.astype(self.dtype)
        if policy == "select":
            result = np.where(f == 0, self.dtype.type(0), result)
        result = result.reshape(-1)
        if factors is self.factors:
            self.known[key] = result
        return result


    def wanted(self, policy, y):
        """Yields the names of the results, and what they must be; y is a contender's.

        Of a layer it is read off y which channels were drawn.
        """
        factors = self.drawn(y) if self.row.draws else self.factors
        yield "y", self.expected(self.x, factors, policy)
        if self.row.backward:
            yield "dx", self.expected(self.dy, factors, policy)

    def drawn(self, y):
        """The factors that a layer must have drawn, going by which planes are not 0."""
        nonzero = (y.reshape(self.shape) != 0).any(axis=self.spatial_axes)
        self.check_kept(int(nonzero.sum()))
        return np.where(nonzero.reshape(-1), self.factor, self.dtype.type(0))

    def check_kept(self, kept):
        """Checks that the number of channels that were kept is plausible."""
        trials = self.samples * self.channels
        mean = trials * (1 - self.row.rate)
        limit = 6 * (trials * self.row.rate * (1 - self.row.rate)) ** 0.5
        if abs(kept - mean) > limit:
            raise Wrong("%d of %d channels are kept, want %.0f ± %.0f" % (kept, trials, mean, limit))

    def near(self, got, want, policy):
        """Where results with a tolerance are right."""
        del policy
        # Neighbours in value are neighbours in bits where the signs agree.
        bits = BITS[self.row.dtype]
        steps = np.abs(got.view(bits).astype(np.int64) - want.view(bits).astype(np.int64))
        return (steps <= 1) | ((got == 0) & (want == 0))


def aligned(length, dtype):
    """Memory that begins at a cache line."""
    raw = np.zeros(length * dtype.itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start:start + length * dtype.itemsize].view(dtype)


def random_values(random, length, dtype):
    """Normally distributed numbers without zeros."""
    values = aligned(length, dtype)
    block = 1 << 20
    for at in range(0, length, block):
        some = random.standard_normal(min(block, length - at), np.float32)
        some[some == 0] = 1
        values[at:at + block] = some
    return values
