"""Records the states of PyTorch's generator between calls of dropout.

    python make_pytorch_state.py     writes states/pytorch-VERSION.json

A state is the bytes of torch.get_rng_state(), compressed with zlib, in base64: before
the first call of dropout, before the second, and at the end.
"""

import base64
import os
import struct
import sys
import zlib

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import golden


ENGINE = 24 + 624 * 8  # bytes; the normal numbers that are held ready follow


def state():
    return bytes(torch.get_rng_state().numpy())


def text(data):
    return base64.b64encode(zlib.compress(data, 9)).decode()


def foreign():
    """The state behind another seed than the one that it names."""
    torch.manual_seed(9)
    torch.rand(30)
    data = struct.pack("<Q", 10) + state()[8:]
    torch.set_rng_state(torch.tensor(list(data), dtype=torch.uint8))


# What a program does before its first dropout.
BEFORE = {
    "nothing": lambda: None,
    "torch.rand(7)": lambda: torch.rand(7),
    "torch.randn(5)": lambda: torch.randn(5),
    "torch.rand(623)": lambda: torch.rand(623),
    "torch.rand(624)": lambda: torch.rand(624),
    "torch.rand(1000003)": lambda: torch.rand(1000003),
    "nn.Conv2d(3, 8, 3), nn.Linear(10, 5)":
        lambda: (nn.Conv2d(3, 8, 3), nn.Linear(10, 5)),
    "F.dropout(torch.ones(100), 0.3)":
        lambda: F.dropout(torch.ones(100), 0.3),
    "torch.set_rng_state of another seed": foreign,
}


def program(seed, name):
    torch.manual_seed(seed)
    BEFORE[name]()
    begin, calls = state(), []
    for shape, rate in (((2, 5, 3), 0.5), ((3, 131, 2), 0.3), ((1, 1, 1), 0.9),
                        ((2, 5, 3), 0.0), ((1, 7, 1), 0.5)):
        y = F.dropout1d(torch.ones(shape), rate)
        calls.append({"shape": list(shape), "rate": rate,
                      "mask": golden.mask_text(y.numpy()[:, :, 0] != 0)})
        if len(calls) == 1:
            second = state()
    return {"seed": seed, "before": name, "state": text(begin), "calls": calls,
            "second": text(second), "end": text(state())}


def loader(shuffle):
    data = torch.utils.data.TensorDataset(torch.zeros(10, 1))
    for _ in torch.utils.data.DataLoader(data, 2, shuffle=shuffle):
        pass


# Calls that a program makes between those of dropout.
WORDS = {
    "torch.rand(7)": lambda: torch.rand(7),
    "torch.rand(7, dtype=torch.float64)":
        lambda: torch.rand(7, dtype=torch.float64),
    "torch.randn(5)": lambda: torch.randn(5),
    "torch.randn(16)": lambda: torch.randn(16),
    "torch.randn(20)": lambda: torch.randn(20),
    "torch.randint(10, (7,))": lambda: torch.randint(10, (7,)),
    "torch.randperm(10)": lambda: torch.randperm(10),
    "torch.bernoulli(torch.full((7,), 0.5))":
        lambda: torch.bernoulli(torch.full((7,), 0.5)),
    "F.dropout(torch.ones(100), 0.3)":
        lambda: F.dropout(torch.ones(100), 0.3),
    "F.dropout2d(torch.ones(2, 5, 4, 4), 0.3)":
        lambda: F.dropout2d(torch.ones(2, 5, 4, 4), 0.3),
    "nn.Linear(10, 5)": lambda: nn.Linear(10, 5),
    "nn.Conv2d(3, 8, 3)": lambda: nn.Conv2d(3, 8, 3),
    "nn.BatchNorm2d(8)": lambda: nn.BatchNorm2d(8),
    "nn.Embedding(10, 4)": lambda: nn.Embedding(10, 4),
    "an epoch of a DataLoader": lambda: loader(False),
    "an epoch of a DataLoader with shuffle=True": lambda: loader(True),
}


def words(call):
    """How many words a call takes, counted by taking them one by one."""
    torch.manual_seed(5)
    call()
    want = state()[:ENGINE]
    torch.manual_seed(5)
    for n in range(2000):
        if state()[:ENGINE] == want:
            return n
        torch.empty(1, dtype=torch.int32).random_()
    sys.exit("a call takes more than 2000 words")


def main():
    seeds = (42, 42, 5, 7, 7, 1701, -1, 2**40 + 3, 0)
    version = torch.__version__.split("+")[0]
    document = {
        "framework": "PyTorch",
        "versions": {"torch": torch.__version__,
                     "python": golden.python_version(),
                     "numpy": np.__version__},
        "script": "make_pytorch_state.py",
        "programs": [program(s, b) for s, b in zip(seeds, BEFORE)],
        "words": [{"call": c, "words": words(f)} for c, f in WORDS.items()],
    }
    golden.write(os.path.join("states", "pytorch-%s.json" % version), document)


if __name__ == "__main__":
    main()
