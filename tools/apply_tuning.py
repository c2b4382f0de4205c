#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shipped schedule parameters as tunings have them: for every layer the values that are best for all nodes together.

  tools/apply_tuning.py TUNING WORK [TUNING WORK ...] [--write]

TUNING: a file of `sluice tune --every-combination --work WORK`; WORK: that folder. A set of values is a candidate where it was measured in every
group of nodes that it changes. It is good where the whole gains and no group loses more than noise. Prints what it found; --write
changes schedules/cpu/<layer>.params. Standard library only.
"""
import argparse
import collections
import pathlib
import re

SCHEDULES = pathlib.Path(__file__).resolve().parents[1] / "schedules/cpu"
LEAST_GAIN = 1.01   # of all nodes together
MOST_LOSS = 0.985   # of a group
NODE = re.compile(r"node (\S+) layer=(\S+) kernel=(\S+) default_ms=(\S+) tuned_ms=\S+ algorithm=\S+ schedule=\S+")
POINT = re.compile(r"(\S+) fastest (\S+) try -> ok (\S+) (\S+) \S+ \d+ (\d)")


class Group:
    """Nodes that were tuned as one: what they take by default, and with other values."""

    def __init__(self, kernel):
        self.kernel, self.milliseconds, self.ratios = kernel, 0.0, {}


def read_groups(tuning, work):
    """By isa and layer, the groups."""
    text = pathlib.Path(tuning).read_text(encoding="utf-8")
    isa = re.search(r"^isa (\S+)", text, re.M)[1]
    ratios = collections.defaultdict(dict)  # by the node that stands for its group
    for line in (pathlib.Path(work) / "points").read_text(encoding="utf-8").splitlines():
        if match := POINT.fullmatch(line):
            node, schedule, _, ratio, drifted = match.groups()
            if drifted == "0":
                ratios[node][schedule] = float(ratio)
    groups, current = collections.defaultdict(list), {}
    for node, layer, kernel, milliseconds in NODE.findall(text):
        if node in ratios:
            current[kernel, milliseconds] = Group(kernel)
            current[kernel, milliseconds].ratios = ratios[node]
            groups[isa, layer].append(current[kernel, milliseconds])
        if (kernel, milliseconds) in current:
            current[kernel, milliseconds].milliseconds += float(milliseconds)
    return groups


def names_of(schedule):
    return frozenset(item.split(":")[0] for item in schedule.split(",") if item != "-")


def touched(groups, names):
    """The groups whose kernels have one of these parameters."""
    return [group for group in groups if any(names & names_of(schedule) for schedule in group.ratios)]


def judge(groups, schedule):
    """The gain of all groups that the schedule changes, and the least of one; None where it was not measured in all."""
    if any(schedule not in group.ratios for group in groups):
        return None
    before = sum(group.milliseconds for group in groups)
    after = sum(group.milliseconds / group.ratios[schedule] for group in groups)
    return before / after, min(group.ratios[schedule] for group in groups)


def best_of(groups):
    """The schedules that gain most, with their gains; of several that change the same group the best one."""
    good = []
    for schedule in {schedule for group in groups for schedule in group.ratios} - {"-"}:
        changed = touched(groups, names_of(schedule))
        verdict = judge(changed, schedule)
        if verdict and verdict[0] >= LEAST_GAIN and verdict[1] >= MOST_LOSS:
            good.append((verdict[0], schedule, changed))
    chosen, taken = [], set()
    for gain, schedule, changed in sorted(good, key=lambda one: one[:2], reverse=True):
        if not taken & {id(group) for group in changed}:
            taken |= {id(group) for group in changed}
            chosen.append((gain, schedule))
    return chosen


def changed_params(text, isa, schedule):
    """The .params file with the values for this isa; rows of `any` get one of the isa behind them."""
    for item in schedule.split(","):
        name, value = item.split(":")
        row = re.compile(rf"^({isa}\s+forward\s+{name}\s+)\d+", re.M)
        shared = re.compile(rf"^any(\s+)forward\s+{name}\s+\d+.*$", re.M)
        if row.search(text):
            text = row.sub(rf"\g<1>{value}", text)
        else:
            text = shared.sub(lambda match, n=name, v=value: f"{match[0]}\n{isa.ljust(7)} forward    {n.ljust(10)} {v}", text, count=1)
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", help="TUNING WORK, in turn")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--schedules", type=pathlib.Path, default=SCHEDULES)
    options = parser.parse_args()
    if len(options.files) % 2 != 0:
        parser.error("TUNING and WORK come in pairs")
    groups = collections.defaultdict(list)
    for tuning, work in zip(options.files[::2], options.files[1::2]):
        for key, found in read_groups(tuning, work).items():
            groups[key] += found
    for (isa, layer), found in sorted(groups.items()):
        chosen = best_of(found)
        said = [f"{schedule}, {gain:.3f} times as fast" for gain, schedule in chosen]
        print(f"{layer}, {isa}, {len(found)} groups: " + ("; ".join(said) or "as shipped"))
        path = options.schedules / f"{layer}.params"
        for _, schedule in chosen if options.write else []:
            path.write_text(changed_params(path.read_text(encoding="utf-8"), isa, schedule), encoding="utf-8")


if __name__ == "__main__":
    main()
