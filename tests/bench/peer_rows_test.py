#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what `make bench-peers` is made of without its engines: every row of bench/peer_rows.txt is a layer or network that
sluice takes, as is every layer of growing size; the tables of growth and the figure are right."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import growth  # noqa: E402
import peer_figure  # noqa: E402
import peer_rows  # noqa: E402


class RowsTest(unittest.TestCase):
    def inspect(self, *arguments):
        done = subprocess.run([os.environ["SLUICE_BINARY"], "inspect", *arguments], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_every_row_is_one_sluice_takes(self):
        with tempfile.TemporaryDirectory() as folder:
            for row in peer_rows.read_rows():
                with self.subTest(row.name):
                    if row.is_network:
                        graph = peer_rows.ROOT / "models" / f"{row.keys['graph']}.graph"
                        self.assertIn(row.keys["graph"], self.inspect(str(graph), "--size", row.keys["size"],
                                                                          *row.set_arguments()))
                        continue
                    graph = pathlib.Path(folder) / "row.graph"
                    graph.write_text(row.graph_text(), encoding="utf-8")
                    # A composite op is printed as the layers it is made of, named after it.
                    self.assertRegex(self.inspect(str(graph)), rf"{row.op}|node\.")

    def test_what_a_row_says_is_what_sluice_is_run_with(self):
        arguments = peer_rows.sluice_arguments(peer_rows.find_row("deepfill2_512_lean"), pathlib.Path("files"))
        self.assertIn("--no-prepack", arguments)
        self.assertIn("--outputs=filled", arguments)
        self.assertNotIn("--no-prepack", peer_rows.sluice_arguments(peer_rows.find_row("deepfill2_512"), pathlib.Path("files")))

    def test_every_goal_is_of_a_row_or_a_sum(self):
        names = {row.name for row in peer_rows.read_rows()} | set(peer_rows.sums())
        for isa in (None, "avx2"):
            for threads in (1, 2):
                goals = {goal.name: goal.quotient for goal in peer_rows.goals(isa, threads)}
                self.assertLessEqual(set(goals), names)
                self.assertEqual(goals["g96_128_d8"], {None: 1.5, "avx2": {1: 2.5, 2: 2.8}[threads]}[isa])

    def test_every_layer_of_growing_size_is_one_sluice_takes(self):
        with tempfile.TemporaryDirectory() as folder:
            graph = pathlib.Path(folder) / "layer.graph"
            for name, shapes, op, *attributes in peer_rows.read_lines("growth_shapes.txt"):
                with self.subTest(name):
                    shapes = [tuple(map(int, shape.split(","))) for shape in shapes.split(";")]
                    row = peer_rows.Row(name, "", {}, shapes, op, peer_rows.pairs(attributes))
                    graph.write_text(row.graph_text(), encoding="utf-8")
                    self.assertIn(op, self.inspect(str(graph)))

    def test_a_layer_is_the_same_in_all_files(self):
        seen = {}
        for file in peer_rows.LAYER_FILES:
            for name, *words in peer_rows.read_lines(file):
                self.assertEqual(seen.setdefault(name, words), words)

    def test_growth_is_a_pixel_and_beside_the_peak(self):
        # Twice the side in six times the time on a machine two thirds as fast.
        samples = {500: [{"median_ms": 1.0, "peak_GFLOP/s": 300.0}], 1000: [{"median_ms": 6.0, "peak_GFLOP/s": 200.0}]}
        self.assertEqual(growth.of_layer("a", samples), ["a", "4.00", "6.00", "1.50", "1.00"])

    def test_names_are_unique(self):
        names = [row.name for row in peer_rows.read_rows()]
        self.assertEqual(len(names), len(set(names)))

    def test_sums_have_several_rows(self):
        self.assertIn("sketch_refresh", peer_rows.sums())
        for name, rows in peer_rows.sums().items():
            self.assertGreater(len(rows), 1, name)

    def test_the_figure_has_a_bar_for_every_share(self):
        picture = peer_figure.draw({"a<b": {"Sluice": 240.0, "torch": 60.0}, "c": {"Sluice": 0.0, "ncnn": 12.0}})
        bars = [node for node in xml.dom.minidom.parseString(picture).getElementsByTagName("rect")
                if node.getAttribute("x") == f"{peer_figure.LEFT:.1f}"]
        self.assertEqual([float(bar.getAttribute("width")) for bar in bars], [640, 160, 0, 32])


if __name__ == "__main__":
    unittest.main()
