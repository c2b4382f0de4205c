#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rows of bench/layer_shapes.txt by PyTorch and by layer_bench in turn; prints a table of medians. Speed only: that the
outputs are right is for the tests and for bench/peer_torch.py.

  peer_layers.py --bench build/bin/layer_bench [--filter REGEX] [--threads 2] [--pairs 5] [--runs 10] [--form eager|compile]
"""
import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import time

import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import peer_machine  # noqa: E402
import peer_network  # noqa: E402

WARM_UPS = 3


def read_rows():
    """name, shapes, op, attributes."""
    for line in (HERE / "layer_shapes.txt").read_text(encoding="utf-8").splitlines():
        words = line.split("#")[0].split()
        if words:
            shapes = [tuple(map(int, shape.split(","))) for shape in words[1].split(";")]
            yield words[0], shapes, words[2], dict(word.split("=") for word in words[3:])


def make_call(shapes, op, attributes, form):
    """What PyTorch does for a row: a convolution, or the attention where there is no kernel of weights."""
    inputs = torch.randn(shapes[0]).to(memory_format=torch.channels_last)
    if "channels" in attributes:
        call = peer_network.Layer(shapes[0][1], int(attributes["channels"]), int(attributes["kernel"]),
                                  int(attributes.get("stride", 1)), int(attributes.get("dilation", 1)),
                                  attributes.get("upsample") == "2", op.startswith("gated"))
        call = call.to(memory_format=torch.channels_last)
    else:
        mask = torch.zeros(shapes[1])
        height, width = shapes[1][2:]
        mask[:, :, height // 4:-height // 4, width // 4:-width // 4] = 1
        usable = peer_network.key_mask(mask, *shapes[0][2:])

        def call(x):
            return peer_network.attention(x, usable, form == "eager")
    if form == "compile":
        import torch._inductor.config as inductor
        inductor.freezing = True
        torch._dynamo.reset()
        call = torch.compile(call, dynamic=False)
    return lambda: call(inputs)


def median_ms(call, runs):
    seconds = []
    with torch.no_grad():
        for _ in range(runs):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds)


def compare(arguments, row):
    """A line of the table."""
    name, shapes, op, attributes = row
    call = make_call(shapes, op, attributes, arguments.form)
    median_ms(call, WARM_UPS)
    command = [arguments.bench, f"--benchmark_filter=^{name}/", f"--sluice_threads={arguments.threads}",
               f"--runs={arguments.runs}", "--benchmark_format=json"]
    pairs = []
    for _ in range(arguments.pairs):
        peer_machine.wait_until_idle(arguments.wait)
        torch_ms = median_ms(call, arguments.runs)
        peer_machine.wait_until_idle(arguments.wait)
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        ours = json.loads(done.stdout)["benchmarks"][0]
        pairs.append((torch_ms, ours["median_ms"], ours["peak_GFLOP/s"]))
    theirs_ms, ours_ms, peaks = zip(*pairs)
    ratios = sorted(a / b for a, b in zip(theirs_ms, ours_ms))
    return (f"| {name} | {statistics.median(theirs_ms):.2f} | {min(theirs_ms):.2f} | {statistics.median(ours_ms):.2f} "
            f"| {min(ours_ms):.2f} | **{statistics.median(ratios):.2f}** | {ratios[0]:.2f}-{ratios[-1]:.2f} "
            f"| {min(peaks):.0f}-{max(peaks):.0f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True)
    parser.add_argument("--filter", default="")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--wait", type=float, default=20, help="seconds to wait for an idle processor before a turn")
    parser.add_argument("--form", choices=("eager", "compile"), default="eager")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"PyTorch {torch.__version__}, {arguments.form}, channels_last, {arguments.threads} threads, "
          f"{arguments.pairs} pairs of {arguments.runs} runs")
    print("| row | torch ms, median | best | ours ms, median | best | torch / ours, median of pairs | range "
          "| FMA peak beside ours, GFLOP/s |")
    print("|" + "---|" * 8)
    for row in read_rows():
        if re.search(arguments.filter, row[0]):
            print(compare(arguments, row), flush=True)


if __name__ == "__main__":
    main()
