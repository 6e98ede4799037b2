"""Records what the calls of MIGRATING.md print.

    python make_printed.py

writes printed.json. A variable such as nchw is a float32 tensor whose axes its name
spells, and whose elements are 1, 2, 3, ... in the order of memory. Results are printed
in the order of memory, too, each number with the fewest digits that name it.
"""

import importlib.metadata
import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE / "../../../mask/testdata/golden"
SIZES = {"n": 2, "t": 3, "c": 4, "d": 1, "h": 1, "w": 2, "l": 2}
AXES = ["ncl", "nchw", "ncdhw", "nwc", "nhwc", "ndhwc", "ntc", "cl", "chw", "cdhw", "tnc"]

TORCH = """\
import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(6)
"""
KERAS = """\
import keras
from keras.layers import *
"""
TENSORFLOW = """\
import functools
import tensorflow as tf
"""
JAX = """\
import jax
import jax.numpy as jnp
"""
TIMM = "import torch\nfrom timm.layers import DropPath, drop_path\ntorch.manual_seed(6)\n"
VISION = "import torch\nfrom torchvision.ops import StochasticDepth, stochastic_depth\ntorch.manual_seed(6)\n"
MONAI = ("import torch\nfrom monai.networks.layers import DropPath\n"
         "from monai.networks.layers.factories import Dropout\ntorch.manual_seed(6)\n")
FASTAI = "import torch\nfrom fastai.text.models.awdlstm import RNNDropout\ntorch.manual_seed(6)\n"
LINEN = JAX + "from flax import linen as nn\n"
NNX = JAX + "from flax import nnx\n"


def dnnl_primitive_attr_set_dropout(seed, p):
    """What oneDNN 3.8.1 kept, as mask/testdata/golden has it."""
    for case in json.loads((GOLDEN / "onednn-3.8.1.json").read_text())["cases"]:
        if case["seed"] == seed and case["rate"] == p:
            return [int(bit) for bit in case["calls"][0]["mask"]]


