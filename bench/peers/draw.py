"""Compares the time of drawing a mask with that of PyTorch.

    python bench/peers/draw.py [rounds]

Run it in the root of the repository, with PyTorch and Go installed. In each round
PyTorch draws a mask of 65,536 channels as dropout2d does, and then this module draws
one from each of its streams. The script prints medians and their ratios. Both use one
thread.
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
    """Nanoseconds per channel for drawing the noise and scaling it as dropout2d does."""
    start = time.perf_counter()
    for _ in range(calls):
        noise.bernoulli_(1 - RATE).div_(1 - RATE)
    return (time.perf_counter() - start) / calls / CHANNELS * 1e9


def module(program):
    """Nanoseconds per channel, by the name of the stream."""
    out = subprocess.run(
        [program, "-test.run", "^$", "-test.bench", "Draw",
         "-test.benchtime", "20ms", "-test.cpu", "1"],
        check=True, capture_output=True, text=True).stdout
    found = re.findall(r"BenchmarkDraw/\w+=(\S+)\s.*?([\d.]+) ns/channel", out)
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
    print("PyTorch %s: %.2f ns per channel, median of %d rounds"
          % (torch.__version__, peer, rounds))
    for name, all_ns in ours.items():
        ns = statistics.median(all_ns)
        print("%-28s %6.2f ns  %.3f of PyTorch" % (name, ns, ns / peer))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
