# SPDX-License-Identifier: Apache-2.0
"""A graph of one layer with hand-made weights, run and differentiated by the program, against plain loops.

Needs SLUICE_BINARY and SLUICE_SOURCE_DIR in the environment.
"""
import os
import pathlib
import random
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(os.environ["SLUICE_SOURCE_DIR"]) / "tests/apps"))
import cli_support as cli  # noqa: E402

INPUTS, OUTPUTS, SIDE = 3, 5, 3
HEIGHT, WIDTH = 7, 11
GRAPH = f"""model one
input x [n {INPUTS} h w]
conv2d layer from x kernel={SIDE} channels={OUTPUTS} padding=same activation=none
output y from layer [n {OUTPUTS} h w]
"""


def integers(count, seed):
    """Small enough that every sum is exact."""
    source = random.Random(seed)
    return [float(source.randint(-4, 4)) for _ in range(count)]


X = integers(INPUTS * HEIGHT * WIDTH, 1)
WEIGHT = integers(OUTPUTS * INPUTS * SIDE * SIDE, 2)
BIAS = integers(OUTPUTS, 3)
UPSTREAM = integers(OUTPUTS * HEIGHT * WIDTH, 4)


def products():
    """(output, weight, input) positions of every product of the convolution, zero padding of one sample."""
    for o in range(OUTPUTS):
        for y in range(HEIGHT):
            for x in range(WIDTH):
                for i in range(INPUTS):
                    for ky in range(SIDE):
                        for kx in range(SIDE):
                            from_y, from_x = y + ky - 1, x + kx - 1
                            if 0 <= from_y < HEIGHT and 0 <= from_x < WIDTH:
                                yield ((o * HEIGHT + y) * WIDTH + x, ((o * INPUTS + i) * SIDE + ky) * SIDE + kx,
                                       (i * HEIGHT + from_y) * WIDTH + from_x)


class OneLayerTest(cli.CliTestCase):
    def setUp(self):
        super().setUp()
        self.graph = self.write_text("one.graph", GRAPH)
        self.weights, self.input, self.out = (self.path(f"{name}.safetensors") for name in ("weights", "in", "out"))
        self.write_weights()
        cli.write_safetensors(self.input, {"x": cli.floats([1, INPUTS, HEIGHT, WIDTH], X)})

    def write_weights(self, **more):
        tensors = {"layer.weight": cli.floats([OUTPUTS, INPUTS, SIDE, SIDE], WEIGHT), "layer.bias": cli.floats([OUTPUTS], BIAS)}
        tensors |= more
        cli.write_safetensors(self.weights, {name: tensor for name, tensor in tensors.items() if tensor})

    def arguments(self, command):
        return [command, self.graph, "--weights", self.weights, "--input", self.input, "--output", self.out]

    def run_fails(self, code, says):
        self.fail_with(code, *self.arguments("run"), says=says, out="out.safetensors")

    def test_forward(self):
        expected = [BIAS[at // (HEIGHT * WIDTH)] for at in range(OUTPUTS * HEIGHT * WIDTH)]
        for output, weight, source in products():
            expected[output] += WEIGHT[weight] * X[source]
        for threads in (1, 2):
            self.succeed(*self.arguments("run"), "--threads", threads)
            tensors, _ = cli.read_safetensors(self.out)
            self.assertEqual(tensors["y"][1], [1, OUTPUTS, HEIGHT, WIDTH])
            self.assertEqual(cli.values(tensors["y"]), expected)

    def test_gradients(self):
        gradients = self.path("g.safetensors")
        cli.write_safetensors(gradients, {"y": cli.floats([1, OUTPUTS, HEIGHT, WIDTH], UPSTREAM)})
        grad_x, grad_weight, grad_bias = [0.0] * len(X), [0.0] * len(WEIGHT), [0.0] * OUTPUTS
        for output, weight, source in products():
            grad_x[source] += WEIGHT[weight] * UPSTREAM[output]
            grad_weight[weight] += X[source] * UPSTREAM[output]
        for at, value in enumerate(UPSTREAM):
            grad_bias[at // (HEIGHT * WIDTH)] += value
        self.succeed(*self.arguments("grad"), "--grad-output", gradients)
        tensors, _ = cli.read_safetensors(self.out)
        self.assertEqual(tensors["layer.weight"][1], [OUTPUTS, INPUTS, SIDE, SIDE])
        self.assertEqual({name: cli.values(tensor) for name, tensor in tensors.items()},
                         {"x": grad_x, "layer.weight": grad_weight, "layer.bias": grad_bias})

    def test_keep_by_node_name(self):
        self.succeed(*self.arguments("run"), "--keep", "layer")
        tensors, _ = cli.read_safetensors(self.out)
        self.assertEqual(tensors["layer"], tensors["y"])

    def test_bad_weights(self):
        self.write_weights(**{"layer.bias": None})
        self.run_fails(4, "layer.bias")
        self.write_weights(**{"layer.bias": cli.floats([OUTPUTS + 1], [0] * (OUTPUTS + 1))})
        self.run_fails(4, ["layer.bias", "[5]", "[6]"])
        self.write_weights(**{"layer.scale": cli.floats([1], [0])})
        self.run_fails(4, "layer.scale")
        self.weights.unlink()
        self.run_fails(3, "weights.safetensors")
        self.fail_with(4, "run", self.graph, "--input", self.input, "--output", self.out, says="layer.weight", out="out.safetensors")

    def test_inspect_without_weights(self):
        result = self.succeed("inspect", self.graph, "--size", f"{HEIGHT}x{WIDTH}")
        self.assertRegex(result.stdout, rf"layer +conv2d +\[1, {OUTPUTS}, {HEIGHT}, {WIDTH}\] +{len(WEIGHT) + OUTPUTS} ")


if __name__ == "__main__":
    unittest.main()
