#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the fuzz targets: fuzz/corpus/<target>/seed_<what>. Only Python's own library is used.

  make_seeds.py            writes those that are missing or differ, removes seeds that are made no more
  make_seeds.py --check    exits 1 and names the seeds that would change
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import seed_checkpoints  # noqa: E402
import seed_pictures  # noqa: E402
import seed_texts  # noqa: E402

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def all_seeds():
    """(target, name) -> bytes."""
    targets = {"png": seed_pictures.png_seeds(), "jpeg": seed_pictures.jpeg_seeds(), "exif": seed_pictures.exif_seeds(),
               **seed_texts.targets(), **seed_checkpoints.targets()}
    return {(target, "seed_" + name): data for target, seeds in targets.items() for name, data in seeds.items()}


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        print(__doc__, file=sys.stderr)
        return 2
    wanted = {CORPUS / target / name: data for (target, name), data in all_seeds().items()}
    stale = [path for path in CORPUS.glob("*/seed_*") if path not in wanted]
    changed = [path for path, data in wanted.items() if not path.is_file() or path.read_bytes() != data]
    if check:
        for path in sorted(stale + changed):
            print(f"{path.relative_to(CORPUS.parent)} differs from what fuzz/make_seeds.py makes", file=sys.stderr)
        return 1 if stale or changed else 0
    for path in stale:
        path.unlink()
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wanted[path])
    print(f"{len(wanted)} seeds, {len(changed)} written, {len(stale)} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
