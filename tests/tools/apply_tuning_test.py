# SPDX-License-Identifier: Apache-2.0
"""tools/apply_tuning.py: values that are good for all nodes of a layer become the shipped ones, others do not."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE_DIR"])
PARAMS = """# isa   direction  parameter  value
avx2    forward    tile_x     4
avx512  forward    tile_x     8
any     forward    tile_y     8
"""
HEAD = "sluice-tuning 1\nversion 0.1.0\nisa avx512\nprocessor P\nsize 8x8\nthreads 2\n"


class ApplyTuningTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "plain.params").write_text(PARAMS)

    def apply(self, nodes, points):
        """nodes: name to milliseconds; points: (node, schedule) to ratio."""
        lines = [f"node {name} layer=plain kernel=k default_ms={ms} tuned_ms={ms} algorithm=fastest schedule=-" for name, ms in nodes.items()]
        (self.folder / "t").write_text(HEAD + "\n".join(lines) + "\n")
        points = [f"{node} fastest {schedule} try -> ok 1.0 {ratio} 1.0 9 0" for (node, schedule), ratio in points.items()]
        (self.folder / "points").write_text("\n".join(["run", *points, "a fastest tile_x:2 try -> failed crashed"]) + "\n")
        result = subprocess.run([sys.executable, SOURCE / "tools/apply_tuning.py", self.folder / "t", self.folder, "--write",
                                 "--schedules", self.folder], capture_output=True, text=True, check=True)
        return result.stdout, (self.folder / "plain.params").read_text()

    def test_a_gain_of_all_is_written(self):
        said, params = self.apply({"a": 2.0, "b": 1.0}, {("a", "tile_x:6"): 1.1, ("b", "tile_x:6"): 1.0, ("a", "-"): 1.0})
        self.assertIn("plain, avx512, 2 groups: tile_x:6, 1.06", said)
        self.assertEqual(params, PARAMS.replace("tile_x     8", "tile_x     6"))

    def test_a_row_for_all_gets_one_of_the_isa_behind_it(self):
        _, params = self.apply({"a": 2.0}, {("a", "tile_y:4"): 1.2})
        self.assertEqual(params, PARAMS + "avx512  forward    tile_y     4\n")

    def test_parameters_of_other_kernels_are_chosen_apart(self):
        said, params = self.apply({"a": 2.0, "b": 1.0}, {("a", "tile_x:6"): 1.3, ("b", "tile_y:4"): 1.1, ("b", "tile_y:2"): 1.2})
        self.assertIn("tile_x:6, 1.300 times as fast; tile_y:2, 1.200 times as fast", said)
        self.assertIn("avx512  forward    tile_x     6", params)
        self.assertIn("avx512  forward    tile_y     2", params)

    def test_a_group_that_loses_keeps_what_is_shipped(self):
        said, params = self.apply({"a": 2.0, "b": 1.0}, {("a", "tile_x:6"): 1.3, ("b", "tile_x:6"): 0.9})
        self.assertIn("as shipped", said)
        self.assertEqual(params, PARAMS)

    def test_values_that_were_not_measured_everywhere_are_no_candidates(self):
        said, _ = self.apply({"a": 2.0, "b": 1.0}, {("a", "tile_x:6"): 1.3, ("b", "tile_x:7"): 1.0})
        self.assertIn("as shipped", said)


if __name__ == "__main__":
    unittest.main()
