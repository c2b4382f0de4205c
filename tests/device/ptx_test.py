#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The kernels as CUDA would get them, without a GPU.

  ptx_test.py text LIST                     every file of LIST is PTX with a kernel in it, and computes in no double
  ptx_test.py table LIST LAUNCHES TABLE     ptxas takes it for sm_80, sm_90 and sm_100 with the limits of a block, and what it says is in TABLE
  ptx_test.py write LIST LAUNCHES TABLE     writes TABLE

The limits are checked of every entry. TABLE has a row for each entry of a forward kernel and one for all entries of a backward kernel, the worst of
each column; a row of the latter that differs is a note, because Halide orders some terms of a derivation by their addresses, and so registers
can differ by one or two between two machines.

LAUNCHES is what cuda_test saw: a line `hash of the PTX, kernel, threads of a block, bytes they share`. Exits 77 where there is no ptxas (in
$CUDA_HOME/bin, on PATH or in /usr/local/cuda/bin).
"""
import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

# Multiprocessors by architecture: registers, threads, blocks, bytes of shared memory.
Multiprocessor = collections.namedtuple("Multiprocessor", "registers threads blocks shared")
ARCHITECTURES = {"sm_80": Multiprocessor(65536, 2048, 32, 164 * 1024), "sm_90": Multiprocessor(65536, 2048, 32, 228 * 1024),
                 "sm_100": Multiprocessor(65536, 2048, 32, 228 * 1024)}
RUNTIME_REGISTERS = 64  # a thread's: Halide 21's runtime loads kernels with this limit
MAX_LOCAL = 64  # bytes a thread, of spills and of arrays: what a few sums cost that the limit on registers pushes out
MAX_SHARED = 48 * 1024  # bytes a block, without asking the driver for more
WARP = 32
SKIPPED = 77
COLUMNS = ["kernel", "entry", "threads", "shared"] + [f"{arch} {what}" for arch in ARCHITECTURES
                                                     for what in ("registers", "local", "occupancy %")]

Entry = collections.namedtuple("Entry", "registers local shared")


def check_text(path):
    text = path.read_text(encoding="ascii")
    problems = [f"no {word}" for word in (".version ", ".target sm_80", ".visible .entry ") if word not in text]
    if ".f64" in text:
        problems.append("computes in double: " + next(line.strip() for line in text.splitlines() if ".f64" in line))
    return problems


def find_ptxas():
    home = os.environ.get("CUDA_HOME")
    places = [str(pathlib.Path(home) / "bin")] if home else []
    found = next(filter(None, (shutil.which("ptxas", path=place) for place in [*places, None, "/usr/local/cuda/bin"])), None)
    if found is None:
        print("skipped: no ptxas in $CUDA_HOME/bin, on PATH or in /usr/local/cuda/bin, so the PTX is not assembled")
        sys.exit(SKIPPED)
    return found


def version_of(ptxas):
    return re.search(r"release (\S+?),", subprocess.run([ptxas, "--version"], capture_output=True, text=True, check=True).stdout)[1]


def assemble(ptxas, path, architecture):
    """The entries of a file, as the runtime loads it; ValueError with the assembler's message."""
    command = [ptxas, "-v", f"-arch={architecture}", f"-maxrregcount={RUNTIME_REGISTERS}", str(path), "-o", os.devnull]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise ValueError((result.stdout + result.stderr).strip())
    entries = {}
    for block in result.stderr.split("Compiling entry function")[1:]:
        shared = re.search(r"(\d+) bytes smem", block)
        local = max(int(re.search(rf"(\d+) bytes {what}", block)[1]) for what in ("spill stores", "spill loads", "stack frame"))
        entries[re.search(r"'(\w+)'", block)[1]] = Entry(int(re.search(r"Used (\d+) registers", block)[1]), local,
                                                         int(shared[1]) if shared else 0)
    return entries


def hash_of(path):
    value = 14695981039346656037
    for byte in path.read_bytes().rstrip(b"\n"):
        value = ((value ^ byte) * 1099511628211) % 2**64
    return f"{value:016x}"


