# SPDX-License-Identifier: Apache-2.0
"""A sheet of pictures: one row a picture, one column a method."""
import cv2
import numpy as np

WIDTH, GAP, TITLE = 320, 4, 24


def cell(picture):
    """The picture at WIDTH pixels across; tall ones are cut to two thirds of their width in the middle."""
    height = WIDTH * 2 // 3
    scaled = cv2.resize(picture, (WIDTH, round(picture.shape[0] * WIDTH / picture.shape[1])), interpolation=cv2.INTER_AREA)
    top = max(0, (scaled.shape[0] - height) // 2)
    return cv2.copyMakeBorder(scaled[top:top + height], 0, max(0, height - scaled.shape[0]), 0, GAP, cv2.BORDER_CONSTANT,
                              value=(255, 255, 255))


def write(path, titles, rows):
    """rows: lists of uint8 pictures [h, w, 3], BGR, as many as titles."""
    head = np.full((TITLE, len(titles) * (WIDTH + GAP), 3), 255, np.uint8)
    for i, title in enumerate(titles):
        cv2.putText(head, title, (i * (WIDTH + GAP) + 4, TITLE - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    gap = np.full((GAP, head.shape[1], 3), 255, np.uint8)
    parts = [head]
    for row in rows:
        parts += [np.hstack([cell(picture) for picture in row]), gap]
    if not cv2.imwrite(str(path), np.vstack(parts)):
        raise OSError(f"{path} cannot be written")