# Name of the example, packages, setup, and calls that all give the same.
ROWS = [
    ("torchDropout1d", "torch", TORCH, "F.dropout1d(ncl, 0.3)", "nn.Dropout1d(0.3)(ncl)"),
    ("torchDropout2d", "torch", TORCH, "F.dropout2d(nchw, 0.3)", "nn.Dropout2d(0.3)(nchw)", "torch.feature_dropout(nchw, 0.3, True)"),
    ("torchDropout3d", "torch", TORCH, "F.dropout3d(ncdhw, 0.3)", "nn.Dropout3d(0.3)(ncdhw)"),
    ("torchEvaluation", "torch", TORCH, "F.dropout2d(nchw, 0.3, training=False)", "nn.Dropout2d(0.3).eval()(nchw)"),
    ("torchInPlace", "torch", TORCH, "F.dropout2d(nchw, 0.3, inplace=True)", "nn.Dropout2d(0.3, inplace=True)(nchw)"),
    ("torchChannelsLast", "torch", TORCH, "F.dropout2d(nhwc.permute(0, 3, 1, 2), 0.3)"),
    ("torchThreeAxes", "torch", TORCH, "F.dropout2d(chw, 0.3)"),
    ("torchUnbatched1d", "torch", TORCH, "F.dropout1d(cl, 0.3)"),
    ("torchUnbatched3d", "torch", TORCH, "F.dropout3d(cdhw, 0.3)"),
    ("torchBFloat16", "torch", TORCH, "F.dropout2d(nchw.bfloat16(), 0.3)"),
    ("torchGradient", "torch", TORCH, "torch.autograd.grad(F.dropout2d(nchw.requires_grad_(), 0.3), nchw, nchw)[0]"),
    ("torchTwoLayers", "torch", TORCH, "F.dropout2d(F.dropout2d(nchw, 0.3), 0.5)"),
    ("torchFeatureAlphaDropout", "torch", TORCH, "F.feature_alpha_dropout(nchw, 0.3, True)", "nn.FeatureAlphaDropout(0.3)(nchw)"),
    ("torchAlphaDropout", "torch", TORCH, "F.alpha_dropout(nchw, 0.3, True)", "nn.AlphaDropout(0.3)(nchw)"),
    ("torchDropout", "torch", TORCH, "F.dropout(nchw, 0.3)", "nn.Dropout(0.3)(nchw)"),
    ("torchTimeMajor", "torch", TORCH, "tnc * torch.empty(1, 2, 4).bernoulli_(0.7).div_(0.7)"),
    ("torchBernoulli", "torch", TORCH, "torch.empty(2, 4).bernoulli_(0.7)"),

    ("kerasSpatialDropout1D", "keras tensorflow", KERAS, "SpatialDropout1D(0.3, seed=12)(nwc, training=True)"),
    ("kerasSpatialDropout2D", "keras tensorflow", KERAS, "SpatialDropout2D(0.3, seed=12)(nhwc, training=True)", "Dropout(0.3, noise_shape=(None, 1, 1, None), seed=12)(nhwc, training=True)"),
    ("kerasSpatialDropout3D", "keras tensorflow", KERAS, "SpatialDropout3D(0.3, seed=12)(ndhwc, training=True)"),
    ("kerasChannelsFirst", "keras tensorflow", KERAS, 'SpatialDropout2D(0.3, data_format="channels_first", seed=12)(nchw, training=True)'),
    ("kerasTorch", "keras torch", KERAS, "SpatialDropout2D(0.3, seed=8)(nhwc, training=True)"),
    ("kerasJAX", "keras jax", KERAS, "SpatialDropout2D(0.3, seed=12)(nhwc, training=True)"),
    ("kerasEvaluation", "keras tensorflow", KERAS, "SpatialDropout2D(0.3, seed=12)(nhwc, training=False)"),
    ("kerasPerSample", "keras tensorflow", KERAS, "Dropout(0.3, noise_shape=(None, 1, 1, 1), seed=12)(nhwc, training=True)"),
    ("kerasPerChannel", "keras tensorflow", KERAS, "Dropout(0.3, noise_shape=(1, 1, 1, None), seed=12)(nhwc, training=True)"),
    ("kerasTimeSteps", "keras tensorflow", KERAS, "Dropout(0.3, noise_shape=(None, None, 1), seed=12)(ntc, training=True)"),
    ("kerasDropout", "keras tensorflow", KERAS, "Dropout(0.3, seed=12)(nhwc, training=True)"),
    ("kerasSetRandomSeed", "keras tensorflow", KERAS + "keras.utils.set_random_seed(123)\n", "SpatialDropout2D(0.3)(nhwc, training=True)"),

    ("tensorflowStateless", "tensorflow", TENSORFLOW, "tf.nn.experimental.stateless_dropout(nhwc, 0.3, seed=[12, 0], noise_shape=[2, 1, 1, 4])",
     "tf.nn.experimental.general_dropout(nhwc, 0.3, functools.partial(tf.random.stateless_uniform, seed=[12, 0]), noise_shape=[2, 1, 1, 4])"),
    ("tensorflowPerSample", "tensorflow", TENSORFLOW, "tf.nn.experimental.stateless_dropout(nhwc, 0.3, seed=[12, 0], noise_shape=[2, 1, 1, 1])"),
    ("tensorflowPerChannel", "tensorflow", TENSORFLOW, "tf.nn.experimental.stateless_dropout(nhwc, 0.3, seed=[12, 0], noise_shape=[1, 1, 1, 4])"),
    ("tensorflowTwoAxes", "tensorflow", TENSORFLOW, "tf.nn.experimental.stateless_dropout(nhwc, 0.3, seed=[12, 0], noise_shape=[1, 1, 2, 4])"),
    ("tensorflowColumns", "tensorflow", TENSORFLOW, "tf.nn.experimental.stateless_dropout(nhwc, 0.3, seed=[12, 0], noise_shape=[2, 1, 2, 1])"),
    ("tensorflowThreeGroups", "tensorflow", TENSORFLOW, "tf.nn.experimental.stateless_dropout(tf.reshape(tf.range(1., 33.), [2, 2, 2, 2, 2]), 0.3, seed=[12, 0], noise_shape=[2, 1, 2, 1, 2])"),
    ("tensorflowElements", "tensorflow", TENSORFLOW, "tf.nn.experimental.stateless_dropout(nhwc, 0.3, seed=[12, 0])"),
    ("tensorflowFloat16", "tensorflow", TENSORFLOW, "tf.nn.experimental.stateless_dropout(tf.cast(nhwc, tf.float16), 0.3, seed=[12, 0], noise_shape=[2, 1, 1, 4])"),
    ("tensorflowXLA", "tensorflow", TENSORFLOW + "compiled = tf.function(tf.nn.experimental.stateless_dropout, jit_compile=True)\n", "compiled(nhwc, 0.3, seed=[12, 0], noise_shape=[2, 1, 1, 4])"),

    ("jaxBernoulli", "jax", JAX, "jax.random.bernoulli(jax.random.key(12), 0.7, (2, 4))"),
    ("jaxFoldIn", "jax", JAX, "jax.random.bernoulli(jax.random.fold_in(jax.random.key(12), 3), 0.7, (2, 4))"),
    ("jaxWhere", "jax", JAX, "jnp.where(jax.random.bernoulli(jax.random.key(12), 0.7, (2, 1, 1, 4)), nhwc / 0.7, 0)"),
    ("linenDropout", "jax flax", LINEN, 'nn.Dropout(0.3, broadcast_dims=(1, 2), deterministic=False).apply({}, nhwc, rngs={"dropout": jax.random.key(12)})'),
    ("linenChannelsFirst", "jax flax", LINEN, 'nn.Dropout(0.3, broadcast_dims=(2, 3), deterministic=False).apply({}, nchw, rngs={"dropout": jax.random.key(12)})'),
    ("linenPerSample", "jax flax", LINEN, 'nn.Dropout(0.3, broadcast_dims=(1, 2, 3), deterministic=False).apply({}, nhwc, rngs={"dropout": jax.random.key(12)})'),
    ("linenPerChannel", "jax flax", LINEN, 'nn.Dropout(0.3, broadcast_dims=(0, 1, 2), deterministic=False).apply({}, nhwc, rngs={"dropout": jax.random.key(12)})'),
    ("linenElements", "jax flax", LINEN, 'nn.Dropout(0.3, deterministic=False).apply({}, nhwc, rngs={"dropout": jax.random.key(12)})'),
    ("linenEvaluation", "jax flax", LINEN, "nn.Dropout(0.3, broadcast_dims=(1, 2), deterministic=True).apply({}, nhwc)"),
    ("nnxDropout", "jax flax", NNX, "nnx.Dropout(0.3, broadcast_dims=(1, 2), rngs=nnx.Rngs(12))(nhwc)"),
    ("nnxEvaluation", "jax flax", NNX, "nnx.Dropout(0.3, broadcast_dims=(1, 2), deterministic=True)(nhwc)"),

    ("timmDropPath", "timm torch", TIMM, "drop_path(nchw, 0.3, training=True)", "DropPath(0.3)(nchw)"),
    ("timmUnscaled", "timm torch", TIMM, "drop_path(nchw, 0.3, training=True, scale_by_keep=False)", "DropPath(0.3, scale_by_keep=False)(nchw)"),
    ("torchvisionRow", "torchvision torch", VISION, 'stochastic_depth(nchw, 0.3, "row")', 'StochasticDepth(0.3, "row")(nchw)'),
    ("torchvisionBatch", "torchvision torch", VISION, 'stochastic_depth(nchw, 0.3, "batch")', 'StochasticDepth(0.3, "batch")(nchw)'),
    ("dinov2Subset", "torch", TORCH + "x = torch.arange(1.0, 11.0).reshape(5, 2)\nrows = torch.tensor([1, 3, 4])\n", "torch.index_add(x, 0, rows, 2 * x[rows], alpha=5 / 3)"),
    ("monaiDropPath", "monai torch", MONAI, "DropPath(0.3)(nchw)"),
    ("monaiDropout", "monai torch", MONAI, 'Dropout["dropout", 2](0.3)(nchw)'),
    ("fastaiRNNDropout", "fastai torch", FASTAI, "RNNDropout(0.3)(ntc)"),
    ("onednnDropout", "", "", "dnnl_primitive_attr_set_dropout(seed=42, p=0.2)"),
]


