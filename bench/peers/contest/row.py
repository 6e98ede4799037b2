"""What a row of the table is: which work is measured, on which tensor."""

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
    "filters 3x3": (512, (3, 3)),  # of a ResNet's last stage; the batch is their outputs
}

WORKS = {
    "apply": "y = x·factors, with factors given for each channel of each sample",
    "both": "the same, and dx = dy·factors",
    "layer": "draw the channels and apply them",
    "training": "draw the channels, apply them, and apply them to the gradient",
    "draw": "draw the channels and nothing else",
    "fuse": "y = f·act(a·x + b), with a scale a and a shift b for each channel",
    "fuse-add": "y = r + f·act(a·x + b), with a residual r",
    "fuse-backward": "dx = act'(a·x + b)·(f·dy)·a",
    "gather": "the kept channels, scaled and without gaps",
    "scatter": "the kept channels back to their places, scaled, and +0 between them",
    "scatter-add": "the kept channels added to those in their places, scaled",
}

# Families of works. Each has its own tables and means, and jobs of its own.
FAMILIES = {"core": ("apply", "both", "layer", "training", "draw"),
            "fused": ("fuse", "fuse-add", "fuse-backward"),
            "compact": ("gather", "scatter", "scatter-add")}


def family_of(work):
    """A key of FAMILIES."""
    return next(family for family, works in FAMILIES.items() if work in works)


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
    activation: str = ""  # of the fused family: "ReLU", "ReLU6" or "LeakyReLU"
    reads: str = ""  # what fuse-backward knows the activation by: its "result", or its "input"
    mask: str = ""  # of the compact family: "shared" by all samples, "ragged", or of "weights", whose batch are outputs

    @property
    def family(self):
        return family_of(self.work)

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
                         self.place, "rate%g" % self.rate, self.threads] + self.variant)

    @property
    def variant(self):
        """What a family tells apart besides."""
        return [word for word in (self.activation, self.reads, self.mask) if word]

    @property
    def backward(self):
        return self.work in ("both", "training")

    @property
    def draws(self):
        return self.work in ("layer", "training", "draw")

    @property
    def payload(self):
        """Bytes of the tensor that is not packed, counted once, in both passes; 0 for a draw."""
        if self.work == "draw":
            return 0
        elements = self.batch * self.channels
        for dim in self.spatial:
            elements *= dim
        size = 4 if self.dtype == "float32" else 2
        return elements * size * (2 if self.backward else 1)
