# SPDX-License-Identifier: Apache-2.0
"""Proves that every rule of tools/check_rules.py can fail: a clean tree passes, and each break of it is found, alone."""
import pathlib
import sys
import tempfile

HASH = "# SPDX-License-Identifier: Apache-2.0\n"
SLASH = "// SPDX-License-Identifier: Apache-2.0\n"
LONG = "  step();\n"

CLEAN = {
    "generators/fancy_conv2d.cpp": SLASH + '#include "layer.h"\n// not .vectorize(\nauto s = ".unroll(";\n',
    "generators/layer.h": SLASH + '#include "Halide.h"\n',
    "generators/layer_generators.h": SLASH + "void f() { stage.compute_root(); }\n",
    "generators/CMakeLists.txt": HASH + "sluice_add_layer(fancy_conv2d)\n",
    "schedules/cpu/fancy_conv2d.cpp": SLASH + 'void f() {\n  Func &sum = plan["sum"];\n  Func row = sum.in();\n'
                                      "  Func part = sum.update().rfactor(a, b);\n  sum.vectorize(c).unroll(x);\n}\n",
    "schedules/cuda/fancy_conv2d.cpp": SLASH,
    "schedules/cpu/resize.cpp": SLASH,
    "schedules/cuda/resize.cpp": SLASH,
    "generators/resize.cpp": SLASH,
    "tests/layers/fancy_conv2d_cases.cpp": SLASH + "// fancy_conv2d\n",
    "tests/layers/resize_cases.cpp": SLASH,
    "tests/runtime/runner_test.cpp": SLASH + '#include "runtime/runner.h"\n',
    "tests/CMakeLists.txt": HASH + "sluice_add_test(runtime/runner_test.cpp)\n",
    "runtime/runner.h": SLASH + '#include "HalideRuntime.h"\n#include "weights_io/error.h"\n// Must resize first.\n',
    "runtime/runner.cpp": SLASH + "namespace sluice {\nstruct S {\n" + 70 * "  int x() { return 1'000; }\n" + "};\n"
                          "int a() {\n" + 57 * LONG + "}\n\nconst T kT = {\n" + 70 * "  f(1),\n" + "};\n}\n",
    "runtime/image/picture.cpp": SLASH + '#include "weights_io/error.h"\n#include "runtime/image/picture.h"\n',
    "weights_io/error.h": SLASH + "#include <string>\n",
    "apps/main.cpp": SLASH + '#include "runtime/runner.h"\n',
    "tools/run.sh": "#!/bin/sh\n" + HASH,
    "models/net.graph": "fancy_conv2d one from x to y\n",
    "docs/layers.md": "fancy_conv2d is a layer, and network/home/page.md a file.\n",
}

# rule, file, what is appended (or, for None, the file is removed)
BREAKS = [
    ("include", "weights_io/error.h", '#include "runtime/runner.h"\n'),
    ("include", "weights_io/error.h", "#include <HalideRuntime.h>\n"),
    ("include", "runtime/runner.h", '#include "Halide.h"\n'),
    ("include", "runtime/runner.h", '#include "../generators/layer.h"\n'),
    ("include", "runtime/runner.cpp", '#include "schedules/cpu/x.h"\n'),
    ("include", "runtime/image/picture.cpp", '#include "../runner.h"\n'),
    ("include", "generators/layer.h", '#include "runtime/runner.h"\n'),
    ("include", "schedules/cuda/resize.cpp", '#  include "weights_io/error.h"\n'),
    ("include", "apps/main.cpp", "#include <Halide.h>\n"),
    ("schedule call", "generators/fancy_conv2d.cpp", "void g() {\n  f.update()\n      .vectorize(x, 8);\n}\n"),
    ("schedule call", "generators/layer.h", "inline void g() { f->reorder_storage(a, b); }\n"),
    ("func", "schedules/cpu/fancy_conv2d.cpp", "void g() { Func extra; }\n"),
    ("func", "schedules/cpu/fancy_conv2d.cpp", 'void g() { Func extra("extra"); }\n'),
    ("func", "schedules/cpu/fancy_conv2d.cpp", 'void g() { Func extra = Func("extra"); }\n'),
    ("func", "schedules/cpu/fancy_conv2d.cpp", "void g() {\n  sum(c, x) += 1;\n}\n"),
    ("length", "runtime/runner.h", 400 * "//\n"),
    ("length", "runtime/runner.h", "inline int f(int a = 1)\n    noexcept {\n" + 58 * LONG + "}\n"),
    ("length", "runtime/runner.h", "struct T {\n  T() : a{1}, b(2) {\n" + 59 * LONG + "  }\n};\n"),
    ("length", "runtime/runner.h", "template <int N = 3>\nbool operator==(A a, B b) {\n" + 59 * LONG + "}\n"),
    ("length", "runtime/runner.h", "TEST(A, b) {\n  if (a) {\n" + 57 * LONG + "  }\n}\n"),
    ("length", "tools/long.py", HASH + "def f():\n" + 60 * "    step()\n"),
    ("spdx", "runtime/late.cpp", "\n" + SLASH),
    ("spdx", "tools/late.sh", "#!/bin/sh\n\n" + HASH),
    ("spdx", "cmake/CMakeLists.txt", ""),
    ("layer name", "runtime/runner.cpp", "// only fancy_conv2d\n"),
    ("layer name", "tests/runtime/runner_test.cpp", 'const char *a = "fancy_conv2d one";\n'),
    ("layer name", "tools/run.sh", "echo fancy_conv2d\n"),
    ("layer name", "cmake/a.cmake", HASH + "set(a fancy_conv2d)\n"),
    ("machine path", "docs/layers.md", "It is in /ho" "me/me/net.\n"),
    ("machine path", "models/net.graph", "# from '/wo" "rk/net'\n"),
    ("unfinished", "runtime/runner.h", "// TO" "DO: more\n"),
    ("unfinished", "docs/layers.md", "FIX" "ME\n"),
    ("twin", "schedules/cuda/fancy_conv2d.cpp", None),
    ("twin", "tests/layers/resize_cases.cpp", None),
    ("twin", "generators/resize.cpp", None),
    ("test", "tests/runtime/plan_test.cpp", SLASH),
]


def write(root, files):
    for path, content in files.items():
        target = pathlib.Path(root, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")


def broken(path, addition):
    files = dict(CLEAN)
    if addition is None:
        del files[path]
    else:
        files[path] = files.get(path, "") + addition
    return files


def problems_of(check):
    cases = [("nothing", "-", CLEAN)] + [(rule, path, broken(path, addition)) for rule, path, addition in BREAKS]
    for rule, path, files in cases:
        with tempfile.TemporaryDirectory() as root:
            write(root, files)
            found = check(root)
        expected = [] if rule == "nothing" else [rule]
        if [violation.rule for violation in found] != expected:
            yield f"breaking {rule} in {path}: expected {expected}, got:" + "".join(f"\n  {v.rule}: {v}" for v in found)


def run(check):
    problems = list(problems_of(check))
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(BREAKS) + 1 - len(problems)} passed, {len(problems)} failed")
    return 1 if problems else 0
