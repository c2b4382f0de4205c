# SPDX-License-Identifier: Apache-2.0
"""A network of one's own, from its graph to pictures: every command of docs/your_own_network.md, run as it stands against a fresh
installation, and what the libraries compute against `sluice` on the same graph.

`own_network_test.py Native` or `... AArch64`. Needs SLUICE_BINARY, SLUICE_SOURCE_DIR, SLUICE_BUILD_DIR, SLUICE_CMAKE, SLUICE_NINJA and
SLUICE_HALIDE (the environment with Halide's wheel) in the environment.
"""
import array
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "apps"))
import cli_support as cli  # noqa: E402

CONSUMER = cli.SOURCE / "tests/consumer/own_network"
PAGE = cli.SOURCE / "docs/your_own_network.md"
COMMAND = re.compile(r"^ {4}((?:cmake|python3|sluice|build\S*/\w+|qemu-aarch64) .+)$")
HEIGHT, WIDTH = 53, 70  # no multiple of anything: tiles, vectors and padding have ends
TUNING = "sluice-tuning 1\nversion {version}\nisa {isa}\nprocessor test\nsize 256x256\nthreads 2\n"
TUNED = "node {name} layer={op} kernel={kernels[0]} default_ms=2 tuned_ms=1 algorithm={algorithm} schedule={schedule}\n"


def commands_of(section):
    text = PAGE.read_text().split(f"## {section}\n")[1].split("\n## ")[0]
    return [match.group(1) for match in map(COMMAND.match, text.splitlines()) if match]


