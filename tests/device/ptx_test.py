#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The kernels as CUDA would get them, without a GPU.

  ptx_test.py text LIST       every file of LIST is PTX with a kernel in it, and computes in no double
  ptx_test.py assemble LIST   ptxas takes it for an H100/H200: next to nothing spills to memory, registers and shared memory
                              suffice; exits 77 where there is no ptxas (in $CUDA_HOME/bin or on PATH)
"""
import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ARCHITECTURE = "sm_90"
MAX_REGISTERS = 255  # a thread's
RUNTIME_REGISTERS = 64  # Halide 21's runtime loads kernels with this limit
MAX_LOCAL = 64  # bytes a thread, of spills and of arrays: what a few sums cost that the limit on registers pushes out
MAX_SHARED = 48 * 1024  # bytes a block, without asking the driver for more
SKIPPED = 77

Entry = collections.namedtuple("Entry", "kernel registers spilled stack shared")


def check_text(path):
    text = path.read_text(encoding="ascii")
    problems = [f"no {word}" for word in (".version ", ".target sm_80", ".visible .entry ") if word not in text]
    if ".f64" in text:
        problems.append("computes in double: " + next(line.strip() for line in text.splitlines() if ".f64" in line))
    return problems


def find_ptxas():
    home = os.environ.get("CUDA_HOME")
    return (home and shutil.which("ptxas", path=str(pathlib.Path(home) / "bin"))) or shutil.which("ptxas")


def assemble(ptxas, path, *options):
    """The entries of a file; ValueError with the assembler's message."""
    command = [ptxas, "-v", f"-arch={ARCHITECTURE}", *options, str(path), "-o", os.devnull]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise ValueError((result.stdout + result.stderr).strip())
    entries = []
    for block in result.stderr.split("Compiling entry function")[1:]:
        shared = re.search(r"(\d+) bytes smem", block)
        entries.append(Entry(kernel=re.search(r"'(\w+)'", block)[1],
                             registers=int(re.search(r"Used (\d+) registers", block)[1]),
                             spilled=int(re.search(r"(\d+) bytes spill stores", block)[1]),
                             stack=int(re.search(r"(\d+) bytes stack frame", block)[1]),
                             shared=int(shared[1]) if shared else 0))
    if not entries:
        raise ValueError("no kernel in it")
    return entries


def check_assembled(ptxas, path):
    """(entries, problems). Without a limit first; then with the runtime's, if that is tighter than what was used."""
    try:
        entries, limited = assemble(ptxas, path), []
        if any(entry.registers > RUNTIME_REGISTERS for entry in entries):
            limited = assemble(ptxas, path, f"-maxrregcount={RUNTIME_REGISTERS}")
    except ValueError as error:
        return [], [str(error)]
    return entries, [f"too large: {entry}" for entry in entries + limited
                     if entry.registers > MAX_REGISTERS or entry.spilled > MAX_LOCAL or entry.stack > MAX_LOCAL or entry.shared > MAX_SHARED]


def assemble_all(paths):
    ptxas = find_ptxas()
    if ptxas is None:
        print("skipped: no ptxas in $CUDA_HOME/bin or on PATH, so the PTX is not assembled")
        sys.exit(SKIPPED)
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        results = dict(zip(paths, pool.map(lambda path: check_assembled(ptxas, path), paths)))
    for path, (entries, _) in results.items():
        most = max((entry.registers for entry in entries), default=0)
        print(f"{path.stem}: {len(entries)} entries, at most {most} registers")
    return {path: problems for path, (_, problems) in results.items()}


def main():
    check, list_file = sys.argv[1:]
    paths = [pathlib.Path(line) for line in pathlib.Path(list_file).read_text().splitlines() if line]
    results = assemble_all(paths) if check == "assemble" else {path: check_text(path) for path in paths}
    problems = [f"{path.name}: {problem}" for path, found in results.items() for problem in found]
    print("\n".join(problems))
    print(f"{len(paths)} kernels, {len(problems)} problems")
    return 1 if problems or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
