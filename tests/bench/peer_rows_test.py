#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what `make bench-peers` is made of without its engines: every row of bench/peer_rows.txt is a layer or network that
sluice takes, and the figure is well-formed."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
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