def tensors(packages):
    """The variables of a row."""
    if "torch" in packages:
        import torch
        of = torch.from_numpy
    elif "tensorflow" in packages:
        import tensorflow
        of = tensorflow.constant
    elif "jax" in packages:
        import jax.numpy
        of = jax.numpy.asarray
    else:
        return {}
    found = {}
    for name in AXES:
        shape = [SIZES[a] for a in name]
        found[name] = of(np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape))
    return found


def text(y):
    """The elements in the order of memory, as Go prints a slice of them."""
    if hasattr(y, "detach"):
        y = y.detach()
        if y.dim() == 4 and not y.is_contiguous():
            y = y.permute(0, 2, 3, 1)
        if str(y.dtype) == "torch.bfloat16":
            y = y.float()
        y = y.numpy()
    y = np.asarray(y)
    if y.dtype in (np.dtype(bool), np.dtype(int)):
        y = y.astype(np.float32)
    if y.dtype == np.float16:
        y = y.astype(np.float32)
    assert y.dtype == np.float32, y.dtype
    return "[%s]" % " ".join(np.format_float_positional(v, trim="-") for v in y.ravel())


def row(name):
    """Runs the calls of a row."""
    _, packages, setup, *calls = next(r for r in ROWS if r[0] == name)
    packages = packages.split()
    printed = set()
    for call in calls:
        scope = {"dnnl_primitive_attr_set_dropout": dnnl_primitive_attr_set_dropout}
        exec(setup, scope)
        scope.update(tensors(packages))
        printed.add(text(eval(call, scope)))
    assert len(printed) == 1, printed
    versions = {p: importlib.metadata.version("tensorflow_cpu" if p == "tensorflow" else p) for p in packages}
    return {"name": name, "versions": versions, "setup": setup, "calls": calls, "printed": printed.pop()}


def main():
    if len(sys.argv) > 1:
        for name in sys.argv[1:]:
            print("\n" + json.dumps(row(name)))
        return
    names, found = {}, {}
    for name, packages, *_ in ROWS:
        names.setdefault(packages, []).append(name)
    for packages, some in names.items():  # which do not all live together in one process
        environment = dict(os.environ, KERAS_BACKEND=packages.split(" ")[-1], CUDA_VISIBLE_DEVICES="", JAX_PLATFORMS="cpu")
        out = subprocess.run([sys.executable, __file__, *some], env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
        found.update((r["name"], r) for r in map(json.loads, re.findall(r"^\{.*\}$", out, re.M)))
    rows = [found[r[0]] for r in ROWS]
    (HERE / "printed.json").write_text("[\n%s\n]\n" % ",\n".join(map(json.dumps, rows)))


main()
