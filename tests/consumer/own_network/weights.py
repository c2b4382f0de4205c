#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes weights for my_net.graph, to try it out before it is trained: weights.py FILE.safetensors"""
import array
import json
import pathlib
import random
import struct
import sys

GATED = {"enter": (8, 4, 5), "down": (32, 8, 3), "deep": (32, 32, 3), "wide": (32, 32, 3), "up": (16, 32, 3)}


def shapes():
    for node, (outputs, inputs, kernel) in GATED.items():
        for half in ("feature", "gate"):
            yield f"{node}.{half}_weight", [outputs, inputs, kernel, kernel]
            yield f"{node}.{half}_bias", [outputs]
    yield from {"each.weight": [32, 1, 3, 3], "each.bias": [32], "leave.weight": [3, 16, 3, 3], "leave.bias": [3]}.items()


def main():
    source, header, payload = random.Random(2), {}, b""
    for name, shape in shapes():
        taken = shape[1] * shape[2] * shape[3] if len(shape) == 4 else 1
        count = shape[0] * taken
        values = array.array("f", (source.gauss(0, 1 / taken**0.5) for _ in range(count)))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(payload), len(payload) + 4 * count]}
        payload += values.tobytes()
    text = json.dumps(header).encode()
    pathlib.Path(sys.argv[1]).write_bytes(struct.pack("<Q", len(text)) + text + payload)


if __name__ == "__main__":
    main()
