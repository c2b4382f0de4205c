#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plain, partial and gated convolution in one network (models/recipes/compare_gating.graph): each is trained on the same pictures
and holes for the same number of steps, and a plain one, wider, with as many weights as the gated.

  compare_gating.py                     computed pictures, measured on others that are computed
  compare_gating.py --data FOLDER       photographs, and --held-out FOLDER: L1, PSNR and SSIM inside holes of those
  compare_gating.py --dry-run           two steps of each, nothing is kept

--set NAME=value changes the recipe's parameters, such as --set steps=5000."""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECIPES = ROOT / "models/recipes"
HALF_RANGE = 127.5  # pictures are -1 .. 1 in the network
KINDS = ("plain", "partial", "gated")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sluice", type=pathlib.Path, default=ROOT / "build/bin/sluice")
    parser.add_argument("--data", type=pathlib.Path, help="photographs to train on; default: computed pictures")
    parser.add_argument("--held-out", type=pathlib.Path, help="photographs to measure on")
    parser.add_argument("--masks", type=int, default=8, help="holes for every picture that is held out")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/compare-gating")
    parser.add_argument("--set", action="append", default=[], help="a parameter of the recipe, name=value; may be repeated")
    parser.add_argument("--dry-run", action="store_true")
    arguments = parser.parse_args()
    text = (RECIPES / "compare_gating.recipe").read_text(encoding="utf-8")
    arguments.parameters = {"width": re.search(r"^param width=(\d+)", text, re.M)[1]}
    arguments.parameters.update(pair.split("=", 1) for pair in arguments.set)
    return arguments


def write_recipe(arguments):
    """The shipped recipe, with photographs where some were given."""
    text = (RECIPES / "compare_gating.recipe").read_text(encoding="utf-8")
    text = text.replace("graph=compare_gating.graph", f"graph={RECIPES / 'compare_gating.graph'}")
    if arguments.data:
        text = text.replace("data procedural", "data pictures crop=random shorter=2*size,5*size")
    path = arguments.out / "compare_gating.recipe"
    path.write_text(text, encoding="utf-8")
    return path


def train(arguments, recipe, name, parameters):
    """Returns what the run said about itself: parameters, seconds, the L1 of filled validation pictures, 0..255."""
    out = arguments.out / name
    command = [str(arguments.sluice), "train", str(recipe), "--out", str(out)]
    for key, value in {**arguments.parameters, **parameters}.items():
        command += ["--set", f"{key}={value}"]
    if arguments.data:
        command += ["--data", str(arguments.data)]
    if arguments.dry_run:
        command += ["--dry-run"]
    shutil.rmtree(out, ignore_errors=True)
    begin = time.monotonic()
    result = subprocess.run(command, text=True, stderr=subprocess.PIPE, check=False)
    if result.returncode != 0:
        sys.exit(f"compare_gating: {' '.join(command)}\n{result.stderr}")
    found = {"parameters": int(re.search(r"(\d+) parameters", result.stderr)[1]), "seconds": time.monotonic() - begin}
    if not arguments.dry_run:
        losses = re.findall(r"validation loss ([\d.]+)", result.stderr)
        found["error"] = float(losses[-1]) * HALF_RANGE
        found["weights"] = out / "generator.safetensors"
    return found


def measure(arguments, runs):
    """Name -> score -> [pictures, masks], by evaluate.py, on the pictures held out."""
    tables = {}
    for name, run in runs.items():
        out = arguments.out / "measured" / name.replace(" ", "-")
        subprocess.run([sys.executable, str(ROOT / "bench/evaluate.py"), "--sluice", str(arguments.sluice), "--data",
                        str(arguments.held_out), "--model", str(RECIPES / "compare_gating.graph"), "--weights", str(run["weights"]),
                        "--against", "none", "--masks", str(arguments.masks), "--out", str(out)],
                       stdout=subprocess.DEVNULL, check=True)
        tables[name] = json.loads((out / "scores.json").read_text(encoding="utf-8"))["scores"]["Sluice"]
    return tables


def report(runs, tables):
    """The table as Markdown."""
    lines = ["| convolution | parameters | training, s | L1 of filled pictures, 0..255 |",
             "|---|---|---|---|"]
    for name, run in runs.items():
        lines.append(f"| {name} | {run['parameters']:,} | {run['seconds']:.0f} | {run['error']:.3f} |")
    if not tables:
        return lines
    import evaluate_scores  # needs numpy, which a run without pictures held out does without
    lines += ["", "Inside the holes of pictures held out; how much better gated is, 95 % interval over pairs of picture and hole:", "",
              "| convolution | L1 | PSNR, dB | SSIM |", "|---|---|---|---|"]
    for name, table in tables.items():
        cells = []
        for score in evaluate_scores.NAMES:
            digits = 4 if score == "SSIM" else 2
            values = [value for row in table[score] for value in row]
            cell = f"{sum(values) / len(values):.{digits}f}"
            if name != "gated":
                gain, pairs, _ = evaluate_scores.gain_intervals(score, tables["gated"][score], table[score])
                cell += f"; {gain:+.{digits}f} ({pairs[0]:+.{digits}f} to {pairs[1]:+.{digits}f})"
            cells.append(cell)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def main():
    arguments = parse_arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    recipe = write_recipe(arguments)
    runs = {kind: train(arguments, recipe, kind, {"kind": kind}) for kind in KINDS}
    # A gated layer has twice the weights of a plain one: so has a plain one that is sqrt(2) times as wide.
    wider = round(int(arguments.parameters["width"]) * 2 ** 0.5)
    runs[f"plain, width {wider}"] = train(arguments, recipe, "plain-wider", {"kind": "plain", "width": wider})
    if arguments.dry_run:
        print("\n".join(f"{name}: {run['parameters']} parameters, two steps" for name, run in runs.items()))
        return
    lines = report(runs, measure(arguments, runs) if arguments.held_out else {})
    print("\n".join(lines))
    (arguments.out / "table.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
