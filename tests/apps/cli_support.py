# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command line share: running it, small PNG and safetensors files. Standard library only."""
import array
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

BINARY = os.environ["SLUICE_BINARY"]
SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE_DIR"])
TORCH_CHECKPOINT = SOURCE / "tests/fixtures/deepfill2/cnum8.safetensors"
TENSORFLOW_CHECKPOINT = SOURCE / "tests/fixtures/deepfill2/cnum8.tf_names.safetensors"
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # of PNG, by channels
sys.path.insert(0, str(SOURCE / "tools"))
from png_pixels import Picture, read_png  # noqa: E402, F401 (tests read pictures through this module)


def write_pnm(path, picture, channels):
    """A binary PGM or PPM file of the first channels."""
    kept = [picture.samples[i + c] for i in range(0, len(picture.samples), picture.channels) for c in range(channels)]
    header = f"P{'6' if channels == 3 else '5'}\n{picture.width} {picture.height}\n255\n"
    path.write_bytes(header.encode() + bytes(kept))


def noise(width, height, channels=3, bits=8, seed=1):
    source = random.Random(seed)
    return Picture(width, height, channels, bits, [source.randrange(1 << bits) for _ in range(width * height * channels)])


def mask_of(width, height, is_hole):
    return Picture(width, height, 1, 8, [255 if is_hole(x, y) else 0 for y in range(height) for x in range(width)])


def write_png(path, picture):
    row = picture.width * picture.channels
    data = b"".join(b"\0" + struct.pack(f">{row}{'H' if picture.bits == 16 else 'B'}", *picture.samples[y * row:(y + 1) * row])
                    for y in range(picture.height))
    header = struct.pack(">IIBBBBB", picture.width, picture.height, picture.bits, COLOUR_TYPES[picture.channels], 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    file = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks)
    pathlib.Path(path).write_bytes(file)


def write_safetensors(path, tensors, metadata=None):
    """tensors: name -> (dtype, shape, bytes)."""
    header, payload = {}, b""
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(payload), len(payload) + len(data)]}
        payload += data
    if metadata:
        header["__metadata__"] = metadata
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + payload)


def read_safetensors(path):
    file = pathlib.Path(path).read_bytes()
    end = 8 + struct.unpack("<Q", file[:8])[0]
    header = json.loads(file[8:end])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        tensors[name] = (entry["dtype"], entry["shape"], file[end + first:end + last])
    return tensors, metadata


def floats(shape, values):
    return ("F32", shape, array.array("f", values).tobytes())


def values(tensor):
    return list(array.array("f", tensor[2]))


def run(*arguments, **environment):
    """Models by name are those of the source, wherever the binary was built."""
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300,
                          env=os.environ | {"SLUICE_MODELS": str(SOURCE / "models")} | environment)


class CliTestCase(unittest.TestCase):
    """A temporary folder each, and the checks that hold for every call."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def path(self, name):
        return self.folder / name

    def write_text(self, name, text):
        self.path(name).write_text(text)
        return self.path(name)

    def succeed(self, *arguments, **environment):
        result = run(*arguments, **environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def fail_with(self, code, *arguments, says=(), out="out.png", **environment):
        """One line on stderr, nothing on stdout, no output file, nothing temporary."""
        before = set(self.folder.iterdir())
        result = run(*arguments, **environment)
        self.assertEqual(result.returncode, code, result.stderr)
        lines = result.stderr.splitlines()
        self.assertEqual(len(lines), 1, result.stderr)
        self.assertTrue(lines[0].startswith("sluice: "), result.stderr)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, lines[0])
        self.assertEqual(result.stdout, "")
        self.assertFalse(self.path(out).exists())
        self.assertEqual(set(self.folder.iterdir()), before)
        return lines[0]
