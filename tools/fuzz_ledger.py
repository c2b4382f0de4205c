# SPDX-License-Identifier: Apache-2.0
"""The ledger of fuzz runs, fuzz/ledger.md: one row a target, to whose numbers every run adds."""
import platform

HEAD = """# Fuzz runs

Written by `make fuzz` (tools/fuzz.py); each run adds to these totals. *Seeds*: those that were used, each for a slice
of at most five minutes; the next run goes on behind them. *Parser lines*: lines of the target's reader
(fuzz/CMakeLists.txt names the files) that the corpus reaches, seeds and what has grown, by llvm-cov at the last run.
*Accepted* and *refused* count inputs; every refusal is a named error of one line that says the input's name.
*Findings*: inputs that the last build still fails on: a crash, a report of the address or undefined-behaviour
sanitizer, a leak, more than 5 s of processor time, an allocation above 256 MB, more heap than fuzz/README.md allows, an
exception that is no sluice::Error, or a property that does not hold. Fixed ones live on in fuzz/corpus.

"""
TITLES = ("target", "seeds", "executions", "CPU s", "executions/s", "parser lines", "accepted", "refused",
          "accepted share", "findings", "last run")
ZERO = {"seeds": 0, "executions": 0, "cpu": 0.0, "coverage": 0.0, "accepted": 0, "refused": 0, "findings": 0,
        "date": "-"}


class Ledger:
    def __init__(self, path):
        self.path = path
        self.rows = {}
        self.taken = {}  # seeds given out in this run
        if not path.exists():
            return
        for line in path.read_text().splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if len(cells) == len(TITLES) and cells[0] not in (TITLES[0], "all") and not cells[0].startswith("-"):
                self.rows[cells[0]] = self._parse(cells)

    @staticmethod
    def _parse(cells):
        count = [cell.replace(",", "") for cell in cells]
        return {"seeds": int(count[1].split("-")[-1]), "executions": int(count[2]), "cpu": float(count[3]),
                "coverage": float(count[5].rstrip(" %")) / 100, "accepted": int(count[6]), "refused": int(count[7]),
                "findings": int(count[9]), "date": cells[10]}

    def next_seed(self, target):
        seed = max(self.taken.get(target, 0), self.rows.get(target, ZERO)["seeds"]) + 1
        self.taken[target] = seed
        return seed

    def seconds(self, target):
        return self.rows.get(target, ZERO)["cpu"]

    def add(self, target, result, coverage, findings, date):
        row = self.rows.setdefault(target, dict(ZERO))
        for key in ("executions", "cpu", "accepted", "refused"):
            row[key] += result[key]
        row.update(seeds=max(row["seeds"], result["seed"]), coverage=coverage, findings=findings, date=date)

    @staticmethod
    def _cells(name, row):
        judged = row["accepted"] + row["refused"]
        return (name, f"1-{row['seeds']}", f"{row['executions']:,}", f"{row['cpu']:.0f}",
                f"{row['executions'] / max(row['cpu'], 1e-9):,.0f}", f"{100 * row['coverage']:.1f} %",
                f"{row['accepted']:,}", f"{row['refused']:,}", f"{100 * row['accepted'] / max(1, judged):.1f} %",
                str(row["findings"]), row["date"])

    def write(self):
        table = [TITLES, ("---",) + ("---:",) * (len(TITLES) - 2) + ("---",)]
        table += [self._cells(name, row) for name, row in sorted(self.rows.items())]
        text = HEAD + "\n".join("| " + " | ".join(cells) + " |" for cells in table) + "\n"
        total = sum(row["executions"] for row in self.rows.values())
        hours = sum(row["cpu"] for row in self.rows.values()) / 3600
        text += f"\nAll targets: {total:,} executions in {hours:.1f} hours of processor time ({processor()}).\n"
        self.path.write_text(text)


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            return next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()
