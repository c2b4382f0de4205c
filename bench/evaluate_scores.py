# SPDX-License-Identifier: Apache-2.0
"""How far a filled picture is from the true one, inside the hole, and intervals of differences."""
import cv2
import numpy as np

WINDOW, SIGMA = 11, 1.5  # of SSIM (Wang et al. 2004)
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
RESAMPLES = 10000
NAMES = ("L1", "PSNR", "SSIM")
HIGHER_IS_BETTER = {"L1": False, "PSNR": True, "SSIM": True}


def ssim_map(a, b):
    """SSIM at every pixel and channel of two float64 pictures, Gaussian windows of 11 x 11."""
    def mean(x):
        return cv2.GaussianBlur(x, (WINDOW, WINDOW), SIGMA, borderType=cv2.BORDER_REFLECT_101)

    mean_a, mean_b = mean(a), mean(b)
    variance_a, variance_b = mean(a * a) - mean_a ** 2, mean(b * b) - mean_b ** 2
    covariance = mean(a * b) - mean_a * mean_b
    return ((2 * mean_a * mean_b + C1) * (2 * covariance + C2)
            / ((mean_a ** 2 + mean_b ** 2 + C1) * (variance_a + variance_b + C2)))


def scores(true, filled, hole):
    """L1 (0..255) and PSNR (dB) over the hole's pixels, all channels; SSIM as the mean over the windows that touch the hole
    and lie inside the picture."""
    true, filled = true.astype(np.float64), filled.astype(np.float64)
    difference = (true - filled)[hole > 0]
    touching = cv2.dilate(hole, np.ones((WINDOW, WINDOW), np.uint8))
    inside = np.zeros_like(hole)
    border = WINDOW // 2
    inside[border:-border, border:-border] = 1
    return {"L1": np.abs(difference).mean(),
            "PSNR": 10 * np.log10(255 ** 2 / max((difference ** 2).mean(), 1e-10)),
            "SSIM": ssim_map(true, filled)[(touching & inside) > 0].mean()}


def gain_intervals(name, ours, others, seed=1):
    """How much better `ours` is than `others`, both [pictures, masks]: the mean, the 95 % interval of bootstrap over all
    pairs, and that over pictures, each with its masks: the wider one, which also holds for other pictures."""
    gain = np.asarray(ours) - np.asarray(others)
    gain = gain if HIGHER_IS_BETTER[name] else -gain
    rng = np.random.default_rng(seed)
    flat, pictures = gain.ravel(), gain.mean(axis=1)
    intervals = []
    for values in (flat, pictures):
        drawn = values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
        intervals.append(tuple(np.percentile(drawn, (2.5, 97.5))))
    return gain.mean(), intervals[0], intervals[1]
