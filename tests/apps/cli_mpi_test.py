# SPDX-License-Identifier: Apache-2.0
"""`mpirun -n 2 sluice train`: equal to one process with twice the batch, the same bits from run to run and resumed, stopped and
failing together; and the program without a launcher, which needs no MPI.

Needs SLUICE_BINARY and SLUICE_SOURCE_DIR in the environment, and mpirun.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cli_support as cli  # noqa: E402

RECIPES = cli.SOURCE / "tests/fixtures/training"
# What a container with few processors and only root needs.
MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]
PATIENT = ["--mca", "odls_base_sigkill_timeout", "5"]  # seconds between SIGTERM and SIGKILL


def last_checkpoint(out):
    return max((out / "checkpoints").glob("step-*.safetensors"))


def children_of(parent):
    """Processes that a process started."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = entry.read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        if int(after_name[1]) == parent:
            found.append(int(entry.parent.name))
    return found


@unittest.skipUnless(shutil.which("mpirun"), "there is no mpirun")
class MpiTest(cli.CliTestCase):
    def recipe(self, name, batch):
        text = (RECIPES / name).read_text().replace("batch=4", f"batch={batch}").replace("batch=2", f"batch={batch}")
        for graph in RECIPES.glob("*.graph"):
            text = text.replace(f"graph={graph.name}", f"graph={graph}")
        return self.write_text(f"{name}.{batch}.recipe", text)

    def command(self, processes, *arguments, binary=cli.BINARY):
        return [*MPIRUN, "-n", str(processes), str(binary), "train", *map(str, arguments)]

    def train(self, processes, recipe, out, *arguments):
        result = subprocess.run(self.command(processes, recipe, "--out", out, *arguments), capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def test_two_processes_are_one_with_twice_the_batch(self):
        for name in ("tiny.recipe", "tiny_norm.recipe", "adversarial.recipe"):
            one, two, again = self.path("one" + name), self.path("two" + name), self.path("again" + name)
            self.succeed("train", self.recipe(name, 8), "--out", one, "--steps", "6")
            result = self.train(2, self.recipe(name, 4), two, "--steps", "6")
            self.assertEqual(result.stderr.count("done: 6 steps"), 1)
            self.assertIn("batch 4 in each of 2 processes", result.stderr)
            self.train(2, self.recipe(name, 4), again, "--steps", "6")
            self.assertEqual(last_checkpoint(two).read_bytes(), last_checkpoint(again).read_bytes())
            weights = [cli.read_safetensors(out / "generator.safetensors")[0] for out in (one, two)]
            self.assertEqual(set(weights[0]), set(weights[1]))
            largest = max(abs(a - b) for key in weights[0]
                          for a, b in zip(cli.values(weights[0][key]), cli.values(weights[1][key])))
            print(f"{name}: largest difference of a weight after 6 steps {largest:.1e}")
            self.assertLess(largest, 1e-5)

    def start(self, recipe, out, steps, options):
        command = self.command(2, recipe, "--out", out, "--resume", "latest", "--steps", steps)
        return subprocess.Popen(command[:1] + options + command[1:],
                                stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)

    def every_step(self):
        recipe = self.recipe("tiny.recipe", 4)
        recipe.write_text(recipe.read_text().replace("checkpoint every=10", "checkpoint every=1").replace(
            "every=10", "every=1000"))
        return recipe

    def test_stopped_or_killed_it_resumes_with_the_same_bits(self):
        recipe, endless = self.every_step(), 1000000
        for who, stop in (("one", signal.SIGTERM), ("one", signal.SIGKILL), ("mpirun", signal.SIGTERM)):
            out = self.path(f"out{who}{stop}")
            process = self.start(recipe, out, endless, PATIENT if who == "mpirun" else [])
            while process.poll() is None and not list(out.glob("checkpoints/step-*")):
                time.sleep(0.01)
            workers = children_of(process.pid)
            self.assertEqual(len(workers), 2)
            os.kill(workers[-1] if who == "one" else process.pid, stop)  # of one, the other finds out
            errors = process.communicate(timeout=300)[1]
            self.assertNotEqual(process.returncode, 0)
            self.assertEqual(children_of(process.pid), [])
            if who == "one" and stop == signal.SIGTERM:
                self.assertEqual(process.returncode, 130, errors)
                self.assertEqual(errors.count("--resume latest goes on"), 1, errors)
            steps = int(last_checkpoint(out).stem.split("-")[1]) + 10
            self.train(2, recipe, out, "--steps", steps, "--resume", "latest")
            through = self.path(f"through{who}{stop}")
            self.train(2, recipe, through, "--steps", steps)
            self.assertEqual(last_checkpoint(out).read_bytes(), last_checkpoint(through).read_bytes())

    def test_an_error_ends_all_and_is_said_once(self):
        bad = self.write_text("bad.recipe", (RECIPES / "tiny.recipe").read_text().replace("batch=4", "bacth=4"))
        result = subprocess.run(self.command(2, bad, "--out", self.path("out")), capture_output=True, text=True)
        self.assertEqual(result.returncode, 4, result.stderr)
        self.assertEqual(result.stderr.count("did you mean 'batch'?"), 1, result.stderr)

    def test_without_a_launcher_nothing_of_mpi_is_needed(self):
        libraries = subprocess.run(["ldd", cli.BINARY], capture_output=True, text=True).stdout
        self.assertNotIn("libmpi", libraries)
        for name in ("sluice", "sluice-training"):  # without the module beside them
            shutil.copy(pathlib.Path(cli.BINARY).parent / name, self.path(name))
        alone = self.path("sluice")
        recipe = self.recipe("tiny.recipe", 4)
        subprocess.run([alone, "train", recipe, "--out", self.path("out"), "--dry-run"], check=True, capture_output=True)
        result = subprocess.run(self.command(2, recipe, "--out", self.path("out"), binary=alone), capture_output=True,
                                text=True)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn("this build of sluice has no MPI", result.stderr)


if __name__ == "__main__":
    unittest.main()
