# SPDX-License-Identifier: Apache-2.0
"""The smooth fill of models/inpaint_small.graph against plain loops: means of known pixels down to a 64th, bilinear enlargement, six
sweeps of neighbours' means at each size. Needs SLUICE_BINARY and SLUICE_SOURCE_DIR in the environment."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cli_support as cli  # noqa: E402

SIZE, LEVELS, SWEEPS = 64, 6, 6


def smaller(plane, known):
    """Means of the known ones of every four, and whether there was any."""
    half = len(plane) // 2
    out, out_known = [[0.0] * half for _ in range(half)], [[False] * half for _ in range(half)]
    for y in range(half):
        for x in range(half):
            four = [(2 * y + j, 2 * x + i) for j in (0, 1) for i in (0, 1) if known[2 * y + j][2 * x + i]]
            out_known[y][x] = bool(four)
            out[y][x] = sum(plane[j][i] for j, i in four) / len(four) if four else 0.0
    return out, out_known


def larger(plane):
    """Twice the size, bilinear, between centres of pixels."""
    size = len(plane)

    def place(i):
        at = max((i + 0.5) / 2 - 0.5, 0)
        low = int(at)
        return low, min(low + 1, size - 1), at - low

    out = []
    for y in range(2 * size):
        top, bottom, v = place(y)
        row = []
        for x in range(2 * size):
            left, right, u = place(x)
            row.append((1 - v) * ((1 - u) * plane[top][left] + u * plane[top][right])
                       + v * ((1 - u) * plane[bottom][left] + u * plane[bottom][right]))
        out.append(row)
    return out


def paste(known_values, known, fill):
    return [[k if is_known else f for k, is_known, f in zip(*rows)] for rows in zip(known_values, known, fill)]


def sweep(known_values, known, fill):
    last = len(fill) - 1

    def mean(y, x):
        near = [fill[min(max(y + j, 0), last)][min(max(x + i, 0), last)] for j in (-1, 0, 1) for i in (-1, 0, 1)]
        return sum(near) / 9

    return paste(known_values, known, [[mean(y, x) for x in range(last + 1)] for y in range(last + 1)])


def smooth_fill(plane, known):
    levels = [(plane, known)]
    for _ in range(LEVELS):
        levels.append(smaller(*levels[-1]))
    fill = levels[-1][0]
    for level in range(LEVELS, -1, -1):
        if level < LEVELS:
            fill = paste(*levels[level], larger(fill))
        for _ in range(SWEEPS):
            fill = sweep(*levels[level], fill)
    return fill


class SmoothFillTest(cli.CliTestCase):
    def weights_that_are_means(self):
        tensors, metadata = cli.read_safetensors(cli.SOURCE / "models/inpaint_small.safetensors")
        weight = [0.25 if o == i else 0.0 for o in range(3) for i in range(3) for _ in range(4)]
        tensors["mean.weight"] = cli.floats([3, 3, 2, 2], weight)
        plain = {key: value for key, value in metadata.items() if not key.startswith("crc32.")}
        cli.write_safetensors(self.path("means.safetensors"), tensors, plain)
        return self.path("means.safetensors")

    def fill(self, image, hole):
        cli.write_safetensors(self.path("in.safetensors"), {"image": cli.floats([1, 3, SIZE, SIZE], image),
                                                            "mask": cli.floats([1, 1, SIZE, SIZE], hole)})
        self.succeed("run", "inpaint_small", "--weights", self.weights_that_are_means(), "--input", self.path("in.safetensors"),
                     "--output", self.path("out.safetensors"), "--keep", "fill0_6")
        tensors, _ = cli.read_safetensors(self.path("out.safetensors"))
        return list(cli.values(tensors["fill0_6"]))

    def test_is_that_of_plain_loops(self):
        samples = [float(sample) for sample in cli.noise(SIZE, SIZE).samples]
        hole = [float((20 <= y < 55 and 8 <= x < 40) or (x - 50) ** 2 + (y - 12) ** 2 < 90) for y in range(SIZE) for x in range(SIZE)]
        known = [[hole[y * SIZE + x] == 0 for x in range(SIZE)] for y in range(SIZE)]
        made = self.fill(samples, hole)
        for c in range(3):
            plane = samples[c * SIZE * SIZE:(c + 1) * SIZE * SIZE]
            rows = [[plane[y * SIZE + x] / 127.5 - 1 if known[y][x] else 0.0 for x in range(SIZE)] for y in range(SIZE)]
            expected = [value for row in smooth_fill(rows, known) for value in row]
            worst = max(abs(a - b) for a, b in zip(expected, made[c * SIZE * SIZE:(c + 1) * SIZE * SIZE]))
            self.assertLess(worst, 1e-5)

    def test_keeps_a_colour(self):
        hole = [float(16 <= y < 60 and 4 <= x < 60) for y in range(SIZE) for x in range(SIZE)]
        made = self.fill([51.0] * (3 * SIZE * SIZE), hole)
        self.assertLess(max(abs(value - (51 / 127.5 - 1)) for value in made), 1e-5)


if __name__ == "__main__":
    unittest.main()
