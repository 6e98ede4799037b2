"""Records PyTorch's channel dropout, forward and backward.

    python make_pytorch.py         writes pytorch-VERSION.json
    python make_pytorch.py --mkl   writes pytorch-mkl-VERSION.json

The second is to be run where PyTorch takes its MKL path, that is on an Intel
processor or on an emulated one; README.md says how.
"""

import sys

import numpy as np
import torch
import torch.nn.functional as F

import backends
import golden

TORCH = backends.Torch()
DTYPES = {d: getattr(torch, d) for d in golden.WIDTH}
PLAIN = {"NCW": "dropout1d", "NCHW": "dropout2d", "NCDHW": "dropout3d",
         "NHWC": "dropout2d", "NDHWC": "dropout3d"}


def to_memory(t):
    """From logical N,C,… to the order of channels_last in memory."""
    return t.permute(0, *range(2, t.dim()), 1)


def from_memory(t):
    """A view of N,…,C memory as N,C,…: PyTorch's channels_last."""
    return t.permute(0, t.dim() - 1, *range(1, t.dim() - 1))


def case(seed, rate, dtype, layout, shape, alpha=False, steps=3):
    fn = F.feature_alpha_dropout if alpha else getattr(F, PLAIN[layout])
    last = golden.channels_last(layout)
    view = from_memory if last else (lambda t: t)
    memory = to_memory if last else (lambda t: t)
    xb = golden.make_bits(shape, dtype, 1)
    db = golden.make_bits(shape, dtype, 6)

    torch.manual_seed(seed)
    masks = []
    for _ in range(steps):
        ones = view(torch.ones(shape, dtype=DTYPES[dtype]))
        y = fn(ones, rate, training=True)
        y = y.float().numpy().reshape(y.shape[0], y.shape[1], -1)[:, :, 0]
        # A dropped map of ones is 0 in plain dropout and negative in alpha
        # dropout; a kept one is positive in both.
        masks.append(y > 0)
    torch.manual_seed(seed)
    calls = []
    for step in range(steps):
        x = view(TORCH.tensor(xb, dtype, shape)).requires_grad_()
        dy = view(TORCH.tensor(db, dtype, shape))
        y = fn(x, rate, training=True)
        (dx,) = torch.autograd.grad(y, x, dy)
        y, dx = (TORCH.bits(memory(t), dtype) for t in (y, dx))
        calls.append({"step": step, "mask": golden.mask_text(masks[step]),
                      "y": golden.hexed(y, dtype),
                      "dx": golden.hexed(dx, dtype)})
    name = "torch.nn.functional." + fn.__name__
    if last:
        dims = "channels_last_3d" if len(shape) == 5 else "channels_last"
        name += ", memory_format=torch." + dims
    return {"stream": STREAM, "api": name, "seed": seed, "rate": rate,
            "dtype": dtype, "layout": layout, "shape": list(shape),
            "x": golden.hexed(xb, dtype), "dy": golden.hexed(db, dtype),
            "calls": calls}


def long_case(seed, rate, trials, dtype="float32", steps=1):
    torch.manual_seed(seed)
    calls = []
    for step in range(steps):
        y = F.dropout1d(torch.ones((1, trials, 1), dtype=DTYPES[dtype]), rate,
                        training=True)
        calls.append({"step": step,
                      "bits": golden.mask_bits(y.float().numpy() != 0)})
    return {"stream": STREAM, "api": "torch.nn.functional.dropout1d",
            "seed": seed, "rate": rate, "dtype": dtype, "trials": trials,
            "calls": calls}


