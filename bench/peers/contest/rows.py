"""The rows of the table.

This is not the product of all choices. Each row says something that its neighbours do
not, and each choice (shape, batch, type, layout, place, rate, work, threads) is in
several rows.
"""

import dataclasses

from .row import STAGES, Row

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
    # The fused forward pass: from a small cache to memory.
    Row("fuse", "MobileNetV3 middle", 4, activation="ReLU", quick=True),
    Row("fuse", "ResNet-50 stage 4", 8, activation="ReLU"),
    Row("fuse", "ResNet-50 stage 2", 8, activation="ReLU", quick=True),
    Row("fuse", "ResNet-50 stage 1", 8, activation="ReLU"),
    Row("fuse", "ResNet-50 stage 1", 32, activation="ReLU", quick=True),
    Row("fuse", "ResNet-50 stage 2", 8, rate=0.2, activation="ReLU"),
    Row("fuse", "ResNet-50 stage 1", 8, place="in", activation="ReLU"),
    Row("fuse", "MobileNetV3 middle", 4, layout="NHWC", activation="ReLU6"),
    Row("fuse", "ResNet-50 stem", 1, layout="NHWC", rate=0.2, activation="ReLU"),
    Row("fuse", "ResNet-50 stage 1", 8, layout="NHWC", activation="ReLU", quick=True),
    Row("fuse", "ResNet-50 stage 2", 8, layout="NHWC", place="in", rate=0.2, activation="ReLU"),
    Row("fuse", "U-Net decoder, coarse", 8, rate=0.2, activation="LeakyReLU"),
    Row("fuse", "MobileNetV3 first", 1, "bfloat16", rate=0.2, activation="ReLU6"),
    Row("fuse", "ResNet-50 stage 1", 8, "bfloat16", activation="ReLU", quick=True),
    Row("fuse", "ResNet-50 stage 1", 8, "bfloat16", layout="NHWC", activation="ReLU"),
    Row("fuse", "ResNet-50 stage 1", 8, threads="all", activation="ReLU", quick=True),
    # The same with a residual. In place y is the residual.
    Row("fuse-add", "ResNet-50 stage 3", 1, activation="ReLU"),
    Row("fuse-add", "ResNet-50 stage 4", 8, rate=0.2, activation="ReLU"),
    Row("fuse-add", "ResNet-50 stage 2", 8, activation="ReLU", quick=True),
    Row("fuse-add", "ResNet-50 stage 1", 8, activation="ReLU"),
    Row("fuse-add", "ResNet-50 stage 1", 8, place="in", activation="ReLU"),
    Row("fuse-add", "ResNet-50 stage 1", 32, layout="NHWC", activation="ReLU"),
    Row("fuse-add", "ResNet-50 stage 1", 8, "bfloat16", activation="ReLU"),
    Row("fuse-add", "ResNet-50 stage 1", 8, threads="all", activation="ReLU"),
    # The fused backward pass.
    Row("fuse-backward", "MobileNetV3 middle", 4, activation="ReLU", reads="result"),
    Row("fuse-backward", "ResNet-50 stage 4", 8, activation="ReLU", reads="result"),
    Row("fuse-backward", "ResNet-50 stage 2", 8, rate=0.2, activation="ReLU", reads="result", quick=True),
    Row("fuse-backward", "ResNet-50 stage 1", 8, activation="ReLU", reads="result"),
    Row("fuse-backward", "ResNet-50 stage 1", 32, activation="ReLU", reads="result"),
    Row("fuse-backward", "ResNet-50 stage 2", 8, place="in", activation="ReLU", reads="result"),
    Row("fuse-backward", "ResNet-50 stage 1", 8, layout="NHWC", activation="ReLU", reads="result"),
    Row("fuse-backward", "ResNet-50 stage 2", 8, activation="ReLU6", reads="input"),
    Row("fuse-backward", "U-Net decoder, coarse", 8, rate=0.2, activation="LeakyReLU", reads="input"),
    Row("fuse-backward", "ResNet-50 stage 1", 8, "bfloat16", activation="ReLU", reads="result"),
    Row("fuse-backward", "ResNet-50 stage 1", 8, threads="all", activation="ReLU", reads="result"),
    # The kept channels alone, and back.
    Row("gather", "MobileNetV3 middle", 4, mask="shared"),
    Row("gather", "ResNet-50 stage 4", 8, mask="ragged"),
    Row("gather", "ResNet-50 stage 2", 8, mask="shared", quick=True),
    Row("gather", "ResNet-50 stage 1", 8, rate=0.2, mask="ragged"),
    Row("gather", "ResNet-50 stage 1", 32, mask="shared"),
    Row("gather", "MobileNetV3 middle", 4, layout="NHWC", mask="shared"),
    Row("gather", "ResNet-50 stage 2", 8, layout="NHWC", mask="ragged", quick=True),
    Row("gather", "ResNet-50 stage 1", 8, layout="NHWC", rate=0.2, mask="shared"),
    Row("gather", "ResNet-50 stage 1", 8, "bfloat16", mask="shared"),
    Row("gather", "ResNet-50 stage 1", 8, "bfloat16", layout="NHWC", mask="shared"),
    Row("gather", "ResNet-50 stage 1", 8, threads="all", mask="shared"),
    Row("scatter", "MobileNetV3 middle", 4, layout="NHWC", mask="shared"),
    Row("scatter", "ResNet-50 stage 4", 8, mask="ragged"),
    Row("scatter", "ResNet-50 stage 2", 8, mask="shared", quick=True),
    Row("scatter", "ResNet-50 stage 1", 8, rate=0.2, mask="ragged"),
    Row("scatter", "ResNet-50 stage 2", 8, layout="NHWC", mask="ragged"),
    Row("scatter", "ResNet-50 stage 1", 8, "bfloat16", layout="NHWC", mask="shared"),
    Row("scatter", "ResNet-50 stage 1", 8, threads="all", mask="shared"),
    # Back, added to a gradient that is there.
    Row("scatter-add", "ResNet-50 stage 2", 8, mask="ragged", quick=True),
    Row("scatter-add", "ResNet-50 stage 1", 8, layout="NHWC", mask="shared"),
    Row("scatter-add", "filters 3x3", 512, mask="weights"),
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
