#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""DeepFill v2 by PyTorch and by model_bench in turn, on the same weights and input; prints a table of medians.

  peer_torch.py --bench build/bin/model_bench [--sizes 256,512] [--threads 2] [--pairs 7] [--runs 3] [--form eager|compile]

A pair is some runs of PyTorch, then as many of ours; the ratio of a pair is that of its two medians. The machine may be
slow for a while: what a pair compares was measured within seconds. bench/peer_torch.sh makes an environment with PyTorch.
"""
import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import peer_machine  # noqa: E402
import peer_network  # noqa: E402

LARGEST_DIFFERENCE = 1e-3  # of outputs in -1..1; two float32 runs at 512x512 are this far apart at most
WARM_UPS = 3


def seeded_input(size, seed):
    """A picture of smooth waves and noise, 0..255, and a mask of rectangles over about a fifth of it."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size]
    image = random.normal(120, 6, (1, 3, size, size))
    for channel in range(3):
        for _ in range(6):
            fx, fy, phase = random.uniform(-0.06, 0.06), random.uniform(-0.06, 0.06), random.uniform(0, 6.28)
            image[0, channel] += random.uniform(10, 20) * np.sin(fx * x + fy * y + phase)
    mask = np.zeros((1, 1, size, size), np.float32)
    while mask.mean() < 0.2:
        top, left = random.integers(0, size, 2)
        height, width = random.integers(size // 16, size // 4, 2)
        mask[:, :, top:top + height, left:left + width] = 1
    return {"image": torch.from_numpy(image.clip(0, 255).astype(np.float32)), "mask": torch.from_numpy(mask)}


class Torch:
    """The network ready to run."""

    def __init__(self, form):
        self.network = peer_network.Generator(in_place=form == "eager").eval()
        self.network.seed_weights(0)
        self.weights = self.network.named_weights()
        self.network = self.network.to(memory_format=torch.channels_last)
        self.call = self.network
        if form == "compile":
            import torch._inductor.config as inductor
            inductor.freezing = True
            self.call = torch.compile(self.network, dynamic=False)

    def __call__(self, inputs):
        with torch.no_grad():
            image = inputs["image"].to(memory_format=torch.channels_last) / 127.5 - 1
            return dict(zip(("filled", "x1", "x2"), self.call(image, inputs["mask"])))

    def median_ms(self, inputs, runs):
        seconds = []
        for _ in range(runs):
            start = time.perf_counter()
            self(inputs)
            seconds.append(time.perf_counter() - start)
        return 1e3 * statistics.median(seconds)


class Ours:
    """model_bench on files."""

    def __init__(self, arguments, size, folder):
        self.output = folder / f"output{size}.safetensors"
        self.command = [arguments.bench, f"--sizes={size}", f"--sluice_threads={arguments.threads}",
                        f"--weights={folder / 'weights.safetensors'}", f"--input={folder / f'input{size}.safetensors'}",
                        "--benchmark_format=json"]

    def run(self, runs, *more):
        done = subprocess.run([*self.command, f"--runs={runs}", *more], check=True, capture_output=True, text=True)
        return json.loads(done.stdout)["benchmarks"][0]

    def outputs(self):
        self.run(1, f"--output={self.output}")
        return load_file(self.output)


def compare(arguments, net, size, folder):
    """A row of the table: medians, ratio, difference."""
    inputs = seeded_input(size, 0)
    save_file(inputs, folder / f"input{size}.safetensors")
    ours = Ours(arguments, size, folder)
    for _ in range(WARM_UPS):
        theirs = net(inputs)
    made = ours.outputs()
    difference = max(float((made[name] - theirs[name]).abs().max()) for name in theirs)
    if not difference <= LARGEST_DIFFERENCE:
        sys.exit(f"{size}: the outputs differ by {difference:.1e}")
    pairs = []
    for _ in range(arguments.pairs):
        peer_machine.wait_until_idle(arguments.wait)
        torch_ms = net.median_ms(inputs, arguments.runs)
        peer_machine.wait_until_idle(arguments.wait)
        row = ours.run(arguments.runs)
        pairs.append((torch_ms, row["median_ms"], row["peak_GFLOP/s"], row["peak_memory_MB"]))
    theirs_ms, ours_ms, peaks, memory = zip(*pairs)
    ratios = sorted(a / b for a, b in zip(theirs_ms, ours_ms))
    middle = statistics.median
    return (f"| {size} | {middle(theirs_ms):.0f} | {min(theirs_ms):.0f} | {middle(ours_ms):.0f} | {min(ours_ms):.0f} "
            f"| **{middle(ratios):.2f}** | {ratios[0]:.2f}-{ratios[-1]:.2f} | {difference:.1e} "
            f"| {min(peaks):.0f}-{max(peaks):.0f} | {max(memory):.0f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True)
    parser.add_argument("--sizes", default="256,512")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--wait", type=float, default=20, help="seconds to wait for an idle processor before a turn")
    parser.add_argument("--form", choices=("eager", "compile"), default="eager")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    net = Torch(arguments.form)
    print(f"PyTorch {torch.__version__}, {arguments.form}, channels_last, {arguments.threads} threads, "
          f"{arguments.pairs} pairs of {arguments.runs} runs")
    print("| size | torch ms, median | best | ours ms, median | best | torch / ours, median of pairs | range "
          "| largest difference | FMA peak beside ours, GFLOP/s | our peak memory, MB |")
    print("|" + "---|" * 10)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_file(net.weights, folder / "weights.safetensors")
        for size in map(int, arguments.sizes.split(",")):
            print(compare(arguments, net, size, folder), flush=True)
    print(f"\nPeak memory of the PyTorch process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
