"""The rows of the table: which work is measured, on which tensors.

This is not the product of all choices. Each row says something that its neighbours do
not, and each choice (shape, batch, type, layout, place, rate, work, threads) is in
several rows.
"""

import dataclasses

# Feature maps as channels and spatial dims.
STAGES = {
    "ResNet-50 stem": (64, (112, 112)),
    "ResNet-50 stage 1": (256, (56, 56)),
    "ResNet-50 stage 2": (512, (28, 28)),
    "ResNet-50 stage 3": (1024, (14, 14)),
    "ResNet-50 stage 4": (2048, (7, 7)),
    "MobileNetV3 first": (16, (112, 112)),
    "MobileNetV3 middle": (40, (28, 28)),
    "MobileNetV3 last": (960, (7, 7)),
    "U-Net decoder, fine": (64, (256, 256)),
    "U-Net decoder, coarse": (256, (64, 64)),
    "audio, 1-D": (64, (16000,)),
    "medical, 3-D": (32, (64, 64, 64)),
    "65536 channels": (512, (1,)),
    "64 channels": (64, (1,)),
}

WORKS = {
    "apply": "y = x·factors, with factors given for each channel of each sample",
    "both": "the same, and dx = dy·factors",
    "layer": "draw the channels and apply them",
    "training": "draw the channels, apply them, and apply them to the gradient",
    "draw": "draw the channels and nothing else",
}


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the table.

    The rate 0 stands for factors that drop nothing and are just above 1, because a factor
    of 1 costs nothing in place.
    """

    work: str  # a key of WORKS
    stage: str  # a key of STAGES
    batch: int
    dtype: str = "float32"  # or "bfloat16"
    layout: str = "NCHW"  # or "NHWC"; the relatives in 1-D and 3-D go by the same names
    place: str = "out"  # or "in": of place
    rate: float = 0.5
    threads: str = "one"  # or "all"
    quick: bool = False  # whether it is measured with --quick

    @property
    def channels(self):
        return STAGES[self.stage][0]

    @property
    def spatial(self):
        return STAGES[self.stage][1]

    @property
    def name(self):
        """The name in results and for --rows."""
        stage = self.stage.replace(", ", " ").replace(" ", "-")
        return "/".join([self.work, stage, "batch%d" % self.batch, self.dtype, self.layout,
                         self.place, "rate%g" % self.rate, self.threads])

    @property
    def backward(self):
        return self.work in ("both", "training")

    @property
    def draws(self):
        return self.work in ("layer", "training", "draw")

    @property
    def payload(self):
        """Bytes of the elements, each counted once, in both passes; 0 for a draw."""
        if self.work == "draw":
            return 0
        elements = self.batch * self.channels
        for dim in self.spatial:
            elements *= dim
        size = 4 if self.dtype == "float32" else 2
        return elements * size * (2 if self.backward else 1)


ROWS = [
    # The forward pass, channels first, out of place: from a small cache to memory.
    Row("apply", "MobileNetV3 middle", 1),
    Row("apply", "MobileNetV3 first", 1, quick=True),
    Row("apply", "ResNet-50 stage 3", 1, quick=True),
    Row("apply", "ResNet-50 stem", 1),
    Row("apply", "ResNet-50 stage 4", 8),
    Row("apply", "MobileNetV3 last", 32),
    Row("apply", "ResNet-50 stage 2", 8, quick=True),
    Row("apply", "U-Net decoder, fine", 1),
    Row("apply", "ResNet-50 stage 1", 8),
    Row("apply", "audio, 1-D", 8),
    Row("apply", "medical, 3-D", 1),
    Row("apply", "ResNet-50 stage 1", 32, quick=True),
    # Other rates.
    Row("apply", "ResNet-50 stem", 1, rate=0),
    Row("apply", "ResNet-50 stem", 1, rate=0.2),
    Row("apply", "ResNet-50 stage 2", 8, rate=0),
    Row("apply", "ResNet-50 stage 2", 32, rate=0.2),
    Row("apply", "U-Net decoder, coarse", 8, rate=0),
    # In place.
    Row("apply", "MobileNetV3 first", 1, place="in"),
    Row("apply", "ResNet-50 stage 3", 1, place="in", quick=True),
    Row("apply", "ResNet-50 stage 4", 8, place="in"),
    Row("apply", "ResNet-50 stage 2", 8, place="in", quick=True),
    Row("apply", "ResNet-50 stage 2", 8, place="in", rate=0),
    Row("apply", "U-Net decoder, fine", 1, place="in", rate=0.2),
    Row("apply", "ResNet-50 stage 1", 32, place="in"),
    Row("apply", "medical, 3-D", 1, place="in"),
    # Channels last.
    Row("apply", "MobileNetV3 middle", 1, layout="NHWC"),
    Row("apply", "ResNet-50 stage 3", 1, layout="NHWC", quick=True),
    Row("apply", "ResNet-50 stem", 1, layout="NHWC"),
    Row("apply", "ResNet-50 stage 4", 8, layout="NHWC"),
    Row("apply", "U-Net decoder, coarse", 8, layout="NHWC", quick=True),
    Row("apply", "ResNet-50 stage 1", 32, layout="NHWC"),
    Row("apply", "audio, 1-D", 1, layout="NHWC"),
    Row("apply", "ResNet-50 stem", 1, layout="NHWC", place="in"),
    Row("apply", "ResNet-50 stage 2", 8, layout="NHWC", place="in", rate=0.2, quick=True),
    Row("apply", "ResNet-50 stage 2", 8, layout="NHWC", rate=0),
    # bfloat16.
    Row("apply", "MobileNetV3 first", 1, "bfloat16"),
    Row("apply", "ResNet-50 stage 3", 8, "bfloat16", quick=True),
    Row("apply", "ResNet-50 stage 1", 8, "bfloat16"),
    Row("apply", "ResNet-50 stage 1", 8, "bfloat16", rate=0.2, place="in"),
    Row("apply", "ResNet-50 stage 3", 8, "bfloat16", layout="NHWC"),
    Row("apply", "ResNet-50 stage 1", 32, "bfloat16", layout="NHWC"),
    Row("apply", "ResNet-50 stem", 1, "bfloat16", layout="NHWC", place="in"),
    # All threads.
    Row("apply", "ResNet-50 stage 3", 1, threads="all"),
    Row("apply", "ResNet-50 stage 2", 8, threads="all", quick=True),
    Row("apply", "ResNet-50 stage 1", 32, threads="all"),
    Row("apply", "ResNet-50 stage 2", 8, threads="all", place="in", quick=True),
    Row("apply", "medical, 3-D", 1, threads="all", place="in"),
    Row("apply", "U-Net decoder, coarse", 8, threads="all", layout="NHWC"),
    Row("apply", "ResNet-50 stage 1", 8, "bfloat16", threads="all"),
    # Forward and backward.
    Row("both", "MobileNetV3 last", 8),
    Row("both", "ResNet-50 stage 2", 8, quick=True),
    Row("both", "U-Net decoder, fine", 1, rate=0.2, layout="NHWC"),
    Row("both", "ResNet-50 stage 3", 8, place="in"),
    Row("both", "ResNet-50 stage 1", 8, "bfloat16"),
    Row("both", "ResNet-50 stage 1", 8, threads="all"),
    # The whole layer.
    Row("layer", "MobileNetV3 middle", 1),
    Row("layer", "MobileNetV3 last", 32, quick=True),
    Row("layer", "ResNet-50 stage 2", 8, rate=0.2),
    Row("layer", "ResNet-50 stage 4", 8, place="in"),
    Row("layer", "ResNet-50 stage 3", 8, layout="NHWC"),
    Row("layer", "ResNet-50 stage 3", 8, "bfloat16"),
    Row("layer", "audio, 1-D", 8),
    Row("layer", "medical, 3-D", 1),
    Row("layer", "ResNet-50 stage 1", 32, threads="all"),
    Row("training", "MobileNetV3 last", 8),
    Row("training", "ResNet-50 stage 2", 8, quick=True),
    Row("training", "ResNet-50 stage 2", 8, layout="NHWC"),
    Row("training", "ResNet-50 stage 1", 8, "bfloat16", rate=0.2),
    Row("training", "ResNet-50 stage 1", 8, threads="all"),
    # The draw.
    Row("draw", "64 channels", 1),
    Row("draw", "65536 channels", 128, quick=True),
]


def select(patterns, quick):
    """The rows whose names contain every word of any pattern; all without patterns.

    Raises ValueError if a pattern has no row.
    """
    some = [row for row in ROWS if row.quick or not quick]

    def having(pattern):
        return [row for row in some if all(word in row.name for word in pattern.split())]

    for pattern in patterns:
        if not having(pattern):
            raise ValueError("no %srow has a name with %r; --list prints the names" % ("quick " if quick else "", pattern))
    chosen = [row for pattern in patterns for row in having(pattern)]
    return [row for row in some if not patterns or row in chosen]


def small(row):
    """The same row on a tensor that is checked quickly, and whose size fits no vector."""
    dims = {1: (37,), 2: (7, 5), 3: (5, 3, 3)}[len(row.spatial)]
    return dataclasses.replace(row, stage=_small_stage(row, dims), batch=3)


def _small_stage(row, dims):
    """Makes a small stage with the dims of a row."""
    if row.work == "draw":
        return "64 channels"
    name = "small, %d-D" % len(dims)
    STAGES.setdefault(name, (21, dims))
    return name
