# SPDX-License-Identifier: Apache-2.0
"""The command line: sketch and depth, with graphs small enough to know the answer.

Needs SLUICE_BINARY and SLUICE_SOURCE_DIR in the environment.
"""
import json
import pathlib
import statistics
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cli_support as cli  # noqa: E402

SIDE = 16
# image = sketch + z + label / 20, in -1..1
SHAPE = f"""model tiny_shape
param classes=10
param size={SIDE}
input sketch [n 1 size size]
input z [n 1 1 1]
input label [n 1 1 1] scale=0.05
elementwise noisy from sketch,z operation=add
elementwise image from noisy,label operation=add
output image [n 1 {SIDE} {SIDE}]
"""
# The same with the shapes that the published networks have; the table holds label / 20.
SHAPE_BY_RANK = f"""model tiny_shape
param classes=10
input sketch [n 1 {SIDE} {SIDE}]
input z [n 1]
input label [n] range=0,classes-1
embedding table from label classes=classes width=1 l2_normalize=false
elementwise noisy from sketch,z operation=add
elementwise image from noisy,table operation=add
output image [n 1 {SIDE} {SIDE}]
"""
# One number of z a channel.
APPEARANCE = """model tiny_appearance
param classes=10
input sketch [n 3 h w] scale=1/127.5 offset=-1 order=rgb
input z [n 3 1 1]
input label [n 1 1 1] scale=0.05
elementwise noisy from sketch,z operation=add
elementwise image from noisy,label operation=add
output image [n 3 h w] scale=127.5 offset=127.5 order=rgb
"""
DEPTH = """model tiny_depth multiple=32
input image [n 3 h w] pad=edge
input lidar [n 1 h w]
activation seen from image activation=relu
activation depth from lidar activation=relu
output depth [n 1 h w]
output seen [n 3 h w]
"""
# Every other column: of mirrored inputs it takes the other ones.
LEFT_OF_TWO = """model left
input image [n 3 h w]
input lidar [n 1 h w]
resize half from lidar mode=nearest_floor output_size=1,2
resize depth from half mode=nearest_floor output_size=1,4
output depth [n 1 h w]
"""


def philox(counter, key):
    for _ in range(10):
        first, second = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [second >> 32 ^ counter[1] ^ key[0], second & 0xFFFFFFFF, first >> 32 ^ counter[3] ^ key[1], first & 0xFFFFFFFF]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter


