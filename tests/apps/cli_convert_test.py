# SPDX-License-Identifier: Apache-2.0
"""sluice convert: checkpoints of every container in, files for PyTorch out, and what is refused.

Needs SLUICE_BINARY and SLUICE_SOURCE_DIR in the environment.
"""
import json
import pathlib
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cli_support as cli  # noqa: E402

FIXTURES = cli.SOURCE / "tests/fixtures/deepfill2"
# File: container, dialect of its names.
CHECKPOINTS = {
    "cnum8.zip.pth": ("torch zip", "torch"),
    "cnum8.legacy.pth": ("torch legacy stream", "torch"),
    "cnum8.safetensors": ("safetensors", "torch"),
    "cnum8.tf_names.safetensors": ("safetensors", "tensorflow"),
    "cnum8.ckpt.index": ("TensorFlow V2 bundle", "tensorflow"),
    "cnum8.ckpt.data-00000-of-00001": ("TensorFlow V2 bundle", "tensorflow"),
    "cnum8.ckpt": ("TensorFlow V2 bundle", "tensorflow"),  # the prefix of the two
}


class ConvertTestCase(cli.CliTestCase):
    def convert(self, source, out, *more):
        result = self.succeed("convert", source, "-o", self.path(out), "--model", "deepfill2", "--json", *more)
        return json.loads(result.stdout)

    def convert_fails(self, code, source, *more, says=()):
        return self.fail_with(code, "convert", source, "-o", self.path("out"), *more, says=says, out="out")


