#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Forward and backward pass of the first stage of DeepFill v2 at width 48, 256x256, by Sluice and by PyTorch in turn.

  training_peers.py [--bin build/bin] [--isa avx2] [--threads 2] [--pairs 5]

PyTorch runs in channels_last and contiguous, eager; the faster counts. Each turn is a process of its own, warm before it is
timed; medians, the median of the pairs' ratios, peak memory of the processes. `make bench-training` makes the environment.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import peer_rows  # noqa: E402

SIZE, WIDTH, WARM, RUNS = 256, 48, 2, 5


def first_stage():
    """The graph up to the first stage's output."""
    lines = []
    for line in (peer_rows.ROOT / "models/deepfill2.graph").read_text().splitlines():
        if line.startswith("blend xin"):
            break
        lines.append(line)
    return "\n".join([*lines, "output x1 [n 3 h w]", ""])


def of_torch():
    """Seconds of a pass and megabytes, as JSON: the other side of a turn, in a process of its own."""
    import resource
    import time

    import torch

    import peer_network
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    formats, best = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}, None
    for name, memory_format in formats.items():
        net = peer_network.Generator(WIDTH, in_place=False)
        net.seed_weights(1)
        net = net.to(memory_format=memory_format)
        image = (torch.rand(1, 3, SIZE, SIZE) * 2 - 1).contiguous(memory_format=memory_format)
        mask = torch.zeros(1, 1, SIZE, SIZE)
        mask[:, :, SIZE // 4:3 * SIZE // 4, SIZE // 4:3 * SIZE // 4] = 1
        seconds = []
        for _ in range(WARM + RUNS):
            net.zero_grad(set_to_none=True)
            before = time.perf_counter()
            made = torch.tanh(net.through("coarse", torch.cat([image * (1 - mask), torch.ones_like(mask), mask], 1)))
            (made * image).sum().backward()
            seconds.append(time.perf_counter() - before)
        median = statistics.median(seconds[WARM:])
        best = min(best or (median, name), (median, name))
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"ms": best[0] * 1e3, "MB": megabytes, "form": best[1]}))


def of_sluice(options, graph):
    command = [str(options.bin / "training_bench"), f"--graph={graph}", f"--size={SIZE}", f"--runs={RUNS}",
               f"--sluice_threads={options.threads}", "--benchmark_format=json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    row = json.loads(done.stdout)["benchmarks"][0]
    return {"ms": row["median_ms"], "MB": row["peak_memory_MB"], "form": f"{row['peak_share_%']:.0f} % of the FMA peak"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=peer_rows.ROOT / "build/bin")
    parser.add_argument("--isa", choices=["avx2"], help="both keep to these instructions")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--torch", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.torch:
        return of_torch()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    if options.isa:
        os.environ.update({"SLUICE_ISA": options.isa, "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"})
    turns = []
    with tempfile.TemporaryDirectory() as folder:
        graph = pathlib.Path(folder) / "first_stage.graph"
        graph.write_text(first_stage())
        for _ in range(options.pairs):
            ours = of_sluice(options, graph)
            torch = subprocess.run([sys.executable, __file__, "--torch"], check=True, capture_output=True, text=True)
            turns.append((ours, json.loads(torch.stdout)))
            print("Sluice {ms:.0f} ms, {MB:.0f} MB, {form};".format(**ours),
                  "torch {ms:.0f} ms, {MB:.0f} MB, {form}".format(**turns[-1][1]), flush=True)
    ratios = [torch["ms"] / ours["ms"] for ours, torch in turns]
    middle = [statistics.median(turn[k]["ms"] for turn in turns) for k in (0, 1)]
    print(f"medians {middle[0]:.0f} and {middle[1]:.0f} ms; torch / Sluice {statistics.median(ratios):.2f}, "
          f"range {min(ratios):.2f}-{max(ratios):.2f}, {len(turns)} pairs")


if __name__ == "__main__":
    main()