class OwnNetwork:
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-own-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.prefix, self.project = self.folder / "sluice", self.folder / "own_network"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
        tools = [self.prefix / "bin", pathlib.Path(os.environ["SLUICE_CMAKE"]).parent, pathlib.Path(os.environ["SLUICE_NINJA"]).parent]
        self.environment = kept | {"SLUICE": str(self.prefix), "HALIDE": os.environ["SLUICE_HALIDE"], "CMAKE_GENERATOR": "Ninja",
                                   "PATH": ":".join(map(str, tools)) + ":" + kept["PATH"]}
        shutil.copytree(CONSUMER, self.project)
        (self.folder / "build").symlink_to(os.environ["SLUICE_BUILD_DIR"])
        for command in commands_of("What is needed"):
            self.shell(command, self.folder)
        photo = cli.noise(WIDTH, HEIGHT, seed=5)
        mask = cli.mask_of(WIDTH, HEIGHT, lambda x, y: 20 <= x < 50 and 15 <= y < 40)
        cli.write_pnm(self.project / "photo.ppm", photo, 3)
        cli.write_pnm(self.project / "mask.pgm", mask, 1)
        cli.write_png(self.project / "photo.png", photo)
        cli.write_png(self.project / "mask.png", mask)
        self.given = array.array("f", [float(photo.samples[3 * i + c]) for c in (2, 1, 0) for i in range(WIDTH * HEIGHT)] +
                                 [float(sample >= 128) for sample in mask.samples])

    def shell(self, command, folder=None, check=True, **environment):
        result = subprocess.run(["bash", "-c", command], cwd=folder or self.project, env=self.environment | environment,
                                capture_output=True, text=True, check=False, timeout=500)
        if check:
            self.assertEqual(result.returncode, 0, f"{command}\n{result.stdout}\n{result.stderr}")
        return result

    def expected(self, **environment):
        """Pixels of the filled picture and the tensor `drawn`, by the program."""
        self.shell("sluice inpaint --quiet photo.png mask.png -o expected.png --model my_net.graph --weights my_net.safetensors",
                   **environment)
        inputs = {"image": cli.floats([1, 3, HEIGHT, WIDTH], self.given[:-WIDTH * HEIGHT]),
                  "mask": cli.floats([1, 1, HEIGHT, WIDTH], self.given[-WIDTH * HEIGHT:])}
        cli.write_safetensors(self.project / "in.safetensors", inputs)
        self.shell("sluice run my_net.graph --weights my_net.safetensors --input in.safetensors --output out.safetensors", **environment)
        outputs, _ = cli.read_safetensors(self.project / "out.safetensors")
        return cli.read_png(self.project / "expected.png").samples, outputs["drawn"][2]

    def drawn(self, program, **environment):
        return subprocess.run([*program, "my_net.safetensors", str(HEIGHT), str(WIDTH)], cwd=self.project, input=self.given.tobytes(),
                              env=self.environment | environment, stdout=subprocess.PIPE, check=True, timeout=500).stdout

    def assert_near(self, got, wanted):
        """For results of -1 to 1, as between a network's results and a published one's: sums in another order."""
        got, wanted = array.array("f", got), array.array("f", wanted)
        self.assertEqual(len(got), len(wanted))
        self.assertLessEqual(max(abs(a - b) for a, b in zip(got, wanted)), 1e-4)
        self.assertLessEqual(math.dist(got, wanted), 1e-5 * math.hypot(*wanted))

    def near(self, picture, pixels):
        """As pictures are whose sums were in another order: a level, here and there."""
        differences = [abs(a - b) for a, b in zip(picture, pixels)]
        self.assertEqual(len(picture), len(pixels))
        self.assertLessEqual(max(differences), 1)
        self.assertLessEqual(sum(differences), 3 + len(differences) // 1000)

    def picture(self, name):
        return list((self.project / name).read_bytes()[-3 * WIDTH * HEIGHT:])


class Native(OwnNetwork, unittest.TestCase):
    def same_bits(self):
        for isa in ("avx2", "avx512") if "avx512dq" in pathlib.Path("/proc/cpuinfo").read_text() else ("avx2",):
            with self.subTest(isa):
                pixels, drawn = self.expected(SLUICE_ISA=isa)
                self.shell("build/fill my_net.safetensors photo.ppm mask.pgm filled.ppm", SLUICE_ISA=isa)
                self.assertEqual(self.picture("filled.ppm"), pixels)
                self.assertEqual(self.drawn(["build/draw"], SLUICE_ISA=isa), drawn)

    def refused(self, says, *options):
        result = self.shell("cmake -S . -B refused -DCMAKE_PREFIX_PATH=\"$SLUICE;$HALIDE\" " + " ".join(options), check=False)
        self.assertNotEqual(result.returncode, 0)
        message = " ".join(result.stderr.split())
        for text in says:
            self.assertIn(text, message)

    def test_from_graph_to_picture(self):
        commands = commands_of("A library from a graph")
        self.assertGreaterEqual(len(commands), 5)
        for command in commands:
            self.shell(command)
        self.assertNotEqual(self.picture("filled.ppm"), self.picture("photo.ppm"))
        self.same_bits()
        self.on_devices()
        self.tuned()
        self.bad_input()

    def tuning(self, isa, version=None, down="-", wide="fastest"):
        """A file as `sluice tune` writes it, with a schedule for one node and an algorithm for another."""
        nodes = {node["name"]: node for node in json.loads(self.shell("sluice inspect my_net.graph --kernels --json").stdout)["nodes"]}
        text = TUNING.format(version=version or self.shell("sluice --version").stdout.split()[1], isa=isa)
        text += TUNED.format(**nodes["down"], algorithm="fastest", schedule=down)
        path = self.project / f"{isa}.tuning"
        path.write_text(text + TUNED.format(**nodes["wide"], algorithm=wide, schedule="-"))
        return path

    def tuned(self):
        files = self.tuning("avx2", down="tile_x:2"), self.tuning("avx512", down="tile_x:4")
        self.shell(f"cmake -S . -B build -DTUNING='{files[0]};{files[1]}' && cmake --build build")
        self.assertEqual(len(list((self.project / "build/my_net").glob("*_node_down_wrapper.o"))), 1)
        self.same_bits()
        self.refused(["avx2.tuning:7", "no schedule parameter 'tile_q'", "tile_x"], f"-DTUNING={self.tuning('avx2', down='tile_q:2')}")
        self.refused(["avx2.tuning", "made by Sluice 0.0.1"], f"-DTUNING={self.tuning('avx2', version='0.0.1')}")
        self.refused(["neon.tuning", "made for processors with neon"], f"-DTUNING={self.tuning('neon')}")
        # Direct sums in place of a transform: other bits, the same picture but for rounding.
        files = self.tuning("avx2", wide="direct"), self.tuning("avx512", wide="direct")
        self.shell(f"cmake -S . -B build -DTUNING='{files[0]};{files[1]}' && cmake --build build")
        _, drawn = self.expected()
        self.assert_near(self.drawn(["build/draw"]), drawn)

    def on_devices(self):
        pixels, _ = self.expected()
        filled = "build/fill my_net.safetensors photo.ppm mask.pgm filled.ppm"
        result = self.shell(filled + " cuda", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("device cuda: this library has no kernels for it", result.stderr)
        # For CUDA there may be no driver; OpenCL is here for this test, with the same schedules.
        for command in commands_of("On a GPU"):
            self.shell(command.replace("cuda", '"cuda;opencl"'))
        self.shell(filled + " auto")
        self.near(self.picture("filled.ppm"), pixels)
        result = self.shell(filled + " opencl", check=False)
        if result.returncode != 0:
            self.assertIn("no driver", result.stderr)
            print("not run on a device: no OpenCL driver (Debian: pocl-opencl-icd)")
            return
        self.near(self.picture("filled.ppm"), pixels)

    def bad_input(self):
        graph = self.project / "my_net.graph"
        text = graph.read_text()
        op = re.search(r"^(\w+) +leave ", text, re.M).group(1)
        for old, new, says in (("activation=tanh", "activation=tanj", ["my_net.graph:18", "activation=tanj", "did you mean 'tanh'"]),
                               (f"\n{op} ", f"\n{op[:-1]}q ", ["my_net.graph:17", f"no layer '{op[:-1]}q'", f"did you mean '{op}'"]),
                               ("dilation=2", "dilatation=2", ["my_net.graph:14", "no attribute 'dilatation'", "did you mean 'dilation'"])):
            self.assertIn(old, text)
            graph.write_text(text.replace(old, new, 1))
            self.refused(says)
        graph.write_text(text)


class AArch64(OwnNetwork, unittest.TestCase):
    def test_under_emulation(self):
        for tool in ("aarch64-linux-gnu-g++", "qemu-aarch64"):
            if shutil.which(tool) is None:
                self.skipTest(f"there is no {tool} (Debian: g++-aarch64-linux-gnu, qemu-user)")
        self.shell("python3 weights.py my_net.safetensors")
        commands = commands_of("Another processor")
        self.assertGreaterEqual(len(commands), 3)
        for command in commands:
            self.shell(command)
        self.assertIn("AArch64", self.shell("readelf -h build-aarch64/fill").stdout)
        pixels, drawn = self.expected()
        self.near(self.picture("filled-aarch64.ppm"), pixels)
        self.assert_near(self.drawn(["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "build-aarch64/draw"]), drawn)


if __name__ == "__main__":
    unittest.main()
