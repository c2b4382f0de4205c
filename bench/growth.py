# SPDX-License-Identifier: Apache-2.0
"""How Sluice's time grows with the picture and shrinks with threads, for `peers.py --parts growth`: layers at the sizes of
bench/growth_shapes.txt, and the whole network with one thread and with all of them."""
import json
import re
import statistics
import subprocess

import peer_rows

ROUNDS = 5
RUNS = 5  # of a row a round
NETWORK_SIZES = (256, 512)


def run_bench(command):
    """Rows of a program's report, by name."""
    done = subprocess.run([*command, f"--runs={RUNS}", "--benchmark_format=json"], check=True, capture_output=True, text=True)
    return {row["name"].rsplit("/iterations", 1)[0]: row for row in json.loads(done.stdout)["benchmarks"]}


def median_of(samples, value):
    return statistics.median(map(value, samples))


def of_layer(layer, samples):
    """A row of the table. samples: picture's side to rows of layer_bench."""
    sides = sorted(samples)
    pixel = {side: median_of(samples[side], lambda row: 1e6 * row["median_ms"] / side ** 2) for side in sides}
    # The same in multiplications that the machine could have done meanwhile.
    work = {side: median_of(samples[side], lambda row: row["median_ms"] * row["peak_GFLOP/s"] / side ** 2) for side in sides}
    return [layer, *(f"{pixel[side]:.2f}" for side in sides), f"{pixel[sides[-1]] / pixel[sides[0]]:.2f}",
            f"{work[sides[-1]] / work[sides[0]]:.2f}"]


def growth_table(options, wait):
    command = [str(options.bin / "layer_bench"), f"--shapes={peer_rows.HERE / 'growth_shapes.txt'}", "--benchmark_filter=^g",
               f"--sluice_threads={options.threads}"]
    samples = {}
    for _ in range(ROUNDS):
        wait(options.wait)
        for name, row in run_bench(command).items():
            layer, side = re.fullmatch(r"(\w+)_(\d+)", name).groups()
            samples.setdefault(layer, {}).setdefault(int(side), []).append(row)
    sides = sorted(next(iter(samples.values())))
    head = ["ns a pixel of the picture", *map(str, sides), f"{sides[-1]} / {sides[0]}", "the same, of the FMA peak's time"]
    return head, [of_layer(layer, of_sides) for layer, of_sides in samples.items()]


def threads_table(options, wait):
    rows = []
    for size in NETWORK_SIZES:
        samples = {1: [], options.threads: []}
        for _ in range(ROUNDS):
            for threads, taken in samples.items():
                wait(options.wait)
                command = [str(options.bin / "model_bench"), f"--sizes={size}", f"--sluice_threads={threads}"]
                taken.extend(run_bench(command).values())
        pairs = list(zip(samples[1], samples[options.threads]))
        times = [f"{median_of(taken, lambda row: row['median_ms']):.0f}" for taken in samples.values()]
        ratios = [median_of(pairs, lambda pair: pair[0]["median_ms"] / pair[1]["median_ms"]),
                  median_of(pairs, lambda pair: pair[1]["peak_GFLOP/s"] / pair[0]["peak_GFLOP/s"])]
        rows.append([f"DeepFill v2, {size}x{size}", *times, *(f"{ratio:.2f}" for ratio in ratios), f"{100 * ratios[0] / ratios[1]:.0f}"])
    return ["", "ms, 1 thread", f"ms, {options.threads} threads", "quotient", "of the FMA peaks", "share, %"], rows


def measure(options, wait):
    """Tables with a text each."""
    yield (*growth_table(options, wait),
           "Gated 3x3 layers of 24, 48 and 96 channels where DeepFill v2 has them: at the picture's size, a half and a quarter of it. "
           f"Medians of {ROUNDS} rounds of {RUNS} runs.")
    if options.threads > 1:
        yield (*threads_table(options, wait), f"Whole networks, with one thread and with all in turn, medians of {ROUNDS} pairs.")