class ContainersTest(ConvertTestCase):
    def test_every_container_gives_the_same_weights(self):
        expected = None
        for file, (container, dialect) in CHECKPOINTS.items():
            with self.subTest(file=file):
                report = self.convert(FIXTURES / file, f"{file}.out")
                self.assertEqual((report["format"], report["dialect"], report["known"]), (container, dialect, None))
                self.assertEqual((report["tensors_written"], report["parameters"]), (164, {"width": "8"}))
                tensors, metadata = cli.read_safetensors(self.path(f"{file}.out"))
                own = {key: value for key, value in metadata.items() if not key.startswith("source_")}
                self.assertEqual(metadata["source_format"], container)
                self.assertTrue(file.startswith("cnum8.ckpt") or metadata["source_file"] == file)
                self.assertEqual(("source_data_sha256" in metadata), container.startswith("TensorFlow"))
                expected = expected or (list(tensors.items()), own)
                self.assertEqual((list(tensors.items()), own), expected)  # names, order, bits, metadata

    def test_list_and_inspect_read_every_container(self):
        for file, (container, dialect) in CHECKPOINTS.items():
            with self.subTest(file=file):
                lines = self.succeed("convert", FIXTURES / file, "--list").stdout.splitlines()
                prefix = "G." if file.endswith(".pth") else "inpaint_net/" if dialect == "tensorflow" else ""
                shape = "[5, 5, 5, 8]" if dialect == "tensorflow" else "[8, 5, 5, 5]"
                name = prefix + ("conv1/kernel" if dialect == "tensorflow" else "conv1.conv.weight")
                self.assertIn(f"{name} F32 {shape}", lines)
                report = json.loads(self.succeed("inspect", FIXTURES / file, "--json").stdout)
                self.assertEqual(report["format"], container)
                self.assertIn(name, [tensor["name"] for tensor in report["tensors"]])
                self.assertEqual({tensor["non_finite"] for tensor in report["tensors"]}, {0})

    def test_a_damaged_file_is_refused(self):
        for file in ("cnum8.zip.pth", "cnum8.ckpt.data-00000-of-00001"):
            with self.subTest(file=file):
                folder = self.path(file + ".folder")
                shutil.copytree(FIXTURES, folder)
                damaged = bytearray((folder / file).read_bytes())
                damaged[len(damaged) // 2] ^= 1  # in the bytes of a tensor
                (folder / file).write_bytes(damaged)
                self.convert_fails(4, folder / file, "--model", "deepfill2", says="checksum")


class ResultTest(ConvertTestCase):
    def test_licence_and_source(self):
        self.convert(FIXTURES / "cnum8.legacy.pth", "out.safetensors", "--licence", "CC0-1.0")
        _, metadata = cli.read_safetensors(self.path("out.safetensors"))
        self.assertEqual((metadata["model"], metadata["param.width"], metadata["licence"]), ("deepfill2", "8", "CC0-1.0"))
        self.assertEqual(metadata["source_file"], "cnum8.legacy.pth")

    def test_there_and_back(self):
        self.convert(FIXTURES / "cnum8.ckpt.index", "ours.safetensors")
        report = self.convert(self.path("ours.safetensors"), "back.pth", "--to", "torch")
        self.assertEqual((report["dialect"], report["tensors_written"]), ("torch", 84))
        again = self.convert(self.path("back.pth"), "again.safetensors")
        self.assertEqual(again["format"], "torch zip")
        self.assertEqual(cli.read_safetensors(self.path("again.safetensors"))[0],
                         cli.read_safetensors(self.path("ours.safetensors"))[0])
        tensorflow = self.convert(self.path("back.pth"), "tf.pth", "--to", "torch", "--dialect", "tensorflow")
        self.assertEqual(tensorflow["dialect"], "tensorflow")

    def test_channels_turned_around(self):
        self.convert(cli.TORCH_CHECKPOINT, "plain.safetensors")
        self.convert(cli.TORCH_CHECKPOINT, "turned.safetensors", "--bgr-to-rgb")
        plain, _ = cli.read_safetensors(self.path("plain.safetensors"))
        turned, _ = cli.read_safetensors(self.path("turned.safetensors"))
        changed = {name for name in plain if plain[name] != turned[name]}
        layers = {name.split(".")[0] for name in changed}
        self.assertEqual(layers, {"conv1", "xconv1", "pmconv1", "conv17", "allconv17"})
        bias, turned_bias = cli.values(plain["conv17.bias"]), cli.values(turned["conv17.bias"])
        self.assertEqual(turned_bias, bias[::-1])

    def test_list_writes_nothing(self):
        self.succeed("convert", cli.TORCH_CHECKPOINT, "--list", "-o", self.path("out"), "--model", "deepfill2")
        self.assertFalse(self.path("out").exists())
        items = [json.loads(line) for line in self.succeed("convert", cli.TORCH_CHECKPOINT, "--list", "--json").stdout.splitlines()]
        self.assertIn({"name": "conv1.conv.weight", "dtype": "F32", "shape": [8, 5, 5, 5]}, items)


class RefusedTest(ConvertTestCase):
    def test_errors(self):
        self.convert_fails(3, self.path("none.safetensors"), "--model", "deepfill2", says="none.safetensors")
        self.convert_fails(3, cli.TORCH_CHECKPOINT, "--model", "nonsense", says="nonsense")
        self.convert_fails(2, cli.TORCH_CHECKPOINT)
        self.convert_fails(2, cli.TORCH_CHECKPOINT, "--model", "deepfill2", "--dialect", "torch", says="--to torch")
        self.convert_fails(2, cli.TORCH_CHECKPOINT, "--model", "deepfill2", "--to", "torch", "--dialect", "klingon",
                           says="klingon")

    def test_what_does_not_fit_is_listed_whole(self):
        tensors, _ = cli.read_safetensors(cli.TORCH_CHECKPOINT)
        del tensors["conv3.conv.weight"]
        tensors["conv99.conv.weight"] = cli.floats([1], [0])
        dtype, shape, data = tensors["conv4_downsample.conv.bias"]
        tensors["conv4_downsample.conv.bias"] = (dtype, [1, *shape], data)
        cli.write_safetensors(self.path("part.safetensors"), tensors)
        self.convert_fails(4, self.path("part.safetensors"), "--model", "deepfill2",
                           says=["1 missing: 'conv3.conv.weight'", "1 unexpected: 'conv99.conv.weight'", "1 misshapen"])

    def test_a_result_that_does_not_fit_the_graph_is_not_written(self):
        for file in ("deepfill2.graph", "deepfill2.names"):
            shutil.copy(cli.SOURCE / "models" / file, self.path(file))
        graph = self.path("deepfill2.graph")
        graph.write_text(graph.read_text() + "activation more from filled activation=nonsense\n", encoding="utf-8")
        self.convert_fails(3, cli.TORCH_CHECKPOINT, "--model", graph, says="more")
        self.path("kept").write_text("what was there")
        self.fail_with(3, "convert", cli.TORCH_CHECKPOINT, "-o", self.path("kept"), "--model", graph, says="more")
        self.assertEqual(self.path("kept").read_text(), "what was there")


if __name__ == "__main__":
    unittest.main()
