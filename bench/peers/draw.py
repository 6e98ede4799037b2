"""Compares the draw of a mask with PyTorch's, side by side.

    python bench/peers/draw.py [rounds]

from the root of the repository, where PyTorch and Go are installed. In every round
PyTorch draws the masks of 65,536 channels, by what dropout2d does for a mask, and
then this module does, from each of its streams; medians and their ratios are
printed. One thread each.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

import torch

CHANNELS = 128 * 512  # as in BenchmarkDraw of package mask
RATE = 0.5


def pytorch(noise, calls=5):
    """Nanoseconds a channel of drawing the noise, scaled as dropout2d scales it."""
    start = time.perf_counter()
    for _ in range(calls):
        noise.bernoulli_(1 - RATE).div_(1 - RATE)
    return (time.perf_counter() - start) / calls / CHANNELS * 1e9


def module(program):
    """Nanoseconds a channel by the name of the stream."""
    out = subprocess.run(
        [program, "-test.run", "^$", "-test.bench", "Draw",
         "-test.benchtime", "20ms", "-test.cpu", "1"],
        check=True, capture_output=True, text=True).stdout
    found = re.findall(r"BenchmarkDraw/(\S+)\s.*?([\d.]+) ns/channel", out)
    return {name: float(ns) for name, ns in found}


def main(rounds):
    torch.set_num_threads(1)
    noise = torch.empty(128, 512, 1, 1)
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "mask.test")
        subprocess.run(["go", "test", "-c", "-o", program, "./mask"],
                       check=True)
        theirs, ours = [], {}
        pytorch(noise)  # warm up
        for _ in range(rounds):
            theirs.append(pytorch(noise))
            for name, ns in module(program).items():
                ours.setdefault(name, []).append(ns)
    peer = statistics.median(theirs)
    print("PyTorch %s: %.2f ns a channel, the median of %d rounds"
          % (torch.__version__, peer, rounds))
    for name, all_ns in ours.items():
        ns = statistics.median(all_ns)
        print("%-28s %6.2f ns  %.3f of PyTorch's" % (name, ns, ns / peer))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
