# SPDX-License-Identifier: Apache-2.0
"""The command line: help, inpaint and inspect, and every bad input one by one. Tensors: cli_tensor_test.py, checkpoints:
cli_convert_test.py.

Needs SLUICE_BINARY and SLUICE_SOURCE_DIR in the environment.
"""
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cli_support as cli  # noqa: E402

WIDTH, HEIGHT = 37, 53


def in_hole(x, y):
    return 9 <= x < 25 and 6 <= y < 31


class ModelTestCase(cli.CliTestCase):
    """With a narrow model of the shipped kind, converted once."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.models = pathlib.Path(folder.name)
        cls.weights = cls.models / "deepfill2.safetensors"
        for name in ("deepfill2.graph", "deepfill2.names"):
            shutil.copy(cli.SOURCE / "models" / name, cls.models)
        result = cli.run("convert", cli.TORCH_CHECKPOINT, "-o", cls.weights, "--model", "deepfill2")
        assert result.returncode == 0, result.stderr

    def setUp(self):
        super().setUp()
        self.image, self.mask, self.out = self.path("image.png"), self.path("mask.png"), self.path("out.png")
        cli.write_png(self.image, cli.noise(WIDTH, HEIGHT))
        cli.write_png(self.mask, cli.mask_of(WIDTH, HEIGHT, in_hole))

    def inpaint(self, *more):
        return self.succeed("inpaint", self.image, self.mask, "-o", self.out, "--weights", self.weights, *more)

    def inpaint_fails(self, code, *more, says=()):
        return self.fail_with(code, "inpaint", self.image, self.mask, "-o", self.out, "--weights", self.weights, *more, says=says)


class UsageTest(cli.CliTestCase):
    def test_help_and_version_go_to_stdout(self):
        self.assertRegex(self.succeed("--version").stdout, r"^sluice \d+\.\d+\.\d+\n$")
        self.assertIn("inpaint", self.succeed("--help").stdout)
        for command in ("inpaint", "run", "grad", "convert", "inspect"):
            self.assertIn("--", self.succeed(command, "--help").stdout)

    def test_wrong_usage(self):
        for arguments in ([], ["nonsense"], ["--nonsense"], ["inpaint"], ["inpaint", "a.png", "b.png"],
                          ["inpaint", "a.png", "b.png", "-o", "c.png", "--nonsense"],
                          ["inpaint", "a.png", "b.png", "-o", "c.png", "--threads", "many"],
                          ["inpaint", "a.png", "b.png", "-o", "c.png", "--device", "abacus"],
                          ["run", "a.graph", "--input", "a", "--output", "b", "--mode", "sideways"], ["inspect"],
                          ["convert", "a.safetensors"]):
            with self.subTest(arguments=arguments):
                self.fail_with(2, *arguments)


class InpaintTest(ModelTestCase):
    def test_known_pixels_are_kept_bit_for_bit(self):
        for channels, bits in ((3, 8), (3, 16), (1, 8), (1, 16), (2, 8), (4, 8), (4, 16)):
            with self.subTest(channels=channels, bits=bits):
                picture = cli.noise(WIDTH, HEIGHT, channels, bits)
                cli.write_png(self.image, picture)
                self.inpaint()
                filled = cli.read_png(self.out)
                self.assertEqual((filled.width, filled.height, filled.channels, filled.bits), (WIDTH, HEIGHT, channels, bits))
                changed = 0
                for y in range(HEIGHT):
                    for x in range(WIDTH):
                        before, after = picture.pixel(x, y), filled.pixel(x, y)
                        if not in_hole(x, y):
                            self.assertEqual(before, after)
                        elif channels in (2, 4):
                            self.assertEqual(before[-1], after[-1])
                        changed += before != after
                self.assertGreater(changed, 300)

    def test_number_of_threads_changes_no_bit(self):
        files = []
        for threads in (1, 2, 1):
            self.inpaint("--threads", threads)
            files.append(self.out.read_bytes())
        self.assertEqual(files[0], files[1])
        self.assertEqual(files[0], files[2])

    def test_options_that_say_the_default_change_nothing(self):
        self.inpaint()
        plain = self.out.read_bytes()
        for more in (["--whole"], ["--set", "width=8"], ["--device", "cpu"], ["--model", self.models / "deepfill2.graph"],
                     ["--model", "deepfill2"], ["--quiet"]):
            self.inpaint(*more)
            self.assertEqual(self.out.read_bytes(), plain, more)

    def test_the_model_is_found_without_options(self):
        self.inpaint()
        plain = self.out.read_bytes()
        for end in (".graph", ".safetensors"):
            shutil.copy(self.models / f"deepfill2{end}", self.models / f"inpaint_small{end}")
        for more in ([], ["--model", "deepfill2"], ["--model", "inpaint_small"]):
            self.out.unlink()
            result = self.succeed("inpaint", self.image, self.mask, "-o", self.out, *more, SLUICE_MODELS=str(self.models))
            self.assertEqual(self.out.read_bytes(), plain)
            self.assertEqual((result.stdout, result.stderr), ("", ""))

    def test_json(self):
        result = self.inpaint("--json")
        item = json.loads(result.stdout)
        self.assertEqual(result.stdout.count("\n"), 1)
        self.assertGreater(item.pop("milliseconds"), 0)
        self.assertEqual(item, {"input": str(self.image), "output": str(self.out), "width": WIDTH, "height": HEIGHT,
                                "hole_pixels": 16 * 25})

    def test_mask_rule(self):
        for value, is_hole in ((128, True), (127, False)):
            samples = [value if in_hole(i % WIDTH, i // WIDTH) else 0 for i in range(WIDTH * HEIGHT)]
            cli.write_png(self.mask, cli.Picture(WIDTH, HEIGHT, 1, 8, samples))
            self.assertEqual(json.loads(self.inpaint("--json", "--quiet").stdout)["hole_pixels"], 400 if is_hole else 0)

    def test_tiny_pictures(self):
        for width, height in ((2, 1), (1, 9), (8, 8)):
            cli.write_png(self.image, cli.noise(width, height))
            cli.write_png(self.mask, cli.mask_of(width, height, lambda x, y: x + y == 1))
            self.inpaint()
            self.assertEqual(cli.read_png(self.out).pixel(0, 0), cli.noise(width, height).pixel(0, 0))

    def test_empty_mask_copies_the_picture_and_says_so(self):
        cli.write_png(self.mask, cli.mask_of(WIDTH, HEIGHT, lambda x, y: False))
        result = self.inpaint()
        self.assertEqual(cli.read_png(self.out).samples, cli.noise(WIDTH, HEIGHT).samples)
        self.assertRegex(result.stderr, r"^sluice: .*no hole.*\n$")
        self.assertEqual(self.inpaint("--quiet").stderr, "")

    def test_interrupt(self):
        side = 1024
        cli.write_png(self.image, cli.noise(side, side, 1))
        cli.write_png(self.mask, cli.mask_of(side, side, lambda x, y: x < 200))
        with subprocess.Popen([cli.BINARY, "inpaint", self.image, self.mask, "-o", self.out, "--weights", self.weights,
                               "--threads", "1", "--model", self.models / "deepfill2.graph"], stderr=subprocess.PIPE, text=True) as process:
            status = pathlib.Path(f"/proc/{process.pid}/status")
            caught = 0
            while not caught >> (signal.SIGINT - 1) & 1 and process.poll() is None:
                caught = int(next(line for line in status.read_text().splitlines() if line.startswith("SigCgt")).split()[1], 16)
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            message = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 130, message)
        self.assertRegex(message, r"^sluice: .*\n$")
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["image.png", "mask.png"])


class BadPictureTest(ModelTestCase):
    def test_pictures_that_cannot_be_read(self):
        whole = self.image.read_bytes()
        for content in (b"", b"not a picture", whole[:8], whole[:40], whole[:-300]):
            for file in (self.image, self.mask):
                good = file.read_bytes()
                file.write_bytes(content)
                self.inpaint_fails(4, says=file.name)
                file.write_bytes(good)
        self.image.unlink()
        self.inpaint_fails(3, says="image.png")
        self.image.mkdir()
        self.inpaint_fails(4, says="image.png")

    def test_mask_of_another_size(self):
        cli.write_png(self.mask, cli.mask_of(WIDTH + 1, HEIGHT, in_hole))
        self.inpaint_fails(1, says=["38 x 53", "37 x 53"])

    def test_mask_that_covers_everything(self):
        cli.write_png(self.mask, cli.mask_of(WIDTH, HEIGHT, lambda x, y: True))
        self.inpaint_fails(1, says="nothing is left to fill it from")

    def test_output_that_cannot_be_written(self):
        self.out = self.path("out.gif")
        self.inpaint_fails(2, says="out.gif")
        self.out = self.path("nowhere/out.png")
        self.inpaint_fails(1, says="nowhere")
        self.out = self.path("folder.png")
        self.out.mkdir()
        self.inpaint_fails(1, says="folder.png")

    def test_an_error_leaves_an_older_output_as_it_was(self):
        self.out.write_bytes(b"older")
        cli.write_png(self.mask, cli.mask_of(WIDTH, HEIGHT, lambda x, y: True))
        self.assertEqual(cli.run("inpaint", self.image, self.mask, "-o", self.out, "--weights", self.weights).returncode, 1)
        self.assertEqual(self.out.read_bytes(), b"older")

    def test_a_name_with_a_line_break_gives_one_line(self):
        self.image = self.path("two\nlines.png")
        self.inpaint_fails(3)


class BadModelTest(ModelTestCase):
    def test_no_such_model(self):
        line = self.inpaint_fails(3, "--model", "nonsense", says="nonsense.graph")
        self.assertGreaterEqual(line.count("nonsense.graph"), 2)  # the places looked in
        self.inpaint_fails(3, "--model", self.path("nonsense.graph"), says="nonsense.graph")

    def test_no_weights(self):
        graph = shutil.copy(self.models / "deepfill2.graph", self.path("lonely.graph"))
        self.fail_with(3, "inpaint", self.image, self.mask, "-o", self.out, "--model", graph, says="lonely.safetensors")
        self.fail_with(3, "inpaint", self.image, self.mask, "-o", self.out, "--weights", self.path("none"), says="none")

    def test_settings(self):
        self.inpaint_fails(4, "--set", "width=16", says="conv1.feature_bias")
        for setting in ("width", "=8", "width=", "height=8", "width=x"):
            self.inpaint_fails(2, "--set", setting)

    def test_threads_out_of_range(self):
        self.inpaint_fails(2, "--threads", "-1")
        self.inpaint_fails(2, "--threads", "100000")

    def test_hostile_weights(self):
        whole = self.weights.read_bytes()

        def header(text, payload=b"\0" * 8):
            return struct.pack("<Q", len(text)) + text + payload

        self.weights = self.path("bad.safetensors")
        for content in (b"", b"\0" * 7, struct.pack("<Q", 2**63), struct.pack("<Q", 10**9) + b"{}", whole[:-1], whole + b"\0",
                        whole[:1000], whole[:-1] + bytes([whole[-1] ^ 1]), header(b"nonsense"), header(b"[]"),
                        header(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}}'),
                        header(b'{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}'),
                        header(b'{"a":{"dtype":"F77","shape":[2],"data_offsets":[0,8]}}'),
                        header(b'{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}}'),
                        header(b"{" * 100000)):
            self.weights.write_bytes(content)
            with self.subTest(start=content[:60], bytes=len(content)):
                self.inpaint_fails(4, says="bad.safetensors")

    def test_missing_unexpected_and_misshapen_weights_are_listed_together(self):
        tensors, metadata = cli.read_safetensors(self.weights)
        metadata = {key: value for key, value in metadata.items() if not key.startswith("crc32.")}
        del tensors["conv3.gate_weight"], tensors["xconv1.feature_bias"]
        tensors["surplus"] = cli.floats([1], [1])
        tensors["conv17.bias"] = cli.floats([4], [0] * 4)
        self.weights = self.path("bad.safetensors")
        cli.write_safetensors(self.weights, tensors, metadata)
        self.inpaint_fails(4, says=["conv3.gate_weight", "xconv1.feature_bias", "surplus", "conv17.bias", "deepfill2"])

    def test_a_weight_whose_shape_does_not_fit_is_refused(self):
        whole, metadata = cli.read_safetensors(self.weights)
        metadata = {key: value for key, value in metadata.items() if not key.startswith("crc32.")}
        self.weights = self.path("bad.safetensors")
        for name, wrong in (("conv17.weight", [3, 3, 2, 3]), ("conv3.gate_weight", [8, 4, 6, 3]),
                            ("xconv6.feature_weight", [16, 1, 48, 3]), ("conv3.gate_weight", [576])):
            dtype, _, data = whole[name]
            cli.write_safetensors(self.weights, whole | {name: (dtype, wrong, data)}, metadata)
            with self.subTest(name=name, wrong=wrong):
                self.inpaint_fails(4, says=[name, str(wrong)])


class InspectTest(ModelTestCase):
    def test_weights(self):
        cli.write_safetensors(self.path("a.safetensors"), {
            "x": cli.floats([2, 3], [1, -2, 3, float("nan"), float("inf"), 0]), "y": ("I64", [1], struct.pack("<q", -7)),
            "z": cli.floats([1], [float("nan")])}, {"licence": "none"})
        item = json.loads(self.succeed("inspect", self.path("a.safetensors"), "--json").stdout)
        self.assertEqual(item["metadata"], {"licence": "none"})
        self.assertEqual(item["parameter_count"], 8)
        self.assertEqual(item["tensors"][0], {"name": "x", "dtype": "F32", "shape": [2, 3], "min": -2, "max": 3, "non_finite": 2})
        self.assertEqual(item["tensors"][1]["min"], -7)
        self.assertIsNone(item["tensors"][2]["min"])
        self.assertIn("x F32 [2, 3] -2 .. 3 non-finite=2", self.succeed("inspect", self.path("a.safetensors")).stdout)

    def test_graph(self):
        graph = self.models / "deepfill2.graph"
        plain = json.loads(self.succeed("inspect", graph, "--set", "width=8", "--size", "53x37", "--json").stdout)
        self.assertEqual(plain["parameters"], {"width": "8"})
        self.assertEqual(plain["outputs"]["filled"], [1, 3, 56, 40])
        self.assertGreater(plain["planned_peak_bytes"], 56 * 40 * 3 * 4)
        tensors, _ = cli.read_safetensors(self.weights)
        self.assertEqual(plain["parameter_count"], sum(len(data) // 4 for _, _, data in tensors.values()))
        loaded = json.loads(self.succeed("inspect", graph, "--weights", self.weights, "--size", "53x37", "--json").stdout)
        del loaded["weights"]
        self.assertEqual(loaded, plain)
        self.assertIn("planned peak at 512 x 512", self.succeed("inspect", "deepfill2").stdout)

    def test_kernels(self):
        kernels = [json.loads(line) for line in self.succeed("inspect", "--kernels", "--json").stdout.splitlines()]
        symbols = {kernel["symbol"] for kernel in kernels}
        self.assertEqual({kernel["direction"] for kernel in kernels} & {"forward", "backward"}, {"forward", "backward"})
        self.assertEqual(set(self.succeed("inspect", "--kernels").stdout.split()), symbols)
        graph = json.loads(self.succeed("inspect", "deepfill2", "--kernels", "--json").stdout)
        for node in graph["nodes"]:
            self.assertTrue(set(node["kernels"]) <= symbols)
        self.assertTrue(graph["nodes"][-1]["kernels"])

    def test_errors(self):
        for size in ("512", "0x8", "8x", "axb", "8x-8", "99999999x8"):
            self.fail_with(2, "inspect", "deepfill2", "--size", size, says="--size")
        self.fail_with(3, "inspect", "nonsense")
        self.fail_with(3, "inspect", self.path("none.safetensors"))
        self.path("empty").write_bytes(b"")
        self.fail_with(4, "inspect", self.path("empty"))

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run([cli.BINARY, "inspect", "--kernels"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"^sluice: .*\n$")


if __name__ == "__main__":
    unittest.main()
