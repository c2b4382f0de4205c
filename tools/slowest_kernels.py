#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the kernels that took longest to generate, from Ninja's log: compile time is a budget.

  tools/slowest_kernels.py BUILD_DIR [COUNT]
"""
import pathlib
import sys


def main():
    build = pathlib.Path(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    seconds = {}
    for line in (build / ".ninja_log").read_text().splitlines()[1:]:
        start, end, _, output, _ = line.split("\t")
        if output.startswith("generators/sluice_") and output.endswith(".h"):
            seconds[pathlib.Path(output).stem] = (int(end) - int(start)) / 1000
    print(f"{len(seconds)} kernels, {sum(seconds.values()):.0f} s of generators; slowest:")
    for name, time in sorted(seconds.items(), key=lambda item: -item[1])[:count]:
        print(f"  {time:5.1f} s  {name}")


if __name__ == "__main__":
    main()
