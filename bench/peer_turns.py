# SPDX-License-Identifier: Apache-2.0
"""Turns of Sluice and of a peer, and the pairs that they make."""
import dataclasses
import json
import math
import statistics
import subprocess
import sys

import numpy as np
import peer_engines
import peer_machine
import peer_rows
from safetensors.numpy import load_file

PROCESSORS = 0.9  # of the threads: a turn with less of processor time a second is discarded
ATTEMPTS = 3  # times the pairs that are asked for
# Relative to the largest value. float32 runs of a whole network at 512x512 are 5e-4 apart, of a layer 1e-5.
LARGEST_DIFFERENCE = {"network": 1e-3, "layer": 1e-4}


class PeerFailed(Exception):
    pass


@dataclasses.dataclass
class Turn:
    ms: float  # median of its runs
    processors: float  # processor seconds a second


@dataclasses.dataclass
class Pair:
    ours: Turn
    theirs: Turn
    peak_gflops: float  # FMA peak beside our runs
    copy_gbs: float  # after them

    @property
    def ratio(self):
        return self.theirs.ms / self.ours.ms


@dataclasses.dataclass
class Comparison:
    form: str
    difference: float  # largest, of all outputs, relative to the largest value
    pairs: list  # that count
    taken: int  # with those discarded
    runs: int  # of a turn
    gflop: float  # of the layer as it is defined
    defined_mb: float  # inputs, weights, outputs
    moved_mb: float  # what our kernels read and write
    our_mb: float  # peak of the process
    their_mb: float
    imported_mb: float  # peak after the imports
    starved: bool = False  # too few pairs had their processor time: those count that had most

    def median(self, value):
        return statistics.median(map(value, self.pairs))


def write_files(row, engines, folder):
    """By a process of its own: this one stays without PyTorch."""
    forms = peer_engines.parts_of(row) if any(engine.needs_onnx for engine in engines) else []
    script = peer_rows.HERE / "peer_modules.py"
    subprocess.run([sys.executable, str(script), row.name, str(folder), *forms], check=True)


class Sluice:
    def __init__(self, row, folder, options):
        self.folder = folder
        self.command = [str(options.bin / "model_bench"), *peer_rows.sluice_arguments(row, folder),
                        f"--sluice_threads={options.threads}", "--copy_rate", "--benchmark_format=json"]
        output = folder / "sluice.safetensors"
        self.first_seconds = self.run(1, f"--output={output}")["median_ms"] / 1e3
        self.outputs = load_file(output)

    def run(self, runs, *more):
        """The row of model_bench's report."""
        done = subprocess.run([*self.command, f"--runs={runs}", *more], check=True, capture_output=True, text=True)
        return json.loads(done.stdout)["benchmarks"][0]

    def defined_mb(self):
        """What the row reads and writes at least: inputs, weights, outputs."""
        files = [load_file(self.folder / f"{name}.safetensors") for name in ("input", "weights")]
        return sum(value.nbytes for values in (*files, self.outputs) for value in values.values()) / 1e6


class PeerProcess:
    """bench/peer_process.py, ready to be timed."""

    def __init__(self, row, peer, form, folder, threads):
        script = peer_rows.HERE / "peer_process.py"
        self.log = folder / "peer.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([sys.executable, str(script), peer, row.name, form, str(folder), str(threads)],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self.answer = self.read()
        self.outputs = load_file(folder / "peer.safetensors")
        self.form = form

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            last = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            raise PeerFailed(f"ended with status {self.process.returncode}: {''.join(last)}")
        return json.loads(line)

    def run(self, runs):
        """Lists of seconds and of processor seconds."""
        self.process.stdin.write(f"{runs}\n")
        self.process.stdin.flush()
        return tuple(zip(*self.read()))

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def difference(ours, theirs):
    """Largest over the outputs, each relative to its largest value."""
    if set(ours) != set(theirs):
        raise PeerFailed(f"outputs {', '.join(theirs)} instead of {', '.join(ours)}")
    return max(float(np.abs(ours[name] - theirs[name]).max() / np.abs(ours[name]).max()) for name in ours)


def try_form(row, peer, form, folder, options, expected):
    """A process of the peer, running; its `seconds` are the least, its `apart` is how far its outputs are from ours."""
    process = PeerProcess(row, peer, form, folder, options.threads)
    try:
        process.apart = difference(expected, process.outputs)
        process.seconds = min(process.run(turn_runs(options, min(process.run(1)[0]), least=3))[0])
    except PeerFailed:
        process.close()
        raise
    print(f"  {row.name}, {peer}, {form}: {1e3 * process.seconds:.2f} ms at least, outputs {process.apart:.1e} apart", file=sys.stderr,
          flush=True)
    return process


def fastest_form(row, peer, folder, options, expected):
    """The process of the form that takes the least seconds of those whose outputs are what is expected."""
    limit = LARGEST_DIFFERENCE["network" if row.is_network else "layer"]
    best, nearest = None, math.inf
    try:
        for form in options.forms.split(",") if options.forms else peer_engines.ENGINES[peer].forms(row):
            process = try_form(row, peer, form, folder, options, expected)
            nearest = np.fmin(nearest, process.apart)
            if process.apart <= limit and (best is None or process.seconds < best.seconds):
                best, process = process, best
            if process is not None:
                process.close()
    except PeerFailed:
        if best is not None:
            best.close()
        raise
    if best is None:
        raise PeerFailed(f"the outputs differ by {nearest:.1e} of the largest value; not timed")
    return best


def turn_runs(options, seconds, least=1):
    return max(least, min(options.runs, math.ceil(options.seconds / seconds)))


def take_pair(sluice, process, runs, options):
    peer_machine.wait_until_idle(options.wait)
    ours = sluice.run(runs)
    peer_machine.wait_until_idle(options.wait)
    seconds, used = process.run(runs)
    theirs = Turn(1e3 * statistics.median(seconds), sum(used) / sum(seconds))
    return ours, Pair(Turn(ours["median_ms"], ours["processors_used"]), theirs, ours["peak_GFLOP/s"],
                      ours["copy_GB/s"])


def run_alone(sluice, options):
    """The row of model_bench's report."""
    peer_machine.wait_until_idle(options.wait)
    return sluice.run(turn_runs(options, sluice.first_seconds))


def compare(sluice, row, peer, folder, options):
    process = fastest_form(row, peer, folder, options, sluice.outputs)
    try:
        runs = turn_runs(options, max(process.seconds, sluice.first_seconds))
        every, kept = [], []
        while len(kept) < options.pairs and len(every) < ATTEMPTS * options.pairs:
            ours, pair = take_pair(sluice, process, runs, options)
            every.append(pair)
            if min(pair.ours.processors, pair.theirs.processors) >= PROCESSORS * options.threads:
                kept.append(pair)
    finally:
        process.close()
    starved = len(kept) < options.pairs
    if starved:
        kept = sorted(every, key=lambda pair: pair.ours.processors + pair.theirs.processors)[-options.pairs:]
    return Comparison(process.form, process.apart, kept, len(every), runs, ours["GFLOP"],
                      sluice.defined_mb(), ours["moved_MB"], ours["peak_memory_MB"], process.answer["peak_mb"], process.answer["imported_mb"], starved)
