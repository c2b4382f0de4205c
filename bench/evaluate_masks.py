# SPDX-License-Identifier: Apache-2.0
"""Free-form holes as in the published DeepFill v2 (arXiv 1806.03589, supplement; JiahuiYu/generative_inpainting:
inpaint_ops.py): chains of 4 to 12 strokes, 12 to 40 pixels wide whatever the size of the picture, drawn until the hole has
the wanted share of the picture."""
import math

import cv2
import numpy as np

LEAST, MOST = 0.05, 0.40  # share of the picture
VERTICES, WIDTH = (4, 12), (12, 40)  # ends included
MEAN_ANGLE, ANGLE_RANGE = 2 * math.pi / 5, 2 * math.pi / 15


def draw_chain(rng, mask):
    """Adds one chain of strokes to mask [h, w], uint8."""
    height, width = mask.shape
    average = math.hypot(height, width) / 8
    least, most = MEAN_ANGLE - rng.uniform(0, ANGLE_RANGE), MEAN_ANGLE + rng.uniform(0, ANGLE_RANGE)
    point = (int(rng.integers(width)), int(rng.integers(height)))
    thick = int(rng.integers(WIDTH[0], WIDTH[1] + 1))
    cv2.circle(mask, point, thick // 2, 1, -1)
    for i in range(int(rng.integers(VERTICES[0], VERTICES[1] + 1))):
        angle = rng.uniform(least, most)
        angle = 2 * math.pi - angle if i % 2 == 0 else angle
        step = min(max(rng.normal(average, average / 2), 0), 2 * average)
        x = min(max(point[0] + step * math.cos(angle), 0), width)
        y = min(max(point[1] + step * math.sin(angle), 0), height)
        end = (int(x), int(y))
        cv2.line(mask, point, end, 1, thick)
        cv2.circle(mask, end, thick // 2, 1, -1)
        point = end


def free_form_hole(height, width, share, seed):
    """uint8 [height, width], 1 = hole; its share of the picture is `share` or a little more, MOST at most."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    while mask.mean() < share:
        more = mask.copy()
        draw_chain(rng, more)
        if more.mean() <= MOST:
            mask = more
        elif mask.mean() >= LEAST and more.mean() - share > share - mask.mean():
            break
    return mask


def shares(count):
    """Middles of `count` equal parts of LEAST .. MOST."""
    return [LEAST + (MOST - LEAST) * (i + 0.5) / count for i in range(count)]
