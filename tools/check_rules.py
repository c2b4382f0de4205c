#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the rules of docs/architecture.md that a compiler can't, and says what to do about each break.

  check_rules.py [ROOT]        prints `file:line: what; why; what to do`, exits 1 when there is any
  check_rules.py --self-test   proves on a temporary tree that every rule can fail, and that a clean tree passes
"""
import argparse
import ast
import pathlib
import posixpath
import re
import subprocess
import sys
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cpp_text  # noqa: E402

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
SPDX = "SPDX-License-Identifier: Apache-2.0"
CPP = (".cpp", ".h", ".hpp")
SOURCE = CPP + (".py", ".sh", ".cmake", "CMakeLists.txt", "Makefile", ".ci/run")

# Folder -> what its files must not include, and why. A longer folder adds to the shorter one.
FORBIDDEN_INCLUDES = {
    "weights_io/": (r"(runtime|generators|schedules|apps)/|Halide", "weights_io knows nothing of Halide or graphs"),
    "runtime/": (r"(generators|schedules|apps)/|Halide\.h$", "no Halide compiler at run time, only its runtime headers"),
    "runtime/image/": (r"runtime/(?!image/)|Halide", "pictures know nothing of graphs and kernels"),
    "generators/": (r"(runtime|weights_io|apps)/", "generators never meet the runtime"),
    "schedules/": (r"(runtime|weights_io|apps)/", "schedules never meet the runtime"),
    "apps/": (r"(generators|schedules)/|Halide\.h$", "apps -> runtime -> weights_io; no Halide compiler at run time"),
}

SCHEDULE_CALL = re.compile(
    r"(?:\.|->)\s*(vectorize|unroll|parallel|compute_at|compute_root|compute_with|store_at|store_root|hoist_storage|split"
    r"|tile|fuse|reorder|reorder_storage|align_storage|fold_storage|bound|bound_extent|gpu_tile|gpu_blocks|gpu_threads"
    r"|gpu_lanes|rfactor|specialize|prefetch|store_in)\s*\(")
# `Func f;`, `Func f("name")`, `Func f{...}`, `Func f = Func(...)`; a Func returned by in() or rfactor() is a schedule's own.
FUNC_MADE = re.compile(r'\bFunc\s+\w+\s*(?:;|,|\{|\(\s*"|=\s*(?:Halide::)?Func\b)')
FUNC_DEFINED = re.compile(r"^\s*\w+\([^()]*\)\s*[-+*]?=(?!=)", re.M)

MACHINE_PATH = re.compile(r"(?<![\w.-])/(?:work|root|home)/")
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")


class Violation(NamedTuple):
    rule: str
    path: str
    line: int
    what: str
    why: str
    remedy: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.what}; {self.why}; {self.remedy}"


class Tree:
    """The files of the repository: those git tracks or would track, else all but build folders."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.paths = sorted(p for p in self._list() if (self.root / p).is_file())
        self._texts = {}
        self._codes = {}

    def _list(self):
        if (self.root / ".git").exists():
            command = ["git", "-C", str(self.root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
            listed = subprocess.run(command, check=True, capture_output=True).stdout.decode()
            return set(filter(None, listed.split("\0")))
        found = (p.relative_to(self.root).as_posix() for p in self.root.rglob("*"))
        return [p for p in found if not re.match(r"build[^/]*/|\.venv/|\.git/|.*__pycache__/", p)]

    def text(self, path):
        """None for a file that is not text."""
        if path not in self._texts:
            try:
                self._texts[path] = (self.root / path).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                self._texts[path] = None
        return self._texts[path]

    def code(self, path):
        """C++ with the contents of comments and strings blanked, lines where they were."""
        if path not in self._codes:
            self._codes[path] = cpp_text.blank(self.text(path) or "")
        return self._codes[path]

    def select(self, suffixes, *folders):
        return [p for p in self.paths if p.endswith(suffixes) and (not folders or p.startswith(folders))]

    def layers(self):
        return [posixpath.basename(p)[:-4] for p in self.select(".cpp", "schedules/cpu/")]


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def check_includes(tree):
    for path in tree.select(CPP, *FORBIDDEN_INCLUDES):
        text = tree.text(path) or ""
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*["<]([^">]+)[">]', text, re.M):
            written = posixpath.normpath(match[1])
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), match[1]))
            target = beside if beside in tree.paths else written
            for folder, (pattern, why) in FORBIDDEN_INCLUDES.items():
                if path.startswith(folder) and re.match(pattern, target):
                    yield Violation("include", path, line_of(text, match.start()), f"{folder} includes {match[1]}", why,
                                    "move what is needed to the side that may have it")
                    break


def check_schedule_calls(tree):
    for path in tree.select(CPP, "generators/"):
        if path in ("generators/layer_generators.h", "generators/derived_parameters.h"):
            continue  # holds the schedule of a layer that has none of its own
        for match in SCHEDULE_CALL.finditer(tree.code(path)):
            yield Violation("schedule call", path, line_of(tree.code(path), match.start()), f"schedule call {match[1]}()",
                            "a layer file holds the mathematics only",
                            "name the stage, schedule it in schedules/<device>/<layer>.cpp")


