# SPDX-License-Identifier: Apache-2.0
"""Coverage of a fuzz target's parser: its corpus replayed in the build with clang's coverage, read by llvm-cov."""
import json
import os
import pathlib
import posixpath
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def tool(name):
    path = shutil.which(f"{name}-14") or shutil.which(name)
    if path is None:
        sys.exit(f"fuzz: there is no {name}; `tools/setup.sh fuzz` installs it")
    return path


class Coverage:
    """Line counts by file: path -> {line: times}."""

    def __init__(self, target, lines):
        self.target = target
        self.lines = lines

    def share(self):
        counts = [times for lines in self.lines.values() for times in lines.values()]
        return sum(times > 0 for times in counts) / max(1, len(counts))

    def report(self, uncovered):
        text = [f"{self.target}: {100 * self.share():.1f} % of parser lines"]
        for path, lines in sorted(self.lines.items()):
            missed = [line for line, times in sorted(lines.items()) if times == 0]
            text.append(f"  {path}: {len(lines) - len(missed)} of {len(lines)}")
            if uncovered:
                source = (ROOT / path).read_text().splitlines()
                text += [f"    {line}: {source[line - 1].strip()}" for line in missed]
        return "\n".join(text)


def measure(target, build):
    """`target` has name, seeds, grown, also, parser."""
    program = build / "bin" / f"replay_{target.name}"
    inputs = [target.seeds, *([target.grown] if target.grown.is_dir() else []), *target.also]
    with tempfile.TemporaryDirectory() as folder:
        raw, merged = pathlib.Path(folder) / "raw", pathlib.Path(folder) / "merged"
        environment = {**os.environ, "LLVM_PROFILE_FILE": str(raw)}
        done = subprocess.run([program, *inputs], capture_output=True, env=environment)
        if done.returncode != 0:
            sys.exit(f"{done.stderr.decode(errors='replace')}\nfuzz: the replay of {target.name} failed")
        subprocess.run([tool("llvm-profdata"), "merge", "-sparse", raw, "-o", merged], check=True)
        command = [tool("llvm-cov"), "export", "-format=text", f"-instr-profile={merged}", program]
        exported = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    wanted = set(target.parser)
    lines = {}
    for file in json.loads(exported)["data"][0]["files"]:
        # The prefix map of the build makes it "./build-fuzz-coverage/./runtime/expression.cpp".
        path = posixpath.relpath(posixpath.join(str(ROOT), file["filename"].split("/./")[-1]), str(ROOT))
        if path in wanted:
            lines[path] = line_counts(file["segments"])
    missing = wanted - set(lines)
    if missing:
        sys.exit(f"fuzz: the program of {target.name} has no code of {', '.join(sorted(missing))}")
    return Coverage(target.name, lines)


def line_counts(segments):
    """Segments (line, column, count, has count, begins a region, is a gap) to counts of lines, by llvm-cov's rule: the
    highest count of the region that the line begins in and of those that begin on it."""
    counts = {}
    by_line = {}
    for segment in segments:
        by_line.setdefault(segment[0], []).append(segment)
    around = None  # the last segment above
    for line in range(min(by_line, default=1), max(by_line, default=0) + 1):
        here = by_line.get(line, [])
        entered = [segment[2] for segment in here if segment[3] and segment[4] and not segment[5]]
        is_skipped = bool(here) and not here[0][3] and here[0][4]
        if around is not None and around[3]:
            entered.append(around[2])
        if entered and not is_skipped:
            counts[line] = max(entered)
        if here:
            around = here[-1]
    return counts
