# SPDX-License-Identifier: Apache-2.0
"""bench/schedules.py: its table from made-up measurements, and a short run of two shapes with one autoscheduler.

Needs SLUICE_SOURCE_DIR, and for the run SLUICE_SCHEDULE_BENCH and SLUICE_GENERATORS, in the environment.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE_DIR"])
sys.path.insert(0, str(SOURCE / "bench"))
import schedules  # noqa: E402

# Two small convolutions, of Winograd's filtering and of direct sums; what they are stands in bench/layer_shapes.txt's words.
SHAPES = SOURCE / "tests/fixtures/tuning/shapes.txt"
LINE = {"row": "r", "kernel": "sluice_k", "gflop": 2.0, "peak": 100.0, "peak_after": 95.0, "default": {"default_ms": 40.0, "ratio": 1.0},
        "tuned": {"default_ms": 40.0, "ratio": 1.25}, "Mullapudi2016": {"default_ms": 40.0, "ratio": 0.25},
        "Adams2019": {"failure": "ran out of states"}, "Li2018": {"default_ms": 40.0, "ratio": 0.5}}


class TableTest(unittest.TestCase):
    def test_rates_and_the_best_of_the_automatic_ones(self):
        row = schedules.Row(LINE)
        cells = dict(zip(schedules.HEAD, row.cells({})))
        self.assertEqual(cells["default"], "50 (50 %)")
        self.assertEqual(cells["tuned / default"], "1.250")
        self.assertEqual((cells["Mullapudi2016"], cells["Adams2019"], cells["Li2018"]), ("12 (12 %)", "none", "25 (25 %)"))
        self.assertEqual(cells["default / best automatic"], "2.0")
        self.assertIn("- r, Adams2019: ran out of states", schedules.markdown([row], "avx2", 2))
        self.assertIn("Mullapudi2016", schedules.figure([row]))

    def test_a_peak_that_drifts_is_said(self):
        self.assertNotIn("drifted", " ".join(schedules.Row(LINE).cells({})))
        self.assertIn("drifted", " ".join(schedules.Row(LINE | {"peak_after": 80.0}).cells({})))

    def test_gpu_kernels_are_those_of_the_direct_sums(self):
        columns = schedules.gpu_columns()
        with open(SOURCE / "schedules/cuda/kernels.tsv", encoding="utf-8") as table:
            name = [line.split("\t")[0] for line in table if "_reading_plain" in line][0]
        cpu = "sluice_" + name.replace("_forward", "_forward_cpu") + "_transform_winograd"
        self.assertRegex(schedules.gpu_text(cpu, columns), r"^\d+ registers, \d+ %$")
        self.assertEqual(schedules.gpu_text("sluice_other_forward_cpu", columns), "none")


class RunTest(unittest.TestCase):
    def test_two_shapes(self):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, SOURCE / "bench/schedules.py", "--shapes", SHAPES, "--minutes", "0.02", "--autoschedulers",
                       "Mullapudi2016", "--program", os.environ["SLUICE_SCHEDULE_BENCH"], "--generators", os.environ["SLUICE_GENERATORS"]]
            result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            self.assertEqual(result.returncode, 0, result.stderr)
            lines = [json.loads(line) for line in (pathlib.Path(folder) / "schedules.jsonl").read_text().splitlines()]
            self.assertEqual(len(lines), 2)
            for line in lines:
                self.assertGreater(line["Mullapudi2016"].get("ratio", 0), 0, line)
                self.assertGreaterEqual(line["tuned"]["ratio"], 1)
            self.assertIn("<svg", (pathlib.Path(folder) / "schedules.svg").read_text())
            again = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)  # goes on: nothing is left
            self.assertIn("2 rows in schedules.md", again.stdout)


if __name__ == "__main__":
    unittest.main()
