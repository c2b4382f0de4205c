#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Inpainting weights against OpenCV's Telea and Navier-Stokes and against other weights, on pictures and free-form
holes of 5-40 %: L1, PSNR and SSIM inside the hole, gains with 95 % intervals, and a sheet of pictures.

  evaluate.py --data FOLDER [--model NAME --weights FILE] [--against NAME=FILE|none] [--masks 8] [--shorter N] [--out build/eval]

Sluice fills as a user would, by `sluice inpaint`. OpenCV gets the same bytes with radius 3. Pictures that a model was trained on
prove nothing: the default folder is Kodak's, none of which any of our weights has seen."""
import argparse
import json
import pathlib
import subprocess
import sys

import cv2
import evaluate_masks
import evaluate_scores
import evaluate_sheet
import numpy as np
from safetensors.numpy import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parent.parent
RADIUS = 3
SUFFIXES = (".png", ".jpg", ".jpeg")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sluice", type=pathlib.Path, default=ROOT / "build/bin/sluice")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT / "../shared/data/kodak")
    parser.add_argument("--model", default="inpaint_small", help="model name or graph file")
    parser.add_argument("--weights", type=pathlib.Path, default=ROOT / "models/inpaint_small.safetensors")
    parser.add_argument("--against", default=f"deepfill2={ROOT / 'models/deepfill2.safetensors'}", metavar="MODEL=WEIGHTS",
                        help="other weights to compare with, or none; default: those that inpaint_small replaces")
    parser.add_argument("--smooth", default="", help="a tensor of the model that is a fill too, such as fill0_6")
    parser.add_argument("--masks", type=int, default=8, help="holes for every picture")
    parser.add_argument("--pictures", type=int, help="only the first so many")
    parser.add_argument("--shorter", type=int, help="reduce pictures so that the shorter side has this length")
    parser.add_argument("--seed", type=int, default=2018)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/eval")
    return parser.parse_args()


def read_pictures(arguments):
    """Name -> uint8 [h, w, 3], BGR."""
    files = sorted(p for p in arguments.data.glob("*") if p.suffix.lower() in SUFFIXES) if arguments.data.is_dir() else []
    if not files:
        sys.exit(f"eval: no PNG or JPEG pictures in {arguments.data}: give a folder with make eval EVAL_ARGS='--data FOLDER' "
                 "(Kodak's true colour pictures were used for the figures of models/inpaint_small.md)")
    pictures = {}
    for file in files[:arguments.pictures]:
        picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if picture is None:
            sys.exit(f"eval: {file} cannot be read")
        scale = arguments.shorter / min(picture.shape[:2]) if arguments.shorter else 1
        if scale != 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        pictures[file.stem] = picture
    return pictures


def sluice_filler(arguments, model, weights):
    def fill(picture, hole):
        source, mask, result = (arguments.out / name for name in ("picture.png", "mask.png", "filled.png"))
        cv2.imwrite(str(source), picture)
        cv2.imwrite(str(mask), hole * 255)
        subprocess.run([str(arguments.sluice), "inpaint", str(source), str(mask), "-o", str(result), "--model", str(model), "--weights",
                        str(weights), "--quiet"], check=True)
        return cv2.imread(str(result), cv2.IMREAD_COLOR)
    return fill


def tensor_filler(arguments, tensor):
    """Fills with a tensor of the model: what it starts from, before any layer that learns much."""
    def fill(picture, hole):
        source, result = arguments.out / "in.safetensors", arguments.out / "out.safetensors"
        save_file({"image": np.ascontiguousarray(picture.transpose(2, 0, 1)[None].astype(np.float32)),
                   "mask": hole[None, None].astype(np.float32)}, source)
        subprocess.run([str(arguments.sluice), "run", arguments.model, "--weights", str(arguments.weights), "--input", str(source),
                        "--output", str(result), "--keep", tensor], check=True)
        drawn = load_file(result)[tensor][0].transpose(1, 2, 0)[:picture.shape[0], :picture.shape[1]] * 127.5 + 127.5
        return np.where(hole[..., None] > 0, np.clip(drawn, 0, 255).round(), picture).astype(np.uint8)
    return fill


