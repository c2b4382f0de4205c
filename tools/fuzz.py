#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the fuzz targets of fuzz/ and keeps their totals in fuzz/ledger.md (fuzz/README.md).

  fuzz.py [--minutes N] [--jobs N] [TARGET ...]    N minutes of processor time each: in slices, each with the target's
                                                   next seed; with --total, what the ledger holds already counts
  fuzz.py --coverage [TARGET ...]                  only measures coverage; --uncovered lists the lines left
  fuzz.py --distil [TARGET ...]                    takes what covers more from the grown corpus into fuzz/corpus

What has grown lies in build-fuzz/corpus; inputs that break something in build-fuzz/findings, and the exit status is 1.
Stopped, it has lost a slice at most, and goes on with the next seed.
"""
import argparse
import concurrent.futures
import datetime
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import fuzz_coverage  # noqa: E402
import fuzz_ledger  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-fuzz"
COVERAGE_BUILD = ROOT / "build-fuzz-coverage"
CORPUS = ROOT / "fuzz/corpus"
SLICE_SECONDS = 300
TARGET_FINDINGS = 5  # a target that has found so many is not run on
SLOW_SECONDS = 5  # of processor time for one input are a finding
# libFuzzer ends a run after one allocation, or with a process, that is larger than this.
MEMORY = ["-malloc_limit_mb=256", "-rss_limit_mb=1024"]
# It measures by the clock: it keeps inputs as slow as the first, and ends a run after the second.
LIMITS = [f"-report_slow_units={SLOW_SECONDS}", "-timeout=20", *MEMORY]
OPTIONS = {"ASAN_OPTIONS": "detect_stack_use_after_return=1", "UBSAN_OPTIONS": "print_stacktrace=1"}


class Target:
    """One fuzz target: its files and what CMake says of it."""

    def __init__(self, name):
        self.name = name
        lines = (BUILD / "fuzz_targets" / name).read_text().splitlines()
        facts = dict(line.split("=", 1) for line in lines)
        self.most_bytes = int(facts["most_bytes"])
        self.parser = facts["parser"].split()
        self.also = [str(path) for pattern in facts["also"].split() for path in sorted(ROOT.glob(pattern))]
        self.program = BUILD / "bin" / f"fuzz_{name}"
        self.replay = BUILD / "bin" / f"replay_{name}"
        self.seeds = CORPUS / name
        self.grown = BUILD / "corpus" / name
        self.findings = BUILD / "findings" / name
        self.dictionary = ROOT / "fuzz/dictionaries" / f"{name}.dict"

    def still_failing(self):
        """Findings that the present program still fails on. On a busy machine an input can have been slow by the clock
        only: such findings are removed."""
        if not self.findings.is_dir():
            return []
        failing = []
        for path in sorted(self.findings.iterdir()):
            returncode, cpu = self.run_once(path)
            if returncode != 0 or cpu > SLOW_SECONDS:
                failing.append(path)
            elif path.name.startswith(("timeout-", "slow-unit-")):
                path.unlink()
        return failing

    def run_once(self, path):
        command = [self.program, "-timeout=120", *MEMORY, path]
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**os.environ, **OPTIONS})
        return wait(process)


def wait(process):
    """Exit status and seconds of processor time."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime


def build(preset, folder, *goals):
    cmake = str(ROOT / ".venv/bin/cmake")
    if not (folder / "build.ninja").exists():
        run_quietly([cmake, "--preset", preset])
    run_quietly([cmake, "--build", "--preset", preset, "--target", *goals])


def run_quietly(command):
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\nfuzz: failed: {' '.join(map(str, command))}")


def run_slice(target, seed, seconds):
    """Runs libFuzzer once; gives what is added to the ledger."""
    for folder in (target.grown, target.findings):
        folder.mkdir(parents=True, exist_ok=True)
    command = [target.program, f"-seed={seed}", f"-max_total_time={seconds}", f"-max_len={target.most_bytes}", *LIMITS,
               "-print_final_stats=1", f"-artifact_prefix={target.findings}/", f"-use_value_profile={seed % 2}"]
    if target.dictionary.exists():
        command.append(f"-dict={target.dictionary}")
    if target.also:
        command.append("-seed_inputs=" + ",".join(target.also))
    before = set(target.findings.iterdir())
    log = BUILD / "logs" / f"{target.name}.{seed}.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen([*map(str, command), str(target.grown), str(target.seeds)], stdout=output,
                                   stderr=subprocess.STDOUT, env={**os.environ, **OPTIONS})
        returncode, cpu = wait(process)
    text = log.read_text(errors="replace")
    found = set(target.findings.iterdir()) - before
    if returncode != 0 and not found:
        sys.exit(f"{text[-3000:]}\nfuzz: {target.name} ended with {returncode}; log {log.relative_to(ROOT)}")
    for path in sorted(found.intersection(target.still_failing())):
        print(f"{target.name}: FINDING {path.relative_to(ROOT)}; log {log.relative_to(ROOT)}", flush=True)
    return {"seed": seed, "executions": number(r"stat::number_of_executed_units:\s+(\d+)", text),
            "cpu": cpu, "accepted": number(r"inputs accepted: (\d+)", text),
            "refused": number(r"inputs accepted: \d+ refused: (\d+)", text)}


