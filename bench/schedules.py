#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Schedules side by side: the shipped one, what a tuning finds, Halide's autoschedulers; of the GPU's what ptxas says.

  bench/schedules.py [--rows a,b] [--minutes M] [--output FILE.md]

Runs build/bin/schedule_bench row by row; what was measured stays in --state, so a run that was stopped goes on there. Writes the table
and, beside it, the figure. Standard library only.
"""
import argparse
import csv
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import peer_figure  # noqa: E402
import peer_machine  # noqa: E402

SOURCE = pathlib.Path(__file__).resolve().parents[1]
AUTOSCHEDULERS = ("Mullapudi2016", "Adams2019", "Li2018")
COLOURS = {"Sluice": "#d55e00", "tuned": "#e69f00", "Mullapudi2016": "#0072b2", "Adams2019": "#56b4e9", "Li2018": "#009e73"}
HEAD = ("row", "default ms", "default", "tuned / default", *AUTOSCHEDULERS, "default / best automatic", "FMA peak, GFLOP/s", "GPU")
MOST_DRIFT = 0.1  # of the FMA peak before and after a row


def gpu_columns(table=SOURCE / "schedules/cuda/kernels.tsv"):
    """By kernel, 'registers, occupancy %' of its entry with the most registers on sm_90."""
    lines = [line for line in table.read_text().splitlines() if not line.startswith("#")]
    columns = {}
    for row in csv.DictReader(lines, delimiter="\t"):
        registers, occupancy = int(row["sm_90 registers"]), row["sm_90 occupancy %"]
        columns[row["kernel"]] = max(columns.get(row["kernel"], (0, "")), (registers, occupancy))
    return columns


def gpu_text(kernel, columns):
    """Of the GPU kernel of the same layer and variant, which sums directly."""
    name = re.sub(r"_transform_\w+$", "", kernel.removeprefix("sluice_").replace("_forward_cpu", "_forward", 1))
    return "{} registers, {} %".format(*columns[name]) if name in columns else "none"


class Row:
    """What schedule_bench says of a row: milliseconds of every schedule, or why there are none."""

    def __init__(self, line):
        self.name, self.kernel, self.gflop, self.peak = line["row"], line["kernel"], line["gflop"], line["peak"]
        self.drifted = abs(line["peak"] - line["peak_after"]) > MOST_DRIFT * line["peak"]
        self.default_ms = line["default"]["default_ms"]
        self.ratios, self.failures = {}, {}  # default's time in units of the schedule's own
        for name in ("tuned", *AUTOSCHEDULERS):
            if name in line and "ratio" in line[name]:
                self.ratios[name] = line[name]["ratio"]
            elif name in line:
                self.failures[name] = line[name]["failure"]

    def rate(self, name):
        return self.gflop / self.default_ms * 1e3 * self.ratios.get(name, 1 if name == "default" else 0)

    def share(self, name):
        return 100 * self.rate(name) / self.peak

    def best_automatic(self):
        """How much faster the default is than the best of the autoschedulers; None without one."""
        ratios = [self.ratios[name] for name in AUTOSCHEDULERS if name in self.ratios]
        return 1 / max(ratios) if ratios else None

    def cells(self, columns):
        def rate(name):
            return f"{self.rate(name):.0f} ({self.share(name):.0f} %)" if name in self.ratios or name == "default" else "none"
        best = self.best_automatic()
        return (self.name, f"{self.default_ms:.2f}", rate("default"), f"{self.ratios['tuned']:.3f}" if "tuned" in self.ratios else "",
                *map(rate, AUTOSCHEDULERS), f"{best:.1f}" if best else "", f"{self.peak:.0f}{' (drifted)' if self.drifted else ''}",
                gpu_text(self.kernel, columns))


def markdown(rows, isa, threads):
    lines = ["# Schedules side by side", "",
             f"{peer_machine.processor_name()} ({peer_machine.processor_family()}), {isa}, {threads} threads, {datetime.date.today()}, by"
             " `make bench-schedules`. GFLOP/s in the multiplications of the layer as defined, and the share of the FMA peak measured beside;"
             " schedules in turn with the default, medians of pairs. Autoschedulers get the direct sum; Adams2019 with a beam of 1. GPU: registers and occupancy of the"
             " direct sum's kernel on sm_90, by ptxas.", "", "| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    columns = gpu_columns()
    lines += ["| " + " | ".join(row.cells(columns)) + " |" for row in rows]
    failures = [f"- {row.name}, {name}: {reason}" for row in rows for name, reason in row.failures.items()]
    return "\n".join([*lines, "", *(["Not made:", "", *failures, ""] if failures else [])])


def figure(rows):
    groups = {}
    for row in rows:
        groups[row.name] = {"Sluice": row.share("default")} | {name: row.share(name) for name in row.ratios}
    return peer_figure.draw(groups, COLOURS)


def plugins():
    found = sorted((SOURCE / ".venv/lib").glob("python3*/site-packages/halide/lib64"))
    if not found:
        sys.exit("schedules.py: Halide's autoschedulers are not there; run `make setup`")
    return found[0]


def row_names(shapes):
    return [line.split()[0] for line in pathlib.Path(shapes).read_text().splitlines() if line.split("#")[0].strip()]


def measure(options, isa, done):
    """A line of JSON for every row, into the state as it comes."""
    names = options.rows.split(",") if options.rows else row_names(options.shapes)
    with open(options.state, "a", encoding="utf-8") as state:
        for name in names:
            if name in done:
                continue
            command = [options.program, "--shapes", options.shapes, "--rows", name, "--generators", options.generators, "--plugins",
                       str(plugins()), "--minutes", str(options.minutes), "--threads", str(options.threads),
                       "--work", f"{options.state}.work-{isa}", "--autoschedulers", options.autoschedulers]
            result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            if result.returncode != 0:
                sys.exit(f"schedules.py: row {name}: schedule_bench failed")
            for text in result.stdout.splitlines():
                line = json.loads(text) | {"isa": isa}
                state.write(json.dumps(line) + "\n")
                state.flush()
                print(name, " ".join(HEAD[i] + "=" + cell for i, cell in enumerate(Row(line).cells({})) if i in (1, 2, 3, 7)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default=str(SOURCE / "bench/layer_shapes.txt"))
    parser.add_argument("--rows", default="", help="only these, with commas; default: every convolution")
    parser.add_argument("--minutes", type=float, default=0.5, help="of tuning, for every row; 0: none")
    parser.add_argument("--autoschedulers", default="Mullapudi2016,Adams2019/beam_size=1,Li2018",
                        help="a parameter of one behind a slash; Adams2019 with its usual beam of 32 takes minutes a layer")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--program", default=str(SOURCE / "build/bin/schedule_bench"))
    parser.add_argument("--generators", default=str(SOURCE / "build/generators"))
    parser.add_argument("--state", default="schedules.jsonl")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("schedules.md"))
    options = parser.parse_args()
    isa = os.environ.get("SLUICE_ISA") or ("avx512" if "avx512dq" in peer_machine.processor_flags() else "avx2")

    def read_state():
        path = pathlib.Path(options.state)
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
        return {line["row"]: Row(line) for line in lines if line["isa"] == isa}

    measure(options, isa, read_state())
    rows = list(read_state().values())
    options.output.write_text(markdown(rows, isa, options.threads), encoding="utf-8")
    options.output.with_suffix(".svg").write_text(figure(rows), encoding="utf-8")
    print(f"{len(rows)} rows in {options.output} and {options.output.with_suffix('.svg').name}")


if __name__ == "__main__":
    main()
