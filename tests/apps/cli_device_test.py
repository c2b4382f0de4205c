# SPDX-License-Identifier: Apache-2.0
"""The command line's --device: what it computes on a device, and what it says where there is none.

Needs SLUICE_BINARY and SLUICE_SOURCE_DIR in the environment.
"""
import ctypes
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cli_support as cli  # noqa: E402

GRAPH = ("model tiny\ninput x [n 2 h w] scale=2 offset=1\nactivation bend from x to bent activation=relu\nconcat both from bent,x"
         "\nconv2d mix from both channels=2 kernel=1 bias=false\noutput y from mix [n 2 h w]\n")
X = [-3.0, -0.5, 0.25, 7.0, -0.75, 1.0, -2.0, 3.0, 0.0, 5.0, -1.0, 0.5]  # [1, 2, 2, 3]
# Output 0 is max(2 x + 1, 0) of channel 0, output 1 is 2 x + 1 of channel 1, less that of channel 0.
WEIGHT = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 1.0]
SCALED = [2 * x + 1 for x in X]
EXPECTED = [max(s, 0.0) for s in SCALED[:6]] + [b - a for a, b in zip(SCALED[:6], SCALED[6:])]


def library(*names):
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            pass
    return None


def opencl_is_missing():
    opencl, count = library("libOpenCL.so", "libOpenCL.so.1"), ctypes.c_uint(0)
    if opencl is None:
        return "no libOpenCL.so on this machine"
    opencl.clGetPlatformIDs(0, None, ctypes.byref(count))
    return "" if count.value else "no OpenCL driver on this machine"


class DeviceTest(cli.CliTestCase):
    def setUp(self):
        super().setUp()
        self.out = self.path("out.safetensors")
        cli.write_safetensors(self.path("in.safetensors"), {"x": cli.floats([1, 2, 2, 3], X)})
        cli.write_safetensors(self.path("tiny.safetensors"), {"mix.weight": cli.floats([2, 4, 1, 1], WEIGHT)})
        self.arguments = ["run", self.write_text("tiny.graph", GRAPH), "--weights", self.path("tiny.safetensors"), "--input",
                          self.path("in.safetensors"), "--output", self.out]

    def values(self):
        return cli.values(cli.read_safetensors(self.out)[0]["y"])

    def test_cpu(self):
        self.succeed(*self.arguments, "--device", "cpu")
        self.assertEqual(self.values(), EXPECTED)

    def test_opencl(self):
        missing = opencl_is_missing()
        if missing:
            self.skipTest(missing)
        self.assertEqual(self.succeed(*self.arguments, "--device", "opencl").stderr, "")
        self.assertEqual(self.values(), EXPECTED)

    def test_gradients_on_opencl(self):
        missing = opencl_is_missing()
        if missing:
            self.skipTest(missing)
        upstream = [0.5, -1.0, 2.0, 1.5, 0.25, -0.75, 1.0, 3.0, -2.0, 0.125, 4.0, -0.5]
        cli.write_safetensors(self.path("up.safetensors"), {"y": cli.floats([1, 2, 2, 3], upstream)})
        made = {}
        for device in ("cpu", "opencl"):
            self.succeed("grad", *self.arguments[1:], "--grad-output", self.path("up.safetensors"), "--device", device)
            made[device] = {name: cli.values(tensor) for name, tensor in cli.read_safetensors(self.out)[0].items()}
        self.assertEqual(sorted(made["opencl"]), ["mix.weight", "x"])
        for name, expected in made["cpu"].items():
            self.assertTrue(any(expected), name)
            for value, other in zip(made["opencl"][name], expected, strict=True):
                self.assertAlmostEqual(value, other, delta=1e-5 * max(map(abs, expected)), msg=name)

    def test_unknown_names(self):
        for name in ("abacus", "cuda:", "cuda:-1", "cuda:one", "cpu:0", "auto:opencl", ""):
            self.fail_with(2, *self.arguments, "--device", name, says="--device", out="out.safetensors")

    def test_without_a_driver(self):
        if library("libcuda.so", "libcuda.so.1") is not None:
            self.skipTest("a CUDA driver is on this machine")
        for name in ("cuda", "cuda:1"):
            self.fail_with(3, *self.arguments, "--device", name, says="device cuda: no driver", out="out.safetensors")
        result = self.succeed(*self.arguments, "--device", "auto")
        self.assertIn("computing on the CPU: CUDA API not found", result.stderr)
        self.assertEqual(self.values(), EXPECTED)

    def test_without_its_module(self):
        folder = self.path("bin")
        folder.mkdir()
        program = shutil.copy(cli.BINARY, folder / "sluice")
        result = subprocess.run([program, *map(str, self.arguments), "--device", "cuda"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 3)
        self.assertIn("device cuda: no module for it", result.stderr)
        result = subprocess.run([program, *map(str, self.arguments), "--device", "auto"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0)
        self.assertIn("no module for it", result.stderr)
        self.assertEqual(self.values(), EXPECTED)


if __name__ == "__main__":
    unittest.main()
