# SPDX-License-Identifier: Apache-2.0
"""`sluice train`: options and errors, pictures from a folder, SIGTERM, and kill -9 at random moments.

Killed and resumed however often, a training ends with the bytes of one that ran through. SLUICE_KILLS=1000 is the long form of
that test. Needs SLUICE_BINARY and SLUICE_SOURCE_DIR in the environment.
"""
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cli_support as cli  # noqa: E402

RECIPES = cli.SOURCE / "tests/fixtures/training"
TINY = RECIPES / "tiny.recipe"
KILLS = int(os.environ.get("SLUICE_KILLS", "12"))


def last_checkpoint(out):
    return max((out / "checkpoints").glob("step-*.safetensors"))


class TrainTest(cli.CliTestCase):
    def pictures(self, count, folder="pictures"):
        self.path(folder).mkdir()
        for i in range(count):
            cli.write_png(self.path(folder) / f"{i}.png", cli.noise(20 + i, 24, seed=i))
        return self.path(folder)

    def files_recipe(self):
        text = TINY.read_text().replace("data procedural", "data pictures").replace("graph=tiny.graph",
                                                                                    f"graph={RECIPES / 'tiny.graph'}")
        return self.write_text("files.recipe", text)

    def test_trains_on_a_folder_and_its_weights_run(self):
        out = self.path("out")
        result = self.succeed("train", self.files_recipe(), "--data", self.pictures(5), "--out", out, "--json")
        self.assertEqual(len(result.stdout.splitlines()), 4)
        for line in ("seed 3", "5 samples of 16x16", "step 20/20", "images/s", "waiting for data", "left"):
            self.assertIn(line, result.stderr)
        cli.write_png(self.path("photo.png"), cli.noise(30, 22))
        cli.write_png(self.path("mask.png"), cli.mask_of(30, 22, lambda x, y: 8 < x < 20 and 5 < y < 15))
        self.succeed("inpaint", self.path("photo.png"), self.path("mask.png"), "-o", self.path("filled.png"), "--model",
                     RECIPES / "tiny.graph", "--weights", out / "generator.safetensors")
        filled, photo = cli.read_png(self.path("filled.png")), cli.read_png(self.path("photo.png"))
        self.assertNotEqual(filled.samples, photo.samples)

    def test_without_sluice_training(self):
        lone = self.path("sluice")
        shutil.copy(cli.BINARY, lone)
        for arguments in (["train", TINY, "--out", self.path("out")], ["train", "--help"], ["grad", "deepfill2"], ["inspect", "--kernels"]):
            result = subprocess.run([lone, *arguments], capture_output=True, text=True)
            self.assertEqual((result.returncode, result.stdout), (3, ""))
            self.assertIn("sluice-training: No such file or directory", result.stderr)
        listed = subprocess.run([lone, "--help"], capture_output=True, text=True, check=True).stdout
        self.assertRegex(listed, "(?s)grad .*train ")
        self.assertIn("--resume", self.succeed("train", "--help").stdout)

    def test_refuses(self):
        out = self.path("out")
        self.fail_with(2, "train", TINY, out="out")
        self.fail_with(2, "train", self.files_recipe(), "--out", out, says="give --data FOLDER", out="out")
        self.fail_with(3, "train", "no_such_recipe", "--out", out, says="no_such_recipe.recipe", out="out")
        bad = self.write_text("bad.recipe", TINY.read_text().replace("batch=4", "bacth=4"))
        self.fail_with(4, "train", bad, "--out", out, says=("bad.recipe:6", "did you mean 'batch'?"), out="out")
        self.fail_with(2, "train", TINY, "--out", out, "--set", "sise=8", says="did you mean 'size'?", out="out")

    def test_leaves_bad_pictures_out_and_refuses_a_folder_of_them(self):
        folder = self.pictures(3)
        (folder / "bad.png").write_bytes(b"no picture")
        result = self.succeed("train", self.files_recipe(), "--data", folder, "--out", self.path("out"))
        self.assertEqual(result.stderr.count("bad.png"), 1)
        empty = self.path("bad")
        empty.mkdir()
        (empty / "bad.png").write_bytes(b"no picture")
        result = cli.run("train", self.files_recipe(), "--data", empty, "--out", self.path("other"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("none of its 1 pictures can be read", result.stderr)

    def test_dry_run(self):
        result = self.succeed("train", TINY, "--out", self.path("out"), "--dry-run")
        self.assertIn("dry run: two steps, a checkpoint and its reading back are well", result.stderr)
        self.assertEqual(list(self.path("out").iterdir()), [])

    # ---- stopped from outside

    def start(self, recipe, out, steps):
        return subprocess.Popen([cli.BINARY, "train", recipe, "--out", out, "--resume", "latest", "--steps", str(steps),
                                 "--threads", "1"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)

    def through(self, recipe, steps):
        out = self.path("through")
        start = time.monotonic()
        self.succeed("train", recipe, "--out", out, "--steps", steps, "--threads", "1")
        return last_checkpoint(out).read_bytes(), time.monotonic() - start

    def every_step(self):
        """The tiny recipe with a checkpoint after every step."""
        text = TINY.read_text().replace("checkpoint every=10", "checkpoint every=1").replace("every=10", "every=1000")
        return self.write_text("every.recipe", text.replace("graph=tiny.graph", f"graph={RECIPES / 'tiny.graph'}"))

    def test_signals_save_and_resume(self):
        recipe, steps = self.every_step(), 400
        expected, _ = self.through(recipe, steps)
        for number in (signal.SIGTERM, signal.SIGINT):
            out = self.path(f"out{number}")
            process = self.start(recipe, out, steps)
            while process.poll() is None and not list(out.glob("checkpoints/step-*")):
                time.sleep(0.002)
            process.send_signal(number)
            stopped = time.monotonic()
            errors = process.communicate(timeout=60)[1]
            self.assertLess(time.monotonic() - stopped, 2)
            self.assertEqual(process.returncode, 130, errors)
            self.assertIn("--resume latest goes on", errors)
            self.succeed("train", recipe, "--out", out, "--resume", "latest", "--steps", steps, "--threads", "2")
            self.assertEqual(last_checkpoint(out).read_bytes(), expected)

    def test_a_full_disk_stops_it_and_it_goes_on_when_there_is_room(self):
        recipe, steps = self.every_step(), 40
        expected, _ = self.through(recipe, steps)
        largest = last_checkpoint(self.path("through")).stat().st_size

        def limit_files():  # a write beyond it fails as on a full disk, with another number
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest - 100, largest - 100))

        out = self.path("limited")
        self.succeed("train", recipe, "--out", out, "--steps", "3", "--threads", "1")
        kept = {file: file.read_bytes() for file in (out / "checkpoints").glob("step-*")}
        result = subprocess.run([cli.BINARY, "train", recipe, "--out", out, "--resume", "latest", "--steps", str(steps)],
                                capture_output=True, text=True, preexec_fn=limit_files)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("File too large", result.stderr)
        self.assertEqual({file: file.read_bytes() for file in (out / "checkpoints").glob("step-*")}, kept)
        self.assertEqual(list((out / "checkpoints").glob(".sluice-*")), [])
        self.succeed("train", recipe, "--out", out, "--resume", "latest", "--steps", steps, "--threads", "1")
        self.assertEqual(last_checkpoint(out).read_bytes(), expected)

    def test_a_small_disk_that_fills_up(self):
        recipe, steps = self.every_step(), 40
        expected, _ = self.through(recipe, steps)
        size = last_checkpoint(self.path("through")).stat().st_size
        disk = self.path("disk")
        disk.mkdir()
        # A disk of its own for what runs inside, with room for some checkpoints beside something that fills it.
        script = f'''mount -t tmpfs -o size={16 * size} none "{disk}" || exit 77
train() {{ "{cli.BINARY}" train "{recipe}" --out "{disk}/out" --resume latest --threads 1 --steps "$1"; }}
train 5 || exit 1
head -c {16 * size} /dev/zero > "{disk}/filling"
train {steps}; echo "full: $?"
rm "{disk}/filling"
train {steps} || exit 1
cp "$(ls "{disk}"/out/checkpoints/step-* | tail -1)" "{self.path('last')}"'''
        shell = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
        result = subprocess.run([*shell, "bash", "-c", script], capture_output=True, text=True)
        if result.returncode in (77, 1) and not result.stdout:
            self.skipTest("no file system can be mounted here")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("full: 1", result.stdout)
        self.assertIn("No space left on device", result.stderr)
        self.assertEqual(self.path("last").read_bytes(), expected)

    def test_killed_at_random_it_ends_with_the_same_bytes(self):
        recipe, steps = self.every_step(), 60 + KILLS // 2
        expected, seconds = self.through(recipe, steps)
        moments = random.Random(1)
        out, torn, finished = self.path("out"), 0, 0
        for kill in range(KILLS):
            process = self.start(recipe, out, steps)
            time.sleep(moments.uniform(0, seconds))
            process.kill()
            process.communicate()
            finished += process.returncode == 0
            torn += bool(list(out.glob("checkpoints/.sluice-*.tmp")))
            if process.returncode == 0:  # it was done before: begin again
                self.assertEqual(last_checkpoint(out).read_bytes(), expected, f"kill {kill}")
                out = self.path(f"out{kill}")
        print(f"{KILLS} kills: {torn} within the writing of a checkpoint, {finished} after the end")
        self.succeed("train", recipe, "--out", out, "--resume", "latest", "--steps", steps)
        self.assertEqual(last_checkpoint(out).read_bytes(), expected)
        self.assertLess(finished, KILLS)
        if KILLS >= 100:
            self.assertGreater(torn, KILLS // 50, "the kills missed the writing: they prove nothing")


if __name__ == "__main__":
    unittest.main()
