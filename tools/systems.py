#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the table of systems in README.md: every row's command, and where a reference is there, how far the result is from it.

  tools/systems.py PROGRAM

Weights and inputs are made in build/systems from the checkpoints in tests/fixtures (narrow networks with random weights: pictures
made with them mean nothing, numbers do). Standard library only.
"""
import argparse
import array
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent
FOLDER = pathlib.Path("build/systems")
# weights in build/systems, checkpoint, model
WEIGHTS = [
    ("deepfill2", "deepfill2/cnum8", "deepfill2"),
    ("shape", "sketchfill/shape_generator", "sketchfill_shape"),
    ("shape_discriminator", "sketchfill/shape_discriminator", "sketchfill_shape_discriminator"),
    ("appearance", "sketchfill/appearance_generator", "sketchfill_appearance"),
    ("appearance_discriminator", "sketchfill/appearance_discriminator", "sketchfill_appearance_discriminator"),
    ("gn", "guidenet/gn", "guidenet"),
    ("gns", "guidenet/gns", "guidenet"),
    ("steerable", "dfn/steerable", "dfn_steerable"),
    ("video", "dfn/video", "dfn_video"),
    ("spatio_temporal", "spatio_temporal/net", "spatio_temporal"),
]
# Inputs that are made here, and the fixture they are from.
MADE_FROM = {
    f"{FOLDER}/guided_input.safetensors": "tests/fixtures/deepfill2/cnum8_forward.safetensors",
    f"{FOLDER}/video_input.safetensors": "tests/fixtures/dfn/video_forward.safetensors",
}
BOUND = 7e-4  # of the largest value; tests/models/networks_test.cpp has each network's own
ROW = re.compile(r"^\| .* \| `([a-z0-9_]+)` \| `(build/bin/sluice [^`]*)` \|$")


def read_tensors(path):
    data = pathlib.Path(path).read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    return {name: (entry, data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]])
            for name, entry in header.items()}


def write_tensors(path, tensors):
    header, blobs, at = {}, [], 0
    for name, (entry, data) in tensors.items():
        header[name] = {"dtype": entry["dtype"], "shape": entry["shape"], "data_offsets": [at, at + len(data)]}
        blobs.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(len(text).to_bytes(8, "little") + text + b"".join(blobs))


def floats(tensor):
    values = array.array("f")
    values.frombytes(tensor[1])
    return values


def run(program, command, environment):
    words = shlex.split(command)
    words[0] = str(program)
    done = subprocess.run(words, cwd=SOURCE, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command}\nexit code {done.returncode}\n{done.stderr}")


def add_edge_channel(tensors):
    """The guided network from the free one: the first layer gets a fourth input channel, for the edges, of weight 0."""
    for part in ("feature", "gate"):
        entry, data = tensors[f"conv1.{part}_weight"]
        out, inputs, high, wide = entry["shape"]
        plane = 4 * high * wide
        pieces = [data[o * inputs * plane:(o + 1) * inputs * plane] for o in range(out)]
        joined = b"".join(piece[:3 * plane] + bytes(plane) + piece[3 * plane:] for piece in pieces)
        tensors[f"conv1.{part}_weight"] = ({"dtype": "F32", "shape": [out, inputs + 1, high, wide]}, joined)
    return tensors


def prepare(program, environment):
    folder = SOURCE / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, checkpoint, model in WEIGHTS:
        run(program, f"sluice convert tests/fixtures/{checkpoint}.safetensors --model {model} -o {FOLDER}/{name}.safetensors", environment)
    write_tensors(folder / "deepfill2_guided.safetensors", add_edge_channel(read_tensors(folder / "deepfill2.safetensors")))
    pictures = read_tensors(SOURCE / "tests/fixtures/deepfill2/cnum8_forward.safetensors")
    entry, data = pictures["in.mask"]
    write_tensors(folder / "guided_input.safetensors",
                  {"image": pictures["in.image"], "mask": (entry, data), "edge": (entry, data)})
    video = read_tensors(SOURCE / "tests/fixtures/dfn/video_forward.safetensors")
    write_tensors(folder / "video_input.safetensors", {"frames": video["in.frames"]})


def distance(command):
    """Largest difference from the fixture whose inputs the command read, in units of the largest value; None without one."""
    words = shlex.split(command)
    if "--input" not in words or "--output" not in words:
        return None
    source = words[words.index("--input") + 1]
    reference = read_tensors(SOURCE / MADE_FROM.get(source, source))
    made = read_tensors(SOURCE / words[words.index("--output") + 1])
    worst = 0.0
    for name, tensor in made.items():
        expected = floats(reference["out." + {"filled": "complete"}.get(name, name)])
        largest = max(map(abs, expected))
        worst = max(worst, max(abs(a - b) for a, b in zip(floats(tensor), expected)) / largest)
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    program = parser.parse_args().program.resolve()
    environment = dict(os.environ, SLUICE_MODELS=str(SOURCE / "models"))
    rows = [match.groups() for line in (SOURCE / "README.md").read_text().splitlines() if (match := ROW.match(line))]
    prepare(program, environment)
    failed = 0
    for model, command in rows:
        run(program, command, environment)
        worst = distance(command)
        failed += worst is not None and not worst <= BOUND
        print(f"{model:36}" + ("ran" if worst is None else f"differs by {worst:.1e}") + f"   {command}")
    print(f"{len(rows)} systems, {failed} too far from the reference")
    missing = {path.stem for path in (SOURCE / "models").glob("*.graph")} - {model for model, _ in rows}
    if missing:
        print("not in the table: " + " ".join(sorted(missing)))
    sys.exit(failed != 0 or bool(missing))


if __name__ == "__main__":
    main()