def check_schedule_funcs(tree):
    for path in tree.select(CPP, "schedules/"):
        code = tree.code(path)
        for pattern in (FUNC_MADE, FUNC_DEFINED):
            for match in pattern.finditer(code):
                yield Violation("func", path, line_of(code, match.start() + len(match[0]) - len(match[0].lstrip())),
                                f"defines a Func: {match[0].strip()}", "schedules say how stages are computed, not what",
                                "make it a named stage of the layer in generators/, find it here by that name")


def check_lengths(tree):
    for path in tree.select(SOURCE):
        text = tree.text(path) or ""
        lines = text.count("\n")
        if lines > MAX_FILE_LINES:
            yield Violation("length", path, MAX_FILE_LINES + 1, f"{lines} lines, at most {MAX_FILE_LINES}",
                            "one idea a file", "split it")
        functions = cpp_text.functions(tree.code(path)) if path.endswith(CPP) else python_functions(path, text)
        for name, first, last in functions:
            if last - first + 1 > MAX_FUNCTION_LINES:
                yield Violation("length", path, first,
                                f"{name} has {last - first + 1} lines, at most {MAX_FUNCTION_LINES}",
                                "a function fits a screen", "split it")


def python_functions(path, text):
    if not path.endswith(".py"):
        return []
    return [(node.name, node.lineno, node.end_lineno) for node in ast.walk(ast.parse(text))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def check_spdx(tree):
    for path in tree.select(SOURCE):
        lines = (tree.text(path) or "").split("\n")
        line = 2 if lines[0].startswith("#!") else 1
        mark = "//" if path.endswith(CPP) else "#"
        if len(lines) < line or lines[line - 1].strip() != f"{mark} {SPDX}":
            yield Violation("spdx", path, line, "no licence line", "every source file states its licence first",
                            f"write `{mark} {SPDX}`, then one sentence: what the file is")


def check_layer_names(tree):
    # A name that is also an English word (`resize`) can't be told from prose.
    names = [name for name in tree.layers() if re.search(r"[0-9_]", name)]
    if not names:
        return
    # `F.max_pool2d` is another library's; `l2_normalize=` is a key of a graph line.
    pattern = re.compile(r"(?<![\w.])(?:" + "|".join(map(re.escape, names)) + r")(?![\w=])")
    for path in tree.select(SOURCE):
        if path.startswith(("generators/", "schedules/", "tests/layers/", "tests/fixtures/")):
            continue
        text = tree.text(path) or ""
        for match in pattern.finditer(text):
            yield Violation("layer name", path, line_of(text, match.start()), f"names the layer {match[0]}",
                            "a new layer must need no change outside generators/, schedules/ and tests/layers/",
                            "take the name from the kernel table or from data, or say it without the name")


def check_marks(tree):
    for path in tree.paths:
        text = tree.text(path)
        if text is None or path == "LICENSE":
            continue
        for match in MACHINE_PATH.finditer(text):
            yield Violation("machine path", path, line_of(text, match.start()), f"path of one machine: {match[0]}...",
                            "it exists nowhere else", "write it relative to the repository, or take it from an option")
        for match in UNFINISHED.finditer(text):
            yield Violation("unfinished", path, line_of(text, match.start()), f"unfinished: {match[0]}",
                            "what is in the tree is done", "do it, or open an issue")


def check_twins(tree):
    for layer in tree.layers():
        for twin in (f"generators/{layer}.cpp", f"schedules/cuda/{layer}.cpp", f"tests/layers/{layer}_cases.cpp"):
            if twin not in tree.paths:
                yield Violation("twin", f"schedules/cpu/{layer}.cpp", 1, f"layer {layer} has no {twin}",
                                "a layer is a generator, two schedules and its test cases", f"write {twin}")


def check_tests_listed(tree):
    listed = "".join(tree.text(p) or "" for p in tree.select("CMakeLists.txt", "tests/"))
    for path in tree.select("_test.cpp", "tests/"):
        name = posixpath.basename(path)[:-len(".cpp")]
        if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", listed):
            yield Violation("test", path, 1, f"{name} is in no CMakeLists.txt under tests/", "a test that isn't built can't fail",
                            "add its line to tests/CMakeLists.txt")


RULES = (check_includes, check_schedule_calls, check_schedule_funcs, check_lengths, check_spdx, check_layer_names,
         check_marks, check_twins, check_tests_listed)


def check(root):
    tree = Tree(root)
    return [violation for rule in RULES for violation in rule(tree)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    if args.self_test:
        import check_rules_self_test
        return check_rules_self_test.run(check)
    violations = check(args.root)
    for violation in violations:
        print(violation)
    if violations:
        print(f"{len(violations)} broken rules", file=sys.stderr)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