def occupancy(unit, entry, threads, shared):
    """Warps that a multiprocessor holds, of those it has room for. Registers are given to a warp in steps of 256."""
    warps = -(-threads // WARP)
    per_warp = -(-entry.registers * WARP // 256) * 256
    blocks = min(unit.blocks, unit.threads // (warps * WARP), unit.registers // (per_warp * warps))
    if shared + entry.shared:
        blocks = min(blocks, unit.shared // (shared + entry.shared + 1024))
    return round(100 * blocks * warps * WARP / unit.threads)


def rows_of(paths, launches_file):
    """(rows by kernel and entry, problems)."""
    ptxas = find_ptxas()
    launches = {}
    for line in launches_file.read_text().splitlines():
        image, entry, threads, shared = line.split("\t")
        launches[image, entry] = int(threads), int(shared)
    jobs = [(path, architecture) for path in paths for architecture in ARCHITECTURES]
    rows, problems = {}, []
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        results = dict(zip(jobs, pool.map(lambda job: assemble(ptxas, *job), jobs)))
    for path in paths:
        kernel, image = path.stem.replace("sluice_", "", 1).replace("_cuda", "", 1), hash_of(path)
        for name in results[path, "sm_90"]:
            launched = (image, name) in launches
            threads, shared = launches.get((image, name), (WARP, 0))
            row = [str(threads), str(shared)] if launched else ["-", "-"]
            for architecture, unit in ARCHITECTURES.items():
                entry = results[path, architecture][name]
                row += [str(entry.registers), str(entry.local), str(occupancy(unit, entry, threads, shared)) if launched else "-"]
                if entry.local > MAX_LOCAL or shared + entry.shared > MAX_SHARED or entry.registers * threads > unit.registers or threads > 1024:
                    problems.append(f"{kernel}: too large for {architecture}: {entry}, {threads} threads, {shared} bytes shared")
            rows[kernel, name] = row
    return rows, problems, version_of(ptxas)


def is_backward(kernel):
    return "_backward" in kernel


def worst_of(entries):
    """One row for several entries: how many, and of each column the largest, of occupancies the smallest."""
    columns = [[int(cell) for cell in column if cell != "-"] for column in zip(*entries)]
    worst = [min if name.endswith("occupancy %") else max for name in COLUMNS[2:]]
    return [str(pick(column)) if column else "-" for pick, column in zip(worst, columns)]


def text_of(rows, version):
    lines = [f"# Kernels of schedules/cuda as ptxas {version} assembles them, at most {RUNTIME_REGISTERS} registers; threads and shared bytes of a block",
             "# as cuda_test saw them launched (-: by no case of a layer). Of backward kernels the worst entry of each column. Written by `make ptxas-table`.",
             "\t".join(COLUMNS)]
    table = {names: row for names, row in rows.items() if not is_backward(names[0])}
    for kernel in {kernel for kernel, _ in rows if is_backward(kernel)}:
        entries = [row for names, row in rows.items() if names[0] == kernel]
        table[kernel, f"({len(entries)} entries)"] = worst_of(entries)
    return "\n".join(lines + ["\t".join([*names, *row]) for names, row in sorted(table.items())]) + "\n"


def check_table(paths, launches, table):
    """(problems, notes)."""
    rows, problems, version = rows_of(paths, launches)
    written = table.read_text()
    if f"ptxas {version} " not in written:
        return problems, [f"{table.name} is of another ptxas than {version}: limits are checked, lines are not compared"]
    old, new = set(written.splitlines()), set(text_of(rows, version).splitlines())
    lines = [f"- {line}" for line in sorted(old - new)] + [f"+ {line}" for line in sorted(new - old)]
    different = [line for line in lines if not is_backward(line.split("\t")[0])]
    if different:
        problems += [*different, "make ptxas-table writes it anew"]
    return problems, [line for line in lines if line not in different]


def main():
    check, list_file, *files = sys.argv[1:]
    notes = []
    paths = [pathlib.Path(line) for line in pathlib.Path(list_file).read_text().splitlines() if line]
    if check == "write":
        rows, problems, version = rows_of(paths, pathlib.Path(files[0]))
        pathlib.Path(files[1]).write_text(text_of(rows, version))
    elif check == "table":
        problems, notes = check_table(paths, *map(pathlib.Path, files))
    else:
        problems = [f"{path.name}: {problem}" for path in paths for problem in check_text(path)]
    print("\n".join(["note: " + note for note in notes] + problems))
    print(f"{len(paths)} kernels, {len(problems)} problems")
    return 1 if problems or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
