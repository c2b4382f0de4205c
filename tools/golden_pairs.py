# SPDX-License-Identifier: Apache-2.0
"""Fills NAME_input.png with NAME_mask.png by a converted DeepFill v2 checkpoint and compares with NAME_output.png.

Each picture is filled twice. With --parity every known sample should come out as the published program gave it. Without
it known samples stay as they are, where the published program gives grey levels 1 to 63 back one lower. Inside the hole
both should be equal up to one level in a few samples: the published pictures were summed in another order.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import png_pixels

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAIRS_OF = "Places2"  # which of the official checkpoints made the published pictures
MOST_IN_HOLE = 0.01  # the share of samples that may differ by one level


class Refused(Exception):
    pass


def parse_arguments():
    parser = argparse.ArgumentParser(prog="check_official.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", metavar="CHECKPOINT",
                        help="the official file: prefix, .index or .data of the bundle")
    parser.add_argument("--pairs", type=pathlib.Path, default=ROOT.parent / "shared/data/deepfill_golden",
                        help="folder of NAME_input.png, NAME_mask.png, NAME_output.png; default: %(default)s")
    parser.add_argument("--sluice", default=ROOT / "build/bin/sluice", help="the program; default: %(default)s")
    parser.add_argument("--any", action="store_true", help="go on with a checkpoint that is not an official one")
    return parser.parse_args()


def run(program, *arguments):
    """Models are those of the source, wherever the program was built."""
    environment = os.environ | {"SLUICE_MODELS": str(ROOT / "models")}
    result = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False,
                            env=environment)
    if result.returncode != 0:
        raise Refused(result.stderr.strip())
    return result.stdout


def names_of(folder):
    names = [path.name.removesuffix("_input.png") for path in sorted(folder.glob("*_input.png"))]
    for name in names:
        for kind in ("mask", "output"):
            if not (folder / f"{name}_{kind}.png").is_file():
                raise Refused(f"{folder}: {name}_input.png has no {name}_{kind}.png beside it")
    if not names:
        raise Refused(f"{folder}: no NAME_input.png is there; give the folder of the published pairs with --pairs")
    return names


def colours(picture):
    """The samples of red, green and blue, pixel by pixel, without alpha."""
    if picture.channels not in (3, 4) or picture.bits != 8:
        raise Refused(f"a picture of {picture.channels} channels and {picture.bits} bits; expected 8-bit colour")
    planes = (picture.samples[colour::picture.channels] for colour in range(3))
    return [sample for pixel in zip(*planes) for sample in pixel]


def compare(ours, published, known, hole, parity):
    """Counts of samples: (outside differing, largest, unexplained), (hole differing, largest, all)."""
    if not len(ours) == len(published) == len(known) == 3 * len(hole):
        raise Refused("the pictures of a case have different sizes")
    outside, inside = [0, 0, 0], [0, 0, 3 * sum(hole)]
    for at, (our, other) in enumerate(zip(ours, published)):
        if our == other:
            continue
        counts = inside if hole[at // 3] else outside
        counts[0] += 1
        counts[1] = max(counts[1], abs(our - other))
        if counts is outside and (parity or our != known[at] or not 1 <= our <= 63 or other != our - 1):
            counts[2] += 1
    return outside, inside


def fill(options, weights, name, output, parity):
    run(options.sluice, "inpaint", options.pairs / f"{name}_input.png", options.pairs / f"{name}_mask.png",
        "-o", output, "--weights", weights, "--quiet", *(["--parity"] if parity else []))


def check_case(options, weights, folder, name):
    """Prints two lines; whether both are as expected."""
    known = colours(png_pixels.read_png(options.pairs / f"{name}_input.png"))
    published = colours(png_pixels.read_png(options.pairs / f"{name}_output.png"))
    mask = png_pixels.read_png(options.pairs / f"{name}_mask.png")
    hole = [sample > 127 for sample in mask.samples[::mask.channels]]
    good = True
    for parity in (True, False):
        result = folder / f"{name}.png"
        fill(options, weights, name, result, parity)
        outside, inside = compare(colours(png_pixels.read_png(result)), published, known, hole, parity)
        share = inside[0] / inside[2] if inside[2] else 0
        expected = outside[2] == 0 and inside[1] <= 1 and share <= MOST_IN_HOLE
        good = good and expected
        print(f"{name:10} {'--parity' if parity else 'exact':8}  "
              f"{outside[0]:9} {outside[1]:7} {outside[2]:11}  {inside[0]:9} {100 * share:6.2f}% {inside[1]:7}  "
              f"{'as expected' if expected else 'NOT as expected'}", flush=True)
    return good


def check(options):
    names = names_of(options.pairs)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        weights = folder / "weights.safetensors"
        report = json.loads(run(options.sluice, "convert", options.checkpoint, "--model", "deepfill2", "-o", weights,
                                "--json"))
        official = PAIRS_OF in (report["known"] or "")
        print(f"{options.checkpoint}: {report['known'] or 'not one of the official DeepFill v2 files, by its SHA-256'}")
        if not official:
            print(f"the published pictures were made with the official {PAIRS_OF} checkpoint, which this is not: "
                  + ("the numbers of the hole mean nothing" if options.any else "nothing is compared; --any goes on"))
            if not options.any:
                return 1
        print("                      outside the hole: samples           in the hole: samples\n"
              "case       mode      differing largest unexplained  differing   share largest", flush=True)
        results = [check_case(options, weights, folder, name) for name in names]
    print(f"{sum(results)} of {len(names)} pictures as expected")
    return 0 if all(results) or not official else 1


def main():
    try:
        return check(parse_arguments())
    except (Refused, OSError, ValueError) as error:
        print(f"check_official.sh: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
