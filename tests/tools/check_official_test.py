#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/check_official.sh, with pairs made here: the published program is played by `sluice inpaint --parity`."""
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "apps"))
import cli_support as cli  # noqa: E402

WIDTH, HEIGHT = 64, 48


def check(*arguments):
    return subprocess.run([cli.SOURCE / "tools/check_official.sh", *map(str, arguments), "--sluice", cli.BINARY],
                          capture_output=True, text=True, check=False, timeout=300)


class CheckOfficialTest(cli.CliTestCase):
    def setUp(self):
        super().setUp()
        self.pairs = self.path("pairs")
        self.pairs.mkdir()
        self.picture = cli.noise(WIDTH, HEIGHT, channels=4)
        self.picture.samples = [sample if at % 4 == 3 else sample // 2
                                for at, sample in enumerate(self.picture.samples)]
        self.picture.samples[0] = 100
        mask = cli.Picture(WIDTH, HEIGHT, 1, 8, [128 if self.in_hole(x, y) else 127 for y in range(HEIGHT)
                                                 for x in range(WIDTH)])
        cli.write_png(self.pairs / "one_input.png", self.picture)
        cli.write_png(self.pairs / "one_mask.png", mask)
        self.succeed("convert", cli.TENSORFLOW_CHECKPOINT, "--model", "deepfill2", "-o", self.path("w.safetensors"))
        self.succeed("inpaint", self.pairs / "one_input.png", self.pairs / "one_mask.png", "--parity", "--quiet",
                     "-o", self.pairs / "one_output.png", "--weights", self.path("w.safetensors"))

    @staticmethod
    def in_hole(x, y):
        return 20 <= x < 40 and 10 <= y < 30

    def rows(self):
        result = check(cli.TENSORFLOW_CHECKPOINT, "--pairs", self.pairs, "--any")
        self.assertEqual(result.returncode, 0, result.stderr)
        rows = [line.split(maxsplit=8) for line in result.stdout.splitlines() if line.startswith("one ")]
        self.assertEqual([row[1] for row in rows], ["--parity", "exact"])
        return [(*map(int, row[2:6]), int(row[7]), row[8]) for row in rows]

    def tamper(self, x, y, change):
        output = cli.read_png(self.pairs / "one_output.png")
        output.samples[(y * WIDTH + x) * output.channels] += change
        cli.write_png(self.pairs / "one_output.png", output)

    def test_equal_pairs_are_as_expected(self):
        lowered = sum(1 <= sample <= 63 for y in range(HEIGHT) for x in range(WIDTH) if not self.in_hole(x, y)
                      for sample in self.picture.pixel(x, y)[:3])
        self.assertGreater(lowered, 1000)
        parity, exact = self.rows()
        self.assertEqual(parity[:3] + parity[5:], (0, 0, 0, "as expected"))
        self.assertEqual(exact[:3] + exact[5:], (lowered, 1, 0, "as expected"))
        self.assertEqual(parity[3:5], (0, 0))

    def test_a_known_sample_that_differs_is_unexplained(self):
        self.tamper(0, 0, 1)
        parity, exact = self.rows()
        self.assertEqual((parity[0], parity[2], parity[5]), (1, 1, "NOT as expected"))
        self.assertEqual((exact[2], exact[5]), (1, "NOT as expected"))

    def test_a_sample_of_the_hole_that_differs_by_two_is_counted(self):
        self.tamper(25, 15, 2 if cli.read_png(self.pairs / "one_output.png").pixel(25, 15)[0] < 128 else -2)
        for row in self.rows():
            self.assertEqual((row[2], row[4], row[5]), (0, 2, "NOT as expected"))

    def test_another_checkpoint_is_not_compared(self):
        result = check(cli.TENSORFLOW_CHECKPOINT, "--pairs", self.pairs)
        self.assertEqual(result.returncode, 1)
        self.assertIn("not one of the official DeepFill v2 files", result.stdout)
        self.assertIn("nothing is compared; --any goes on", result.stdout)

    def test_says_what_is_missing(self):
        (self.pairs / "one_mask.png").unlink()
        for folder, message in ((self.pairs, "has no one_mask.png beside it"),
                                (self.folder, "no NAME_input.png is there")):
            result = check(cli.TENSORFLOW_CHECKPOINT, "--pairs", folder)
            self.assertEqual(result.returncode, 2)
            self.assertIn(message, result.stderr)
        cli.write_png(self.pairs / "one_mask.png", cli.mask_of(8, 8, lambda x, y: x > y))
        result = check(cli.TENSORFLOW_CHECKPOINT, "--pairs", self.pairs, "--any")
        self.assertEqual(result.returncode, 2)
        self.assertIn("the mask is 8 x 8", result.stderr)


if __name__ == "__main__":
    unittest.main()