def number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def fuzz(target, seconds, ledger, lock):
    left = seconds
    while left > 0:
        with lock:
            seed = ledger.next_seed(target.name)
        result = run_slice(target, seed, math.ceil(min(left, SLICE_SECONDS)))
        left -= max(result["cpu"], 1)
        failing = target.still_failing()
        coverage = fuzz_coverage.measure(target, COVERAGE_BUILD)
        with lock:
            ledger.add(target.name, result, coverage.share(), len(failing), datetime.date.today().isoformat())
            ledger.write()
        share = 100 * result["accepted"] / max(1, result["accepted"] + result["refused"])
        print(f"{target.name}: seed {seed}, {result['executions']} executions, {result['cpu']:.0f} s, "
              f"{100 * coverage.share():.1f} % of parser lines, {share:.1f} % accepted, {len(failing)} findings",
              flush=True)
        if len(failing) >= TARGET_FINDINGS:
            break


def distil(target):
    """Adds to fuzz/corpus what reaches more code there, smallest inputs first; seeds stay."""
    fresh = BUILD / "distilled" / target.name
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for seed in target.seeds.glob("*"):
        if not re.fullmatch(r"[0-9a-f]{40}", seed.name):
            shutil.copy(seed, fresh)
    for path in target.also:  # these are replayed too
        shutil.copy(path, fresh)
    earlier = [path for path in target.seeds.glob("*") if re.fullmatch(r"[0-9a-f]{40}", path.name)]
    command = [target.program, "-merge=1", "-use_counters=0", "-use_value_profile=0", *LIMITS, fresh, target.grown,
               target.seeds]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env={**os.environ, **OPTIONS})
    if done.returncode != 0:
        sys.exit(f"{done.stderr[-3000:]}\nfuzz: the merge of {target.name} failed")
    wanted = {path.name: path for path in fresh.iterdir() if re.fullmatch(r"[0-9a-f]{40}", path.name)}
    for path in earlier:
        if path.name not in wanted:
            path.unlink()
    for name, path in wanted.items():
        if not (target.seeds / name).exists():
            shutil.copy(path, target.seeds)
    files = list(target.seeds.iterdir())
    print(f"{target.name}: {len(files)} files, {sum(path.stat().st_size for path in files)} bytes", flush=True)


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--total", action="store_true", help="until the ledger has the minutes, earlier runs included")
    parser.add_argument("--jobs", type=int, default=1, help="targets that run at the same time")
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--uncovered", action="store_true")
    parser.add_argument("--distil", action="store_true")
    return parser.parse_args()


def main():
    args = read_arguments()
    build("fuzz", BUILD, "sluice_fuzz_programs")
    build("fuzz-coverage", COVERAGE_BUILD, "sluice_fuzz_replays")
    names = sorted(path.name for path in (BUILD / "fuzz_targets").iterdir())
    unknown = [name for name in args.targets if name not in names]
    if unknown:
        sys.exit(f"fuzz: no target {', '.join(unknown)}; there are {', '.join(names)}")
    targets = [Target(name) for name in args.targets or names]
    if args.coverage or args.uncovered:
        for target in targets:
            print(fuzz_coverage.measure(target, COVERAGE_BUILD).report(args.uncovered))
        return 0
    if args.distil:
        for target in targets:
            distil(target)
        return 0
    ledger = fuzz_ledger.Ledger(ROOT / "fuzz/ledger.md")
    lock = threading.Lock()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for done in [pool.submit(fuzz, target, 60 * args.minutes - (ledger.seconds(target.name) if args.total else 0),
                                 ledger, lock) for target in targets]:
            done.result()
    failing = [path for target in targets for path in target.still_failing()]
    for path in failing:
        print(f"fails: {path.relative_to(ROOT)}", file=sys.stderr)
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main())