def normal(seed, stream, index):
    """What runtime/noise.h promises, by Python's own quantiles."""
    halves = lambda value: [value & 0xFFFFFFFF, value >> 32]  # noqa: E731
    words = philox(halves(index // 2) + halves(stream), halves(seed))[index % 2 * 2:][:2]
    return statistics.NormalDist().inv_cdf(((words[1] << 32 | words[0]) >> 12) / 2**52 + 2**-53)


def sample(value):
    return int(min(max(value, 0), 255))


def flat(side, value, channels=1):
    return cli.Picture(side, side, channels, 8, [value] * (side * side * channels))


class SketchTestCase(cli.CliTestCase):
    def setUp(self):
        super().setUp()
        self.shape, self.appearance = self.write_text("shape.graph", SHAPE), self.write_text("appearance.graph", APPEARANCE)
        for name in ("shape", "appearance"):
            cli.write_safetensors(self.path(name + ".safetensors"), {})
        self.image, self.out = self.path("sketch.png"), self.path("out.png")
        self.grey = 120
        cli.write_png(self.image, flat(24, self.grey))

    def arguments(self, *more, name="basketball"):
        return ("sketch", self.image, "--class", name, "-o", self.out, "--shape", self.shape, "--appearance", self.appearance, *more)

    def sketch(self, *more, name="basketball"):
        return self.succeed(*self.arguments(*more, name=name))

    def sketch_fails(self, code, *more, name="basketball", says=()):
        self.out.unlink(missing_ok=True)
        return self.fail_with(code, *self.arguments(*more, name=name), says=says)

    def completion(self, k, seed=0, deviation=0.2, label=0):
        return self.grey + 127.5 * (deviation * normal(seed, k, 0) + label / 20)

    def colours(self, k=0, seed=0, label=0, **more):
        """Expected red, green, blue of the picture: every pixel is the same."""
        grey = min(max(self.completion(k, seed, label=label, **more), 0), 255)
        return [sample(grey + 127.5 * (normal(seed, 1 << 63, c) + label / 20)) for c in range(3)]

    def assert_colours(self, expected):
        image = cli.read_png(self.out)
        self.assertEqual((image.width, image.height, image.channels, image.bits), (256, 256, 3, 8))
        for c in range(3):
            self.assertLessEqual(max(abs(s - expected[c]) for s in image.samples[c::3]), 1)


class SketchTest(SketchTestCase):
    def test_picture_of_a_class(self):
        for name, label in (("basketball", 0), ("Moon", 4), ("9", 9)):
            self.sketch(name=name)
            self.assert_colours(self.colours(label=label))

    def test_seed_choice_and_deviation(self):
        for more, expected in ((["--seed", "18446744073709551615"], self.colours(seed=2**64 - 1)), (["--choose", "5"], self.colours(k=5)),
                               (["--std", "0"], self.colours(deviation=0)), (["--std", "0.5", "--seed", "3"], self.colours(seed=3, deviation=0.5)),
                               (["--completions", "20", "--choose", "17"], self.colours(k=17)), (["--set", "size=8"], self.colours())):
            with self.subTest(more=more):
                self.sketch(*more)
                self.assert_colours(expected)

    def test_gallery(self):
        self.sketch("--gallery", self.path("gallery.png"), "--completions", "5")
        gallery = cli.read_png(self.path("gallery.png"))
        step = SIDE + 2
        self.assertEqual((gallery.width, gallery.height, gallery.channels), (2 * step + 2, 3 * step + 2, 1))
        for y in range(gallery.height):
            for x in range(gallery.width):
                k = y // step * 2 + x // step
                inside = x % step >= 2 and y % step >= 2 and k < 5
                expected = sample(self.completion(k)) if inside else 0
                self.assertLessEqual(abs(gallery.pixel(x, y)[0] - expected), 1 if inside else 0, (x, y))

    def test_shadow_and_pad(self):
        half = [0 if i % 24 < 12 else 255 for i in range(24 * 24)]
        cli.write_png(self.image, cli.Picture(24, 24, 1, 8, half))
        self.sketch("--shadow", self.path("shadow.png"), "--pad", self.path("pad.png"))
        shadow, pad = cli.read_png(self.path("shadow.png")), cli.read_png(self.path("pad.png"))
        self.assertEqual((shadow.width, shadow.height, shadow.channels), (SIDE, SIDE, 1))
        self.assertEqual((min(shadow.samples), max(shadow.samples)), (127, 255))
        self.assertEqual((pad.width, pad.height, pad.channels), (24, 24, 1))
        self.assertLessEqual(abs(pad.pixel(1, 1)[0] - sample(0.75 * 127.5)), 1)
        self.assertEqual(pad.pixel(22, 22)[0], 255)

    def test_the_same_bits_again_and_for_any_number_of_threads(self):
        self.sketch()
        plain = self.out.read_bytes()
        for more in ([], ["--threads", "1"], ["--threads", "2"], ["--completions", "1"], ["--quiet"], ["--seed", "0", "--std", "0.2"]):
            self.sketch(*more)
            self.assertEqual(self.out.read_bytes(), plain, more)

    def test_only_the_first_colour_on_white_counts(self):
        cli.write_png(self.image, cli.Picture(24, 24, 4, 8, [self.grey, 3, 200, 255] * 24 * 24))
        self.sketch()
        self.assert_colours(self.colours())
        cli.write_png(self.image, cli.Picture(24, 24, 2, 8, [0, 0] * 24 * 24))
        self.grey = 255
        self.sketch()
        self.assert_colours(self.colours())

    def test_json(self):
        result = self.sketch("--json", "--seed", "7", "--choose", "2", "--gallery", self.path("g.png"), name="orange")
        item = json.loads(result.stdout)
        self.assertGreater(item.pop("milliseconds"), 0)
        self.assertEqual(item, {"input": str(self.image), "output": str(self.out), "class": "orange", "label": 5, "completions": 8,
                                "chosen": 2, "seed": 7, "std": 0.2, "width": 256, "height": 256, "gallery": str(self.path("g.png"))})
        self.assertEqual(result.stderr, "")

    def test_class_names_of_the_weights(self):
        names = "ant,bee,cat,dog,eel,fox,gnu,hen,ibis,jay"
        for name in ("shape", "appearance"):
            cli.write_safetensors(self.path(name + ".safetensors"), {}, {"classes": names})
        self.sketch(name="dog")
        self.assert_colours(self.colours(label=3))
        self.sketch_fails(2, name="moon", says=["moon", "ant, bee"])
        cli.write_safetensors(self.path("other.safetensors"), {}, {"classes": "ant,bee"})
        self.sketch_fails(4, "--shape-weights", self.path("other.safetensors"), name="ant", says="classes")

    def test_other_counts_take_a_number(self):
        self.sketch("--set", "classes=6", name="4")
        self.assert_colours(self.colours(label=4))
        self.sketch_fails(2, "--set", "classes=6", name="moon", says="a number from 0 to 5")
        self.sketch_fails(2, "--set", "classes=6", name="6")

    def test_shapes_as_published(self):
        self.shape = self.write_text("shape.graph", SHAPE_BY_RANK)
        cli.write_safetensors(self.path("shape.safetensors"), {"table.weight": cli.floats([10, 1], [0.05 * k for k in range(10)])})
        for name, label in (("moon", 4), ("9", 9)):
            self.sketch("--choose", "3", name=name)
            self.assert_colours(self.colours(k=3, label=label))


class SketchErrorTest(SketchTestCase):
    def test_usage(self):
        for more in (["--choose", "8"], ["--choose", "-1"], ["--completions", "0"], ["--std", "-1"], ["--std", "nan"], ["--seed", "-1"], ["--seed", "18446744073709551616"],
                     ["--threads", "-1"], ["--set", "width=8"], ["--set", "width"], ["--gallery", "g.gif"], ["--gallery", self.out],
                     ["--device", "abacus"], ["--nonsense"]):
            with self.subTest(more=more):
                self.sketch_fails(2, *more)
        self.sketch_fails(2, name="dragon", says=["dragon", "pineapple"])
        self.sketch_fails(2, name="10")
        self.fail_with(2, "sketch", self.image, "-o", self.out)
        self.write_text("shape.graph", SHAPE.replace("sketch", "drawing"))
        self.sketch_fails(2, says=["tiny_shape", "sketch"])

    def test_what_is_not_there(self):
        line = self.fail_with(3, "sketch", self.image, "--class", "0", "-o", self.out, SLUICE_MODELS=str(self.folder),
                              says="sketchfill_shape")
        self.assertNotIn("\n", line)
        self.sketch_fails(3, "--appearance-weights", self.path("none.safetensors"), says="none.safetensors")
        self.shape = self.path("none.graph")
        self.sketch_fails(3, says="none.graph")
        self.shape = self.path("shape.graph")
        self.path("appearance.safetensors").unlink()
        self.sketch_fails(3, says="--appearance-weights")
        self.image.unlink()
        self.sketch_fails(3, says="sketch.png")

    def test_bad_files(self):
        self.path("shape.safetensors").write_bytes(b"nonsense")
        self.sketch_fails(4, says="shape.safetensors")
        cli.write_safetensors(self.path("shape.safetensors"), {})
        self.write_text("appearance.graph", "nonsense\n")
        self.sketch_fails(4, says="appearance.graph")
        self.image.write_bytes(self.image.read_bytes()[:50])
        self.sketch_fails(4, says="sketch.png")

    def test_pictures_that_cannot_be_written(self):
        self.path("folder.png").mkdir()
        self.sketch_fails(1, "--gallery", self.path("nowhere/g.png"), says="nowhere")
        self.sketch_fails(1, "--gallery", self.path("g.png"), "--shadow", self.path("folder.png"), says="folder.png")
        self.out = self.path("nowhere/out.png")
        self.sketch_fails(1, says="nowhere")


class DepthTestCase(cli.CliTestCase):
    def setUp(self):
        super().setUp()
        self.graph = self.write_text("tiny.graph", DEPTH)
        cli.write_safetensors(self.path("tiny.safetensors"), {})
        self.image, self.sparse, self.out = self.path("rgb.png"), self.path("sparse.png"), self.path("out.png")
        self.write_pair(37, 21)

    def write_pair(self, width, height):
        cli.write_png(self.image, cli.noise(width, height))
        cli.write_png(self.sparse, cli.noise(width, height, 1, 16, seed=2))

    def depth(self, *more):
        return self.succeed("depth", self.image, self.sparse, "-o", self.out, "--model", self.graph, *more)

    def depth_fails(self, code, *more, says=()):
        return self.fail_with(code, "depth", self.image, self.sparse, "-o", self.out, "--model", self.graph, *more, says=says)


class DepthTest(DepthTestCase):
    def test_every_sample_comes_back(self):
        for width, height in ((37, 21), (32, 32), (1, 1), (65, 3)):
            for more in ([], ["--flip"], ["--threads", "1"], ["--quiet", "--flip"]):
                self.write_pair(width, height)
                self.depth(*more)
                depth = cli.read_png(self.out)
                self.assertEqual((depth.width, depth.height, depth.channels, depth.bits), (width, height, 1, 16))
                self.assertEqual(depth.samples, cli.read_png(self.sparse).samples)

    def test_flip_averages_with_the_mirrored_result(self):
        self.write_text("tiny.graph", LEFT_OF_TWO)
        cli.write_png(self.image, cli.noise(4, 1))
        cli.write_png(self.sparse, cli.Picture(4, 1, 1, 16, [100, 200, 300, 401]))
        self.depth()
        self.assertEqual(cli.read_png(self.out).samples, [100, 100, 300, 300])
        self.depth("--flip")
        self.assertEqual(cli.read_png(self.out).samples, [150, 150, 350, 350])

    def test_json_and_notice(self):
        cli.write_png(self.sparse, cli.Picture(37, 21, 1, 16, [0] * 700 + [256] * 77))
        result = self.depth("--json")
        item = json.loads(result.stdout)
        self.assertGreater(item.pop("milliseconds"), 0)
        self.assertEqual(item, {"input": str(self.image), "sparse": str(self.sparse), "output": str(self.out), "width": 37, "height": 21,
                                "given_pixels": 77})
        self.assertEqual(result.stderr, "")
        cli.write_png(self.sparse, cli.Picture(37, 21, 1, 16, [0] * 777))
        self.assertRegex(self.depth().stderr, r"^sluice: .*no pixel has a depth\n$")
        self.assertEqual(self.depth("--quiet").stderr, "")


class DepthErrorTest(DepthTestCase):
    def test_inputs_that_do_not_fit(self):
        cli.write_png(self.sparse, cli.noise(36, 21, 1, 16))
        self.depth_fails(1, says=["sparse.png", "36 x 21", "37 x 21"])
        for channels, bits in ((1, 8), (3, 16), (2, 16)):
            cli.write_png(self.sparse, cli.noise(37, 21, channels, bits))
            self.depth_fails(1, says=["sparse.png", "16 bits"])

    def test_usage(self):
        self.fail_with(2, "depth", self.image, "-o", self.out)
        self.depth_fails(2, "--threads", "-1")
        self.depth_fails(2, "--set", "width=8", says="width")
        self.write_text("tiny.graph", DEPTH.replace("lidar", "points"))
        self.depth_fails(2, says=["tiny_depth", "lidar"])
        self.out = self.path("out.jpg")
        self.depth_fails(2, says=["out.jpg", ".png"])

    def test_files(self):
        self.graph = self.path("none.graph")
        self.depth_fails(3, says="none.graph")
        self.graph = self.path("tiny.graph")
        self.fail_with(3, "depth", self.image, self.sparse, "-o", self.out, SLUICE_MODELS=str(self.folder), says="guidenet")
        self.depth_fails(3, "--weights", self.path("none.safetensors"), says="none.safetensors")
        self.path("tiny.safetensors").write_bytes(b"nonsense")
        self.depth_fails(4, says="tiny.safetensors")
        self.sparse.write_bytes(b"nonsense")
        self.depth_fails(4, says="sparse.png")
        self.sparse.unlink()
        self.depth_fails(3, says="sparse.png")
        self.out = self.path("nowhere/out.png")
        self.depth_fails(1, says="nowhere")


class HelpTest(cli.CliTestCase):
    def test_help(self):
        self.assertIn("--gallery", self.succeed("sketch", "--help").stdout)
        self.assertIn("--flip", self.succeed("depth", "--help").stdout)


if __name__ == "__main__":
    unittest.main()
