# SPDX-License-Identifier: Apache-2.0
"""The command line: what inspect says of graphs, and the gates it draws.

Needs SLUICE_BINARY and SLUICE_SOURCE_DIR in the environment.
"""
import json
import math
import pathlib
import random
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cli_support as cli  # noqa: E402

WIDTH, HEIGHT = 96, 64
WEIGHTS = cli.SOURCE / "models" / "deepfill2.safetensors"
SKETCH_GRAPH = cli.SOURCE / "tests" / "fixtures" / "gates" / "sketch.graph"

# Inputs of every rank; the fourth leaves its frames open.
RANKS = """model ranks multiple=8
input label [n] range=0,3
input vector [n 3] value=1
input picture [n 3 h w]
input clip [n 2 t h w]
embedding a from label classes=4 width=3
activation b from vector activation=relu
activation c from picture activation=relu
activation d from clip activation=relu
if {mode}=train activation e from c activation=relu
output a
output b
output c
output d
"""


def scaled(picture, width, height):
    """The nearest pixels."""
    samples = []
    for y in range(height):
        for x in range(width):
            samples += picture.pixel(x * picture.width // width, y * picture.height // height)
    return cli.Picture(width, height, picture.channels, picture.bits, samples)


class GraphTest(cli.CliTestCase):
    def inspect(self, *arguments):
        return json.loads(self.succeed("inspect", *arguments, "--json").stdout)

    def lines(self, *arguments):
        return self.succeed("inspect", *arguments).stdout.splitlines()

    def test_multiply_adds_are_the_weights_times_the_pixels(self):
        graph = self.inspect("deepfill2", "--size", "64x48", "--weights", WEIGHTS)
        tensors, _ = cli.read_safetensors(WEIGHTS)
        counted = 0
        for node in graph["nodes"]:
            weights = sum(math.prod(shape) for name, (_, shape, _) in tensors.items()
                          if name.startswith(node["name"] + ".") and name.endswith("weight"))
            if weights:
                n, _, h, w = node["outputs"][node["name"]]
                self.assertEqual(node["macs"], weights * n * h * w, node["name"])
                counted += 1
        self.assertEqual(counted, len({name.rpartition(".")[0] for name in tensors}))
        self.assertEqual(graph["macs"], sum(node["macs"] for node in graph["nodes"]))
        self.assertEqual(graph["parameter_count"], sum(math.prod(shape) for _, shape, _ in tensors.values()))
        self.assertEqual(graph["packed_bytes"], sum(node["packed_bytes"] for node in graph["nodes"]))
        twice = self.inspect("deepfill2", "--size", "128x48", "--weights", WEIGHTS)
        self.assertEqual(next(node for node in twice["nodes"] if node["name"] == "conv1")["macs"],
                         2 * next(node for node in graph["nodes"] if node["name"] == "conv1")["macs"])

    def test_the_table_is_aligned_and_ends_with_the_totals(self):
        graph, lines = self.inspect("deepfill2", "--size", "64x48"), self.lines("deepfill2", "--size", "64x48")
        header = next(i for i, line in enumerate(lines) if line.startswith("node "))
        rows = lines[header:header + 1 + len(graph["nodes"])]
        self.assertEqual(len({len(row) for row in rows}), 1)
        operation = rows[0].index("op ")
        for row, node in zip(rows[1:], graph["nodes"]):
            self.assertTrue(row.startswith(node["name"] + " "), row)
            self.assertTrue(row[operation:].startswith(node["op"] + " "), row)
            self.assertEqual(row.split()[-1], str(node["packed_bytes"]))
            self.assertEqual(row.split()[-2], f"{node['macs'] / 1e6:.3f}")
        self.assertEqual(len(lines), header + 2 + len(graph["nodes"]))
        self.assertEqual(lines[-1], f"{graph['parameter_count']} parameters, {graph['macs'] / 1e9:.3f} G MACs, {graph['packed_bytes']} "
                         f"bytes of packed weights, planned peak at 64 x 48: {graph['planned_peak_bytes']} bytes of tensors")

    def test_inputs_of_every_rank(self):
        file = self.write_text("ranks.graph", RANKS)
        graph = self.inspect(file, "--size", "17x9", "--frames", "5")
        self.assertEqual(graph["inputs"], {"label": [1], "vector": [1, 3], "picture": [1, 3, 24, 16], "clip": [1, 2, 5, 17, 9]})
        self.assertEqual(graph["outputs"]["d"], [1, 2, 5, 17, 9])
        self.assertEqual(self.inspect(file)["inputs"]["clip"], [1, 2, 8, 512, 512])
        for frames in ("0", "-1", "many"):
            self.fail_with(2, "inspect", file, "--frames", frames)

    def test_a_size_that_the_graph_states_stays(self):
        file = self.write_text("fixed.graph", "model m\ninput x [n 3 20 30]\nactivation y from x activation=relu\noutput y\n")
        self.assertEqual(self.inspect(file, "--size", "64x64"), self.inspect(file))
        self.assertEqual(self.inspect(file)["outputs"]["y"], [1, 3, 20, 30])
        self.assertIn("planned peak at 20 x 30: ", self.lines(file)[-1])
        file = self.write_text("vector.graph", "model m\ninput x [n 3]\nactivation y from x activation=relu\noutput y\n")
        self.assertIn("planned peak: ", self.lines(file)[-1])

    def test_mode(self):
        file = self.write_text("ranks.graph", RANKS)
        for mode, last in (("eval", "d"), ("train", "e")):
            graph = self.inspect(file, "--mode", mode)
            self.assertEqual((graph["mode"], graph["nodes"][-1]["name"]), (mode, last))
        self.fail_with(2, "inspect", file, "--mode", "sideways")

    def test_one_forward_kernel_a_layer(self):
        graph = self.inspect("deepfill2", "--kernels")
        tensors, _ = cli.read_safetensors(WEIGHTS)
        gated = 0
        for node in graph["nodes"]:
            kernels = node["kernels"]
            if not kernels:
                self.assertEqual(node["op"], "concat")
                continue
            self.assertEqual([kernel.split("_cpu")[0] for kernel in kernels],
                             [f"sluice_{node['op']}_{direction}" for direction in ("forward", "pack")[:len(kernels)]])
            gated += node["name"] + ".gate_weight" in tensors
        self.assertEqual(gated, sum(name.endswith(".gate_weight") for name in tensors))
        text = self.lines("deepfill2", "--kernels")
        self.assertEqual(sum("_forward_" in line for line in text), sum(bool(node["kernels"]) for node in graph["nodes"]))

    def test_kernels_of_a_device(self):
        if not pathlib.Path(cli.BINARY).with_name("sluice_cuda.so").exists():
            self.skipTest("this build has no module for CUDA")
        graph = self.inspect("deepfill2", "--kernels", "--device", "cuda")
        for node in graph["nodes"]:
            forward = [kernel for kernel in node["kernels"] if "_forward_" in kernel]
            self.assertEqual(["_cuda" in kernel for kernel in forward], [False, True] if forward else [])
        devices = [kernel["device"] for kernel in graph["library"]["kernels"]]
        self.assertEqual(set(devices), {"cpu", "cuda"})
        self.assertEqual(self.inspect("deepfill2", "--kernels")["library"]["kernels"],
                         [kernel for kernel in graph["library"]["kernels"] if kernel["device"] == "cpu"])
        self.fail_with(2, "inspect", "deepfill2", "--device", "cuda")
        self.assertIn("device abacus", self.fail_with(3, "inspect", "deepfill2", "--kernels", "--device", "abacus"))


class GateMapTest(cli.CliTestCase):
    """The shipped model on the demo picture, made small."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.inputs = pathlib.Path(folder.name)
        whole = cls.inputs / "whole.png"
        cli.write_png(cls.inputs / "nothing.png", cli.mask_of(768, 512, lambda x, y: False))
        for source, small in (("photo.jpg", "image.png"), ("mask.png", "mask.png")):
            # Without a hole the program only turns one kind of picture file into another.
            result = cli.run("inpaint", cli.SOURCE / "docs" / "demo" / source, cls.inputs / "nothing.png", "-o", whole, "--quiet")
            assert result.returncode == 0, result.stderr
            cli.write_png(cls.inputs / small, scaled(cli.read_png(whole), WIDTH, HEIGHT))
        cls.image, cls.mask = cls.inputs / "image.png", cls.inputs / "mask.png"

    def gates(self, *more):
        return self.succeed("inspect", "deepfill2", "--gates", self.image, self.mask, *more)

    def test_json_and_picture(self):
        out = self.path("gates.png")
        item = json.loads(self.gates("-o", out, "--json").stdout)
        tensors, _ = cli.read_safetensors(WEIGHTS)
        graph = json.loads(self.succeed("inspect", "deepfill2", "--json").stdout)
        self.assertEqual([gate["node"] for gate in item["gates"]],
                         [node["name"] for node in graph["nodes"] if node["name"] + ".gate_weight" in tensors])
        self.assertEqual((item["model"], item["width"], item["height"], item["output"]), ("deepfill2", WIDTH, HEIGHT, str(out)))
        sheet = cli.read_png(out)
        self.assertEqual((sheet.channels, sheet.bits), (1, 8))
        # The first tile has the size of its gate and lies under its name.
        first = item["gates"][0]
        self.assertEqual((first["node"], first["shape"]), ("conv1", [1, 12, HEIGHT, WIDTH]))
        tile = [sheet.pixel(6 + x, 20 + y)[0] for y in range(HEIGHT) for x in range(WIDTH)]
        self.assertAlmostEqual(sum(tile) / len(tile) / 255, first["openness"], delta=0.003)
        self.assertGreater(len(set(tile)), 20)
        self.assertGreater(sum(sheet.pixel(6 + x, 6 + y)[0] == 0 for y in range(8) for x in range(80)), 100)
        for gate in item["gates"]:
            self.assertTrue(0 < gate["openness"] < 1, gate)

    def test_text(self):
        lines = self.gates().stdout.splitlines()
        self.assertEqual(lines[0].split(), ["layer", "op", "gate", "openness"])
        self.assertRegex(lines[1], r"^conv1 +\w+ +\[1, 12, 64, 96\] +0\.\d{4}$")
        self.assertEqual(self.gates("--weights", WEIGHTS).stdout.splitlines(), lines)

    def test_the_mask_moves_the_gates(self):
        before = json.loads(self.gates("--json").stdout)["gates"][0]["openness"]
        cli.write_png(self.path("mask.png"), cli.mask_of(WIDTH, HEIGHT, lambda x, y: x > 3))
        self.mask = self.path("mask.png")
        self.assertNotEqual(json.loads(self.gates("--json").stdout)["gates"][0]["openness"], before)

    def test_errors(self):
        gates = ("--gates", self.image, self.mask)
        plain = self.write_text("plain.graph", "model plain\ninput image [n 3 h w]\ninput mask [n 1 h w]\n"
                                "activation y from image activation=relu\noutput y\n")
        cli.write_safetensors(self.path("plain.safetensors"), {})
        self.fail_with(2, "inspect", plain, *gates, says="no gated layer")
        self.fail_with(2, "inspect", *gates, says="GRAPH")
        self.fail_with(2, "inspect", WEIGHTS, *gates, says="GRAPH")
        self.fail_with(2, "inspect", "deepfill2", "--gates", self.image)
        self.fail_with(2, "inspect", "deepfill2", *gates, "--gate-table")
        self.fail_with(2, "inspect", "deepfill2", *gates, "-o", self.path("out.gif"), says="out.gif")
        self.fail_with(1, "inspect", "deepfill2", *gates, "-o", self.path("nowhere/out.png"), says="nowhere")
        self.fail_with(2, "inspect", "deepfill2", "-o", self.path("out.png"), says="--gates")
        self.fail_with(3, "inspect", "nonsense", *gates)
        self.fail_with(3, "inspect", "deepfill2", *gates, "--weights", self.path("none.safetensors"))
        cli.write_png(self.path("mask.png"), cli.mask_of(WIDTH, HEIGHT + 1, lambda x, y: False))
        self.fail_with(1, "inspect", "deepfill2", "--gates", self.image, self.path("mask.png"), says="96 x 65")


class GateTableTest(cli.CliTestCase):
    def setUp(self):
        super().setUp()
        source = random.Random(1)
        draw = lambda *shape: cli.floats(shape, [source.uniform(-1.5, 1.5) for _ in range(math.prod(shape))])  # noqa: E731
        self.tensors = {"scales.weight": draw(3, 4), "shifts.weight": draw(3, 4), "start.weight": draw(2, 1, 1, 1), "start.bias": draw(2)}
        for block in ("main.0", "main.1"):
            self.tensors |= {block + ".branch.weight": draw(2, 2, 3, 3), block + ".branch.bias": draw(2)}
        self.weights = self.path("sketch.safetensors")
        cli.write_safetensors(self.weights, self.tensors, {"classes": "ant,bee,cat"})

    def table(self, *more):
        return self.succeed("inspect", SKETCH_GRAPH, "--gate-table", "--weights", self.weights, *more)

    def expected(self, block, gate, k, c):
        value = cli.values(self.tensors["scales.weight" if gate == "alpha" else "shifts.weight"])[4 * k + 2 * block + c]
        return 1 / (1 + math.exp(-value)) if gate == "alpha" else min(max(value, -1), 1)

    def test_json(self):
        item = json.loads(self.table("--json").stdout)
        self.assertEqual(item["classes"], [{"label": k, "name": name} for k, name in enumerate(("ant", "bee", "cat"))])
        self.assertEqual([(gate["node"], gate["gate"], gate["channels"]) for gate in item["gates"]],
                         [(f"main.{block}", gate, 2) for block in (0, 1) for gate in ("alpha", "beta")])
        for i, gate in enumerate(item["gates"]):
            for k in range(3):
                values = [self.expected(i // 2, gate["gate"], k, c) for c in range(2)]
                for value, wanted in zip(gate["values"][k], values):
                    self.assertAlmostEqual(value, wanted, places=6)
                self.assertAlmostEqual(gate["mean"][k], sum(values) / 2, places=6)

    def test_text(self):
        lines = [line.split() for line in self.table().stdout.splitlines()]
        self.assertEqual(lines[0], ["block", "gate", "ant", "bee", "cat"])
        self.assertEqual([line[:2] for line in lines[1:]], [[f"main.{i}", gate] for i in (0, 1) for gate in ("alpha", "beta")])
        for i, line in enumerate(lines[1:]):
            for k in range(3):
                self.assertAlmostEqual(float(line[2 + k]), sum(self.expected(i // 2, line[1], k, c) for c in (0, 1)) / 2, delta=1e-4)

    def test_picture(self):
        out = self.path("table.png")
        item = json.loads(self.table("--json", "-o", out).stdout)
        self.assertEqual(item["output"], str(out))
        picture = cli.read_png(out)
        left, header, row, cell = 52, 20, 16, 24  # two channels under a name of six letters
        self.assertEqual((picture.width, picture.height), (left + 2 * (2 * cell + 6), 2 * (header + 3 * row + 6)))
        for panel, gate in enumerate(("alpha", "beta")):
            top = panel * (header + 3 * row + 6) + header
            for block in range(2):
                for k in range(3):
                    for c in range(2):
                        grey = picture.pixel(left + block * (2 * cell + 6) + c * cell + 12, top + k * row + 8)[0]
                        self.assertAlmostEqual(grey, 255 * abs(self.expected(block, gate, k, c)), delta=0.51)

    def test_classes_without_names(self):
        cli.write_safetensors(self.weights, self.tensors)
        self.assertEqual(self.table().stdout.split()[:5], ["block", "gate", "0", "1", "2"])

    def test_errors(self):
        self.fail_with(2, "inspect", "deepfill2", "--gate-table", says=["deepfill2", "label"])
        self.fail_with(3, "inspect", SKETCH_GRAPH, "--gate-table", says="--weights")
        self.fail_with(2, "inspect", SKETCH_GRAPH, "--gate-table", "--weights", self.weights, "-o", self.path("out.gif"), says="out.gif")
        text = SKETCH_GRAPH.read_text().replace("{from},{name}.a,{name}.b", "{from},half")
        file = self.write_text("sketch.graph", text)
        self.fail_with(2, "inspect", file, "--gate-table", says="no layer has a gate")
        file = self.write_text("sketch.graph", SKETCH_GRAPH.read_text().replace(" range=0,classes-1", ""))
        self.fail_with(2, "inspect", file, "--gate-table", says="range")


if __name__ == "__main__":
    unittest.main()
