# SPDX-License-Identifier: Apache-2.0
"""Every `sluice` command line of README.md, docs/checkpoints.md, docs/training.md and docs/tuning.md, run as it stands, one after the other;
of tunings for a second each, on a narrow network.

The commands see the files that the text speaks of: published checkpoints are stood in for by the small ones of tests/fixtures.
README's table of systems is run by tools/systems.py. Needs SLUICE_BINARY and SLUICE_SOURCE_DIR in the environment.
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cli_support as cli  # noqa: E402

FIXTURES = cli.SOURCE / "tests/fixtures"
PUBLISHED = {"snap-0.index": "cnum8.ckpt.index", "snap-0.data-00000-of-00001": "cnum8.ckpt.data-00000-of-00001",
             "states_tf_places2.pth": "cnum8.legacy.pth"}
COMMAND = re.compile(r"^ {4,7}(?:build/bin/)?sluice (.+)$")
CELL = re.compile(r"\| `build/bin/sluice (train [^`]+)` \|$")  # of the table of recipes
TUNING = re.compile(r"^ {4}(?:SLUICE_ISA=(\w+) )?(build/bin/sluice|\.venv/bin/python) (.+)$")
OUTPUTS = ("-o", "--output")


def commands_of(page):
    lines = (cli.SOURCE / page).read_text().splitlines()
    found = [COMMAND.match(line) or CELL.search(line) for line in lines]
    return [shlex.split(match.group(1), comments=True) for match in found if match]


class DocumentedCommandsTest(cli.CliTestCase):
    def setUp(self):
        super().setUp()
        for name in ("docs", "models", "tests"):
            self.path(name).symlink_to(cli.SOURCE / name)

    def run_all(self, page, expected):
        commands = commands_of(page)
        self.assertEqual(len(commands), expected, "commands were added or lost: count them here")
        for command in commands:
            with self.subTest(page=page, command=" ".join(command)):
                result = subprocess.run([cli.BINARY, *command], cwd=self.folder, capture_output=True, text=True, check=False)
                self.assertEqual(result.returncode, 0, result.stderr)
                outputs = [command[i + 1] for i, word in enumerate(command[:-1]) if word in OUTPUTS]
                for output in outputs:
                    self.assertGreater(self.path(output).stat().st_size, 0)
                self.assertTrue(outputs or result.stdout or command[0] == "train")

    def test_readme(self):
        image, mask = [1, 3, 64, 96], [1, 1, 64, 96]  # the tensors of README's Python lines
        hole = [float(20 <= y < 40 and 30 <= x < 60) for y in range(64) for x in range(96)]
        pixels = [float(sample) for sample in cli.noise(96, 64).samples]
        cli.write_safetensors(self.path("pictures.safetensors"),
                              {"image": cli.floats(image, pixels), "mask": cli.floats(mask, hole)})
        cli.write_safetensors(self.path("upstream.safetensors"), {"filled": cli.floats(image, [1.0] * 3 * 64 * 96)})
        self.run_all("README.md", 10)
        inputs, _ = cli.read_safetensors(self.path("gradients.safetensors"))
        self.assertIn("image", inputs)

    def test_checkpoints(self):
        for published, own in PUBLISHED.items():
            self.path(published).symlink_to(FIXTURES / "deepfill2" / own)
        own = self.path("own.safetensors")
        self.succeed("convert", FIXTURES / "guidenet/gns.safetensors", "--model", "guidenet", "-o", own)
        self.succeed("convert", own, "--model", "guidenet", "--to", "torch", "-o", self.path("GNS.pth"))
        self.succeed("convert", FIXTURES / "deepfill2/cnum8.zip.pth", "--model", "deepfill2", "-o",
                     self.path("weights.safetensors"))
        self.run_all("docs/checkpoints.md", 4)

    def test_training(self):
        self.path("photos").mkdir()
        for i in range(4):
            cli.write_png(self.path("photos") / f"{i}.png", cli.noise(80, 70, seed=i))
        recipes = {path.stem for path in (cli.SOURCE / "models/recipes").glob("*.recipe")}
        tried = {command[1] for command in commands_of("docs/training.md") if "--dry-run" in command}
        self.assertEqual(recipes - tried, set(), "recipes without a command in docs/training.md")
        self.run_all("docs/training.md", 5 + 15)
        self.assertEqual([file.name for file in sorted(self.path("run/checkpoints").glob("step-*"))],
                         ["step-000000000004.safetensors", "step-000000000005.safetensors"])
        self.assertFalse(self.path("run/dry-run").exists())

    def test_tuning(self):
        self.path("tools").symlink_to(cli.SOURCE / "tools")
        found = [TUNING.match(line) for line in (cli.SOURCE / "docs/tuning.md").read_text().splitlines()]
        commands = [match for match in found if match]
        self.assertEqual(len(commands), 5, "commands were added or lost: count them here")
        for isa, program, text in (match.groups() for match in commands):
            with self.subTest(command=text):
                text = re.sub(r"--minutes \S+", "--minutes 0.02 --size 64x64 --set width=8", text)
                words = [cli.BINARY if program.endswith("sluice") else sys.executable, *shlex.split(text)]
                result = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=False,
                                        env=os.environ | ({"SLUICE_ISA": isa} if isa else {}))
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertTrue(result.stdout)
        for tuning in ("deepfill2.avx512.tuning", "deepfill2.avx2.tuning", "some.tuning"):
            self.assertIn("node conv1 " if tuning != "some.tuning" else "node conv5 ", self.path(tuning).read_text())


if __name__ == "__main__":
    unittest.main()
