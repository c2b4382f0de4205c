# SPDX-License-Identifier: Apache-2.0
"""`sluice tune` on a small graph, with the generators of this build: what it writes, what it leaves alone, how it goes on.

Needs SLUICE_BINARY and SLUICE_SOURCE_DIR in the environment.
"""
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cli_support as cli  # noqa: E402

GRAPH = cli.SOURCE / "tests/fixtures/tuning/small.graph"
LAYER = next(line.split()[0] for line in GRAPH.read_text().splitlines() if " kernel=" in line)
NODES = ["first", "second", "third", "last"]
ISAS = ["avx2"] + (["avx512"] if "avx512dq" in pathlib.Path("/proc/cpuinfo").read_text() else [])


def read_tuning(path):
    """Lines of the head by word; of nodes by name, each a dictionary."""
    head, nodes = {}, {}
    for line in pathlib.Path(path).read_text().splitlines():
        key, _, rest = line.partition(" ")
        if key == "node":
            name, *words = rest.split()
            nodes[name] = dict(word.split("=", 1) for word in words)
        else:
            head[key] = rest
    return head, nodes


class TuneTest(cli.CliTestCase):
    def setUp(self):
        super().setUp()
        shutil.copytree(cli.SOURCE / "schedules/cpu", self.path("schedules/cpu"), ignore=shutil.ignore_patterns("*.cpp", "*.h"))

    def alternatives(self, text):
        """In place of what is tried of the layer."""
        (self.path("schedules/cpu") / f"{LAYER}.tuning").write_text(text)

    def arguments(self, *more, size="64x64"):
        return ["tune", GRAPH, "--size", size, "--threads", "2", "--schedules", self.path("schedules"), *more]

    def tune(self, *more, isa=ISAS[-1], size="64x64"):
        return self.succeed(*self.arguments("-o", self.path("my.tuning"), *more, size=size), SLUICE_ISA=isa)

    def test_every_node_gets_a_line_and_none_gets_slower(self):
        self.alternatives("any tile_y 4 16 when transform=none\nany narrow_y 8 32 when transform=narrow\n")
        for isa in ISAS:
            with self.subTest(isa=isa):
                result = self.tune(isa=isa)
                head, nodes = read_tuning(self.path("my.tuning"))
                self.assertEqual((head["sluice-tuning"], head["isa"], head["size"], head["threads"]), ("1", isa, "64x64", "2"))
                self.assertEqual(list(nodes), NODES)
                for node in nodes.values():
                    self.assertEqual(node["layer"], LAYER)
                    self.assertLessEqual(float(node["tuned_ms"]), float(node["default_ms"]))
                    chosen = node["schedule"] != "-" or node["algorithm"] != "fastest"
                    self.assertEqual(chosen, float(node["tuned_ms"]) < float(node["default_ms"]))
                self.assertEqual(nodes["second"], nodes["third"])
                self.assertIn("as many like it", result.stdout.replace("so many", "as many"))
                self.assertIn("[1/3]", result.stderr)
                self.assertEqual([path.name for path in self.folder.glob("my.*")], ["my.tuning"])

    def test_what_fails_is_skipped_and_what_is_slow_is_not_chosen(self):
        self.alternatives("any tile_y 0 8 when transform=none\nany tile_x 1 when transform=none\nany narrow_x 4 when transform=narrow\n")
        result = self.tune("--json", size="256x256")
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(sorted(node for row in rows for node in row["nodes"]), sorted(NODES))
        for row in rows:
            self.assertNotIn(row["schedule"].get("tile_y"), [0])
            self.assertNotIn(row["schedule"].get("tile_x"), [1])
            if row["nodes"] != ["last"]:
                self.assertEqual(row["skipped"], 1)
        self.assertIn("tile_y:0 try: skipped: ", result.stderr)

    def test_goes_on_where_it_stopped(self):
        self.alternatives("any tile_y 1 2 4 16 32 when transform=none\n")
        work = self.path("work")
        run = subprocess.Popen([cli.BINARY, *map(str, self.arguments("-o", self.path("my.tuning"), "--work", work))],
                               stderr=subprocess.PIPE, text=True)
        points = work / "points"
        end = time.monotonic() + 200
        while time.monotonic() < end and (not points.exists() or points.read_text().count("\n") < 6):
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 130, said)
        self.assertFalse(self.path("my.tuning").exists())
        measured = points.read_text()
        self.assertGreaterEqual(measured.count("\n"), 6)
        self.tune("--work", work)
        self.assertTrue(points.read_text().startswith(measured))
        whole, written = points.read_text(), self.path("my.tuning").read_text()
        self.tune("--work", work)  # nothing is left to measure
        self.assertEqual((points.read_text(), self.path("my.tuning").read_text()), (whole, written))
        self.fail_with(4, *self.arguments("-o", self.path("o.tuning"), "--work", work, "--frames", "2"), says="the state of another run",
                       out="o.tuning", SLUICE_ISA=ISAS[-1])

    def test_no_time_is_the_shipped_schedules(self):
        self.tune("--minutes", "0")
        _, nodes = read_tuning(self.path("my.tuning"))
        self.assertEqual({(node["schedule"], node["algorithm"]) for node in nodes.values()}, {("-", "fastest")})

    def test_says_what_is_missing(self):
        self.path("empty").mkdir()
        work = ["--work", self.path("empty"), "-o", self.path("o.tuning")]
        for code, says, more in ((3, "tuning needs the generators of a build tree", ["--generators", self.path("empty")]),
                                 (3, "--schedules says where", ["--schedules", self.path("empty")]),
                                 (3, "no compiler 'no-such-compiler'", ["--compiler", "no-such-compiler"]),
                                 (2, "the graph has no other", ["--nodes", "other"]),
                                 (2, "--size: expected HxW", ["--size", "64"])):
            with self.subTest(says=says):
                given = self.arguments(*work)
                if more[0] in given:  # said once
                    at = given.index(more[0])
                    del given[at:at + 2]
                result = cli.run(*given, *more)
                self.assertEqual(result.returncode, code, result.stderr)
                self.assertIn(says, result.stderr)
                self.assertFalse(self.path("o.tuning").exists())


if __name__ == "__main__":
    unittest.main()