def sequence(seed):
    """Layers of different size and rate on the one global generator."""
    third = usable()[2]  # before the seed, since it may draw
    plan = [((2, 5, 2, 3), 0.5, "float32", True),
            ((1, 7, 3), 0.2, "float64", True),
            ((2, 5, 2, 3), 0.0, "float32", True),
            ((1, 7, 3), 0.2, "float32", True),
            ((2, 5, 2, 3), 1.0, "float32", True),
            ((2, 5, 2, 3), 0.5, third, True),
            ((1, 7, 3), 0.2, "float32", False),
            ((0, 5, 2, 3), 0.5, "float32", True),
            ((2, 5, 0, 3), 0.5, "float32", True),
            ((3, 11, 1, 1, 1), 1.0 / 3.0, "bfloat16", True),
            ((2, 5, 2, 3), 0.5, "float32", True),
            ((1, 700, 1), 0.1, "float32", True),
            ((1, 7, 3), 0.2, "float32", True)]
    layouts = {3: "NCW", 4: "NCHW", 5: "NCDHW"}
    torch.manual_seed(seed)
    calls = []
    for shape, rate, dtype, training in plan:
        layout = layouts[len(shape)]
        y = getattr(F, PLAIN[layout])(torch.ones(shape, dtype=DTYPES[dtype]),
                                      rate, training=training)
        if y.numel():
            y = y.float().numpy().reshape(shape[0], shape[1], -1)[:, :, 0]
            mask = golden.mask_text(y != 0)
        else:
            mask = ""
        calls.append({"shape": list(shape), "rate": rate, "dtype": dtype,
                      "layout": layout, "training": training, "mask": mask})
    return {"stream": STREAM, "seed": seed, "calls": calls}


def usable():
    """Old versions draw no Bernoulli numbers of type float16 on the CPU."""
    try:
        torch.empty(1, dtype=torch.float16).bernoulli_(0.5)
    except RuntimeError:
        return [d for d in DTYPES if d != "float16"]
    return list(DTYPES)


def cases():
    small, seven = (2, 5, 2, 3), (1, 7, 3, 3)
    dtypes = usable()
    for seed in (0, 42, 123, 1701, 2**32, 2**32 + 42, 2**53 + 1, 2**63 + 5,
                 2**64 - 1, -1, -42, -2**63):
        yield case(seed, 0.5, "float32", "NCHW", small, steps=2)
    for rate in (0.0, 0.1, 0.2, 0.3, 0.5, 0.9, golden.THIRD, 1.0):
        yield case(42, rate, "float32", "NCHW", seven)
    for dtype in dtypes:
        for rate in (0.0, 0.2, 0.3, 0.9, golden.THIRD, 1.0):
            if dtype != "float32":
                yield case(123, rate, dtype, "NCHW", small, steps=2)
        for shape, layout in (((3, 4, 5), "NCW"), ((2, 3, 2, 2, 2), "NCDHW"),
                              ((1, 1, 1), "NCW"), ((2, 2, 3, 5), "NHWC"),
                              ((2, 2, 2, 2, 3), "NDHWC")):
            yield case(0, 0.3, dtype, layout, shape, steps=2)
        for rate in (0.1, 0.5, golden.THIRD):
            yield case(1701, rate, dtype, "NCHW", small, alpha=True, steps=2)
        yield case(42, 0.2, dtype, "NHWC", (2, 2, 3, 5), alpha=True, steps=2)
        yield case(42, 0.9, dtype, "NCW", (3, 4, 5), alpha=True, steps=2)
    for rate in (0.0, 1.0):
        yield case(7, rate, "float32", "NCHW", small, alpha=True, steps=2)


def main():
    long = [long_case(42, 0.5, 5000), long_case(0, 0.1, 20000),
            long_case(123, golden.THIRD, 7001, "float64", 2),
            long_case(2**40 + 3, 0.9, 5000, "bfloat16", 2)]
    version = torch.__version__
    document = {
        "framework": "PyTorch",
        "versions": {"torch": version, "python": golden.python_version(),
                     "numpy": np.__version__},
        "script": "make_pytorch.py" + (" --mkl" if MKL else ""),
        "cases": list(cases()), "long": long,
        "sequences": [sequence(0), sequence(42)],
    }
    name = "%s-%s.json" % (STREAM, version.split("+")[0])
    golden.write(name, document)


if __name__ == "__main__":
    MKL = "--mkl" in sys.argv
    STREAM = "pytorch-mkl" if MKL else "pytorch"
    main()
