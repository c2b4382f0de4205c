# SPDX-License-Identifier: Apache-2.0
"""bench/evaluate.py: holes have the shares that were asked for, scores those that follow from their definitions, intervals hold what they
should. `make eval` runs it first; in `make test` it needs a Python with numpy and OpenCV, and says so where there is none."""
import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
try:
    import cv2
    import evaluate_masks
    import evaluate_scores
    import evaluate_sheet
    import numpy as np
except ModuleNotFoundError as error:
    print(f"evaluate_test: Skipped\nbench/evaluate.py: {error} (bench/eval_python.sh makes an environment that has it)")
    sys.exit(0)


class MasksTest(unittest.TestCase):
    def test_shares(self):
        for share in evaluate_masks.shares(8):
            hole = evaluate_masks.free_form_hole(128, 192, share, [1, 2])
            self.assertGreaterEqual(hole.mean(), evaluate_masks.LEAST)
            self.assertLessEqual(hole.mean(), evaluate_masks.MOST)
            self.assertLess(abs(hole.mean() - share), 0.2)
        self.assertAlmostEqual(evaluate_masks.shares(1)[0], (evaluate_masks.LEAST + evaluate_masks.MOST) / 2)

    def test_seeds(self):
        first, again, other = (evaluate_masks.free_form_hole(96, 96, 0.2, seed) for seed in ([1, 2], [1, 2], [1, 3]))
        self.assertTrue(np.array_equal(first, again))
        self.assertFalse(np.array_equal(first, other))


class ScoresTest(unittest.TestCase):
    def setUp(self):
        self.true = np.random.default_rng(1).integers(40, 200, (64, 80, 3)).astype(np.uint8)
        self.hole = np.zeros((64, 80), np.uint8)
        self.hole[20:40, 30:60] = 1

    def test_of_the_true_picture(self):
        found = evaluate_scores.scores(self.true, self.true, self.hole)
        self.assertEqual(found["L1"], 0)
        self.assertAlmostEqual(found["SSIM"], 1)

    def test_of_an_offset_inside_the_hole(self):
        filled = self.true + (10 * self.hole[..., None]).astype(np.uint8)
        found = evaluate_scores.scores(self.true, filled, self.hole)
        self.assertAlmostEqual(found["L1"], 10)
        self.assertAlmostEqual(found["PSNR"], 20 * np.log10(25.5))
        self.assertLess(found["SSIM"], 1)

    def test_outside_does_not_count(self):
        filled = self.true.copy()
        filled[:10] = 0
        self.assertEqual(evaluate_scores.scores(self.true, filled, self.hole),
                         evaluate_scores.scores(self.true, self.true, self.hole))

    def test_ssim_of_flat_pictures(self):
        flat, brighter = np.full((32, 32, 3), 100, np.uint8), np.full((32, 32, 3), 120, np.uint8)
        hole = np.ones((32, 32), np.uint8)
        means = (2 * 100 * 120 + evaluate_scores.C1) / (100 ** 2 + 120 ** 2 + evaluate_scores.C1)
        self.assertAlmostEqual(evaluate_scores.scores(flat, brighter, hole)["SSIM"], means)

    def test_intervals(self):
        others = np.random.default_rng(2).normal(20, 3, (12, 8))
        mean, pairs, pictures = evaluate_scores.gain_intervals("L1", others - 1, others)
        self.assertAlmostEqual(mean, 1)  # lower is better
        self.assertAlmostEqual(pairs[0], 1)
        self.assertAlmostEqual(pictures[1], 1)
        mean, pairs, _ = evaluate_scores.gain_intervals("PSNR", others, np.roll(others, 1, axis=0))
        self.assertAlmostEqual(mean, 0)
        self.assertTrue(pairs[0] < 0 < pairs[1])


class SheetTest(unittest.TestCase):
    def test_rows_and_columns(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "sheet.png")
            tall, broad = np.zeros((90, 60, 3), np.uint8), np.zeros((60, 90, 3), np.uint8)
            evaluate_sheet.write(path, ["a", "b"], [[tall, tall], [broad, broad]])
            width, height = evaluate_sheet.WIDTH + evaluate_sheet.GAP, evaluate_sheet.WIDTH * 2 // 3 + evaluate_sheet.GAP
            self.assertEqual(cv2.imread(path).shape, (evaluate_sheet.TITLE + 2 * height, 2 * width, 3))


if __name__ == "__main__":
    unittest.main()
