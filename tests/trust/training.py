# SPDX-License-Identifier: Apache-2.0
"""Trainings that are killed, stopped and out of disk at random moments: each goes on to the bytes of one that ran through.

    tests/trust/training.py [--kills 300] [--stops 100] [--full 50] [--seed 1]

Rounds that were done are kept in tests/trust/training.state, so that a run that was stopped goes on; the totals are written to
tests/trust/training.md.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import random
import resource
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SLUICE_BINARY", ROOT / "build/bin/sluice"))
RECIPE = ROOT / "tests/fixtures/training/tiny.recipe"
STATE = ROOT / "tests/trust/training.state"
LEDGER = ROOT / "tests/trust/training.md"
STEPS = 120
COUNTS = ("rounds", "within a save", "after the end", "torn", "other exit code", "other bytes")
KINDS = {
    "kills": "`kill -9`",
    "stops": "SIGTERM or SIGINT: exit code 130 within 2 s, a checkpoint",
    "full": "no room for a checkpoint: exit code 1, older ones untouched",
}


def recipe_text():
    """A checkpoint after every step: most of the time goes into saving."""
    text = RECIPE.read_text().replace("checkpoint every=10", "checkpoint every=1").replace("every=10", "every=1000")
    return text.replace("graph=tiny.graph", f"graph={RECIPE.parent / 'tiny.graph'}")


class Rounds:
    def __init__(self, folder, seed):
        self.folder = folder
        self.seed = seed
        self.recipe = folder / "trust.recipe"
        self.recipe.write_text(recipe_text())
        start = time.monotonic()
        self.finish(folder / "through")
        self.seconds = time.monotonic() - start
        self.expected = self.last(folder / "through").read_bytes()

    @staticmethod
    def last(out):
        return max((out / "checkpoints").glob("step-*.safetensors"))

    def command(self, out):
        return [BINARY, "train", self.recipe, "--out", out, "--resume", "latest", "--steps", str(STEPS), "--threads", "1"]

    def start(self, out, limit=None):
        def limited():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        return subprocess.Popen(self.command(out), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                preexec_fn=limited if limit else None)

    def finish(self, out):
        return subprocess.run(self.command(out), capture_output=True, text=True, check=True).stderr

    def play(self, kind, number):
        """One round: interrupted at a random moment, looked at, gone on with. Returns what happened."""
        moment = random.Random(f"{self.seed} {kind} {number}")
        out = self.folder / f"{kind}{number}"
        seen = dict.fromkeys(COUNTS, 0) | {"rounds": 1}
        if kind == "full":
            self.full(out, moment, seen)
        else:
            self.interrupted(kind, out, moment, seen)
        seen["torn"] += self.finish(out).count("left out")
        seen["other bytes"] += self.last(out).read_bytes() != self.expected
        subprocess.run(["rm", "-r", out], check=True)
        return seen

    def interrupted(self, kind, out, moment, seen):
        process = self.start(out)
        time.sleep(moment.uniform(0, self.seconds))
        number = signal.SIGKILL if kind == "kills" else moment.choice((signal.SIGTERM, signal.SIGINT))
        begun = (out / "recipe").exists()
        sent = time.monotonic()
        process.send_signal(number)
        process.communicate()
        seen["within a save"] += bool(list(out.glob("checkpoints/.sluice-*.tmp")))
        seen["after the end"] += process.returncode == 0
        if kind == "kills" or process.returncode == 0:
            return
        late = time.monotonic() - sent > 2
        # Before the program catches signals one ends it as any other.
        seen["other exit code"] += late or (process.returncode != 130 and begun)

    def full(self, out, moment, seen):
        subprocess.run([*self.command(out)[:-4], "--steps", str(moment.randint(1, STEPS - 1)), "--threads", "1"],
                       capture_output=True, check=True)
        before = {file: file.read_bytes() for file in out.glob("checkpoints/step-*")}
        process = self.start(out, limit=moment.randint(1, len(self.expected) - 1))
        errors = process.communicate()[1]
        seen["other exit code"] += process.returncode != 1 or "File too large" not in errors
        after = {file: file.read_bytes() for file in out.glob("checkpoints/step-*")}
        seen["torn"] += after != before or bool(list(out.glob("checkpoints/.sluice-*.tmp")))


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def write_ledger(state):
    lines = ["# Trust: trainings that are interrupted", "",
             "Written by `make trust-training`: a small training with a checkpoint after each of its "
             f"{STEPS} steps, interrupted at a random moment,",
             "then finished. *Within a save*: a temporary file was there. *Torn*: a checkpoint that was left out because it is damaged, or an older",
             "one that changed. *Other bytes*: the last checkpoint is not, byte for byte, that of a training that ran through.", "",
             f"{state['date']}, {state['machine']}; seed {state['seed']}.", "",
             "| interrupted by | " + " | ".join(COUNTS) + " |", "|---" * (len(COUNTS) + 1) + "|"]
    for kind, text in KINDS.items():
        lines.append(f"| {text} | " + " | ".join(str(state["totals"][kind][count]) for count in COUNTS) + " |")
    LEDGER.write_text("\n".join(lines) + "\n")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=300)
    options.add_argument("--stops", type=int, default=100)
    options.add_argument("--full", type=int, default=50)
    options.add_argument("--seed", type=int, default=1)
    wanted = options.parse_args()
    state = json.loads(STATE.read_text()) if STATE.exists() else {}
    if state.get("seed") != wanted.seed:
        state = {"seed": wanted.seed, "totals": {kind: dict.fromkeys(COUNTS, 0) for kind in KINDS}}
    with tempfile.TemporaryDirectory() as folder:
        rounds = Rounds(pathlib.Path(folder), wanted.seed)
        for kind in KINDS:
            totals = state["totals"][kind]
            while totals["rounds"] < getattr(wanted, kind):
                for count, seen in rounds.play(kind, totals["rounds"]).items():
                    totals[count] += int(seen)
                state |= {"date": datetime.date.today().isoformat(), "machine": processor()}
                temporary = STATE.with_suffix(".tmp")
                temporary.write_text(json.dumps(state, indent=1) + "\n")
                os.replace(temporary, STATE)
                write_ledger(state)
    print(LEDGER.read_text())
    failures = sum(state["totals"][kind][count] for kind in KINDS for count in ("torn", "other exit code", "other bytes"))
    if state["totals"]["kills"]["rounds"] >= 100 and state["totals"]["kills"]["within a save"] == 0:
        raise SystemExit("no kill fell within a save: they prove nothing")
    raise SystemExit(1 if failures else 0)


if __name__ == "__main__":
    main()
