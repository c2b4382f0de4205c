#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pictures of models/recipes/inpaint_small.recipe: photographs of Debian packages, reduced, and computed ones.

  training_photos.py [--folder build/training-photos]

Packages are downloaded with apt-get into FOLDER/packages and unpacked there, not installed; every photograph's SHA-256 must be
that of training_photos.tsv. FOLDER/pictures gets each with its shorter side reduced to 768 pixels, and pictures of dead leaves
(discs that hide one another; Lee, Mumford and Huang, IJCV 41, 2001). What is there already is kept."""
import argparse
import csv
import hashlib
import pathlib
import subprocess
import sys

import cv2
import numpy as np

LIST = pathlib.Path(__file__).with_name("training_photos.tsv")
SHORTER, COMPUTED, COMPUTED_SHAPE = 768, 8, (768, 1152)
LARGEST, SMALLEST = 200, 4  # radii of leaves, pixels


def read_list():
    lines = [line for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t"))


def package_root(folder, name, version):
    """The folder with the package's files."""
    root = folder / "packages" / f"{name}_{version.replace(':', '%3a')}"
    if (root / "usr").is_dir():
        return root
    root.mkdir(parents=True, exist_ok=True)
    print(f"training_photos: {name} {version}", flush=True)
    subprocess.run(["apt-get", "download", "-qq", f"{name}={version}"], cwd=root, check=True)
    (file,) = root.glob("*.deb")
    subprocess.run(["dpkg", "-x", str(file), str(root)], check=True)
    file.unlink()
    return root


def reduced(picture):
    scale = SHORTER / min(picture.shape[:2])
    return picture if scale >= 1 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def write(path, picture):
    partial = path.with_name(f"partial-{path.name}")
    if not cv2.imwrite(str(partial), picture):
        sys.exit(f"training_photos: {partial} cannot be written")
    partial.rename(path)


def prepare_photo(folder, row):
    path = folder / "pictures" / f"{pathlib.Path(row['path']).stem}.png"
    if path.exists():
        return
    data = (package_root(folder, row["package"], row["version"]) / row["path"]).read_bytes()
    if hashlib.sha256(data).hexdigest() != row["sha256"]:
        sys.exit(f"training_photos: {row['path']} of {row['package']} is not the picture of the list (SHA-256)")
    write(path, reduced(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)))


def dead_leaves(seed):
    """Discs with a probability of radius r that falls with r^-3, the usual law for natural pictures; each has a shade that runs
    across it."""
    rng = np.random.default_rng(seed)
    height, width = COMPUTED_SHAPE
    picture = np.zeros((height, width, 3), np.float32)
    bare, left_bare = np.ones((height, width), bool), height * width
    while left_bare > height * width // 1000:
        radius = SMALLEST / np.sqrt(rng.uniform((SMALLEST / LARGEST) ** 2, 1))
        x, y = rng.uniform(-radius, width + radius), rng.uniform(-radius, height + radius)
        left, right = int(max(x - radius, 0)), int(min(x + radius + 1, width))
        top, bottom = int(max(y - radius, 0)), int(min(y + radius + 1, height))
        if left >= right or top >= bottom:
            continue
        rows, columns = np.mgrid[top:bottom, left:right]
        seen = ((columns - x) ** 2 + (rows - y) ** 2 <= radius ** 2) & bare[top:bottom, left:right]
        colour = rng.uniform(0, 255) + rng.normal(0, 30, 3)
        slope = rng.normal(0, 25, 2) / radius
        shade = slope[0] * (columns - x) + slope[1] * (rows - y)
        picture[top:bottom, left:right][seen] = (colour + shade[..., None])[seen]
        bare[top:bottom, left:right] &= ~seen
        left_bare -= int(seen.sum())
    soft = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 1.5))
    return np.clip(soft, 0, 255).round().astype(np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("build/training-photos"))
    folder = parser.parse_args().folder
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for row in read_list():
        prepare_photo(folder, row)
    for seed in range(COMPUTED):
        path = folder / "pictures" / f"computed-{seed}.png"
        if not path.exists():
            write(path, dead_leaves(seed))
    print(folder / "pictures")


if __name__ == "__main__":
    main()