def methods(arguments):
    """Name -> function of picture and hole; the first is what is measured."""
    found = {"Sluice": sluice_filler(arguments, arguments.model, arguments.weights)}
    if arguments.against != "none":
        model, weights = arguments.against.split("=", 1)
        found[f"against: {model}"] = sluice_filler(arguments, model, weights)
    if arguments.smooth:
        found["smooth fill alone"] = tensor_filler(arguments, arguments.smooth)
    found["OpenCV Telea"] = lambda picture, hole: cv2.inpaint(picture, hole, RADIUS, cv2.INPAINT_TELEA)
    found["OpenCV Navier-Stokes"] = lambda picture, hole: cv2.inpaint(picture, hole, RADIUS, cv2.INPAINT_NS)
    return found


def measure(arguments, pictures, fillers):
    """Method -> score -> [pictures, masks]; shares of the holes; rows of the sheet, one a picture."""
    table = {method: {name: [] for name in evaluate_scores.NAMES} for method in fillers}
    rows, holes = [], []
    for number, (name, picture) in enumerate(pictures.items()):
        measured = {method: [] for method in fillers}
        for index, share in enumerate(evaluate_masks.shares(arguments.masks)):
            hole = evaluate_masks.free_form_hole(*picture.shape[:2], share, [arguments.seed, number, index])
            holes.append(hole.mean())
            filled = {method: fill(picture, hole) for method, fill in fillers.items()}
            for method, result in filled.items():
                measured[method].append(evaluate_scores.scores(picture, result, hole))
            if index == number % arguments.masks:
                rows.append([picture, np.where(hole[..., None] > 0, 255, picture).astype(np.uint8), *filled.values()])
        for method, of_masks in measured.items():
            for score in evaluate_scores.NAMES:
                table[method][score].append([one[score] for one in of_masks])
        print(f"eval: {name}, {number + 1} of {len(pictures)}", file=sys.stderr)
    return table, holes, rows


def report(table, holes):
    """The table as Markdown lines, and as plain data."""
    methods_ = list(table)
    ours = table[methods_[0]]
    count = np.asarray(ours["L1"]).shape
    lines = [f"{count[0]} pictures, {count[1]} holes each, {min(holes):.0%} to {max(holes):.0%} of the picture; inside the hole:", "",
             "| | L1 (0..255) | PSNR | SSIM |", "|---|---|---|---|"]
    for method in methods_:
        means = {name: np.mean(table[method][name]) for name in evaluate_scores.NAMES}
        lines.append(f"| {method} | {means['L1']:.2f} | {means['PSNR']:.2f} dB | {means['SSIM']:.4f} |")
    lines += ["", "Better by (95 % interval over pairs of picture and hole; over pictures):", "",
              "| than | L1 | PSNR, dB | SSIM |", "|---|---|---|---|"]
    gains = {}
    for method in methods_[1:]:
        cells = []
        for name in evaluate_scores.NAMES:
            mean, pairs, whole = evaluate_scores.gain_intervals(name, ours[name], table[method][name])
            digits = 4 if name == "SSIM" else 2
            cells.append(f"{mean:+.{digits}f} ({pairs[0]:+.{digits}f} to {pairs[1]:+.{digits}f}; "
                         f"{whole[0]:+.{digits}f} to {whole[1]:+.{digits}f})")
            gains.setdefault(method, {})[name] = {"mean": mean, "pairs": pairs, "pictures": whole}
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return lines, {"gains": gains, "scores": table}


def main():
    arguments = parse_arguments()
    pictures = read_pictures(arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    fillers = methods(arguments)
    table, holes, rows = measure(arguments, pictures, fillers)
    lines, data = report(table, holes)
    print("\n".join(lines))
    (arguments.out / "table.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (arguments.out / "scores.json").write_text(json.dumps(data, indent=1), encoding="utf-8")
    sheet = arguments.out / "sheet.png"
    evaluate_sheet.write(sheet, ["true", "hole", *fillers], rows)
    print(f"\nsheet: {sheet}")


if __name__ == "__main__":
    main()
