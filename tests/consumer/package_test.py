# SPDX-License-Identifier: Apache-2.0
"""An installed Sluice, moved from where it was installed, as other projects see it: files, names, C and C++ programs.

Needs SLUICE_BINARY, SLUICE_SOURCE_DIR, SLUICE_BUILD_DIR and SLUICE_CMAKE in the environment.
"""
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "apps"))
import cli_support as cli  # noqa: E402

CMAKE = os.environ["SLUICE_CMAKE"]
BUILD = os.environ["SLUICE_BUILD_DIR"]
CONSUMER = cli.SOURCE / "tests/consumer"
SYSTEM = {"libc", "libfmt", "libgcc_s", "libm", "libstdc++", "libz", "ld-linux-x86-64"}  # that libsluice.so may need


def run(*command, check=True, **options):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if check and result.returncode != 0:
        raise AssertionError(f"{command} gave {result.returncode}\n{result.stdout}\n{result.stderr}")
    return result


class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-package-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        first = cls.folder / "installed here"
        run(CMAKE, "--install", BUILD, "--prefix", first)
        cls.prefix = cls.folder / "moved"
        first.rename(cls.prefix)
        cls.lib = next(cls.prefix.rglob("libsluice.a")).parent
        cls.environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
        cls.make_pictures()

    @classmethod
    def make_pictures(cls):
        """A photograph and its mask as files that the examples read, and what the installed program makes of them."""
        demo, program = cli.SOURCE / "docs/demo", cls.prefix / "bin/sluice"
        photo, mask, nothing, filled = (cls.folder / name for name in ("photo.png", "mask.png", "nothing.png", "filled.png"))
        size = struct.unpack(">II", (demo / "mask.png").read_bytes()[16:24])
        cli.write_png(nothing, cli.mask_of(*size, lambda x, y: False))
        # Without a hole a picture comes back as it is: both files as PNG of 8 bits.
        for picture, hole, result in (("photo.jpg", nothing, photo), ("mask.png", nothing, mask),
                                      ("photo.jpg", demo / "mask.png", filled)):
            run(program, "inpaint", "--quiet", demo / picture, hole, "-o", result, env=cls.environment)
        cls.picture, cls.mask, cls.expected = (cls.folder / name for name in ("photo.ppm", "mask.pgm", "expected.ppm"))
        cli.write_pnm(cls.picture, cli.read_png(photo), 3)
        cli.write_pnm(cls.mask, cli.read_png(mask), 1)
        cli.write_pnm(cls.expected, cli.read_png(filled), 3)

    def files(self):
        return [path for path in self.prefix.rglob("*") if path.is_file() and not path.is_symlink()]

    def fills(self, program, **environment):
        """The program's result is that of `sluice inpaint`, byte for byte."""
        result = self.folder / "result.ppm"
        result.unlink(missing_ok=True)
        models = self.prefix / "share/sluice/models"
        run(program, models / "inpaint_small.graph", models / "inpaint_small.safetensors", self.picture, self.mask, result,
            env=self.environment | environment)
        self.assertEqual(result.read_bytes(), self.expected.read_bytes())
        self.assertNotEqual(result.read_bytes(), self.picture.read_bytes())

    def configure(self, name, *options, check=True):
        source, build = self.folder / "consumer", self.folder / name
        shutil.copytree(CONSUMER, source, dirs_exist_ok=True)
        return build, run(CMAKE, "-G", "Ninja", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}",
                          f"-DCMAKE_MAKE_PROGRAM={os.environ['SLUICE_NINJA']}", *options, check=check, env=self.environment)

    def test_files(self):
        expected = ["bin/sluice", "bin/sluice-training", "include/sluice/sluice.h", "include/sluice/sluice.hpp",
                    "share/sluice/models/inpaint_small.graph", "share/sluice/models/recipes/demo.recipe"]
        for name in expected:
            self.assertTrue((self.prefix / name).is_file(), name)
        for name in ("libsluice.so", "libsluice.so.0", "libsluice.a", "sluice/sluice_cuda.so", "sluice/sluice_cuda_training.so", "pkgconfig/sluice.pc",
                     "pkgconfig/sluice-static.pc", "cmake/Sluice/SluiceConfig.cmake", "cmake/Sluice/SluiceConfigVersion.cmake",
                     "cmake/Sluice/SluiceSharedTargets.cmake", "cmake/Sluice/SluiceStaticTargets.cmake"):
            self.assertTrue((self.lib / name).is_file(), name)
        self.assertTrue(list(self.prefix.glob("share/doc/*/LICENSE")) and list(self.prefix.glob("share/doc/*/NOTICE")))
        self.assertEqual([path.name for path in self.files() if "opencl" in path.name], [])

    def test_no_path_of_the_building_machine(self):
        paths = [str(path).encode() for path in (cli.SOURCE, BUILD, self.folder)]
        found = [f"{path}: {name}" for path in self.files() for name in paths if name in path.read_bytes()]
        self.assertEqual(found, [])

    def test_the_shared_library_shows_the_c_api_only(self):
        library = self.lib / "libsluice.so"
        header = (self.prefix / "include/sluice/sluice.h").read_text()
        declared = set(re.findall(r"^SLUICE_API [^;(]*?\b(sluice_\w+)\(", header, re.M))
        self.assertGreater(len(declared), 20)
        symbols = run("nm", "-D", "--defined-only", library).stdout.splitlines()
        shown = {line.split()[-1].split("@")[0] for line in symbols if line.split()[-2] != "A"}
        self.assertEqual(shown, declared)

    def test_what_binaries_need(self):
        for path in self.files():
            if path.read_bytes()[:4] != b"\x7fELF":
                continue
            dynamic = run("readelf", "-d", path).stdout
            self.assertNotRegex(dynamic, "RPATH|RUNPATH", path.name)
            needed = {name.split(".so")[0] for name in re.findall(r"NEEDED.*\[(.+)\]", dynamic)}
            self.assertFalse(any("alide" in name or "python" in name for name in needed), path.name)
            if path.name.startswith("libsluice"):
                self.assertIn("Library soname: [libsluice.so.0]", dynamic)
                self.assertLessEqual(needed, SYSTEM)

    def test_programs_of_a_cmake_project(self):
        for kind in ("shared", "static"):
            with self.subTest(kind):
                build, _ = self.configure(kind, f"-DSLUICE_KIND={kind}")
                run(CMAKE, "--build", build)
                linked = "libsluice.so.0" in run("readelf", "-d", build / "inpaint_c").stdout
                self.assertEqual(linked, kind == "shared")
                self.fills(build / "inpaint_c")
                self.fills(build / "inpaint_cpp")

    def test_which_library_a_cmake_project_gets(self):
        def chosen(name, *options):
            build, _ = self.configure(name, *options)
            return "static" if "libsluice.a" in (build / "build.ninja").read_text() else "shared"
        self.assertEqual(chosen("either"), "shared")
        self.assertEqual(chosen("wish", "-DSLUICE_USE_STATIC=ON"), "static")
        _, refused = self.configure("third", "-DSLUICE_KIND=third", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("component 'third' is not installed", refused.stderr.replace("\n", " ").replace("  ", " "))
        hidden = self.lib / "cmake/Sluice/SluiceSharedTargets.cmake"
        away = hidden.rename(self.folder / hidden.name)
        try:
            self.assertEqual(chosen("alone"), "static")
        finally:
            away.rename(hidden)

    @unittest.skipIf(shutil.which("pkg-config") is None, "there is no pkg-config (Debian: pkg-config)")
    def test_pkg_config(self):
        found = self.environment | {"PKG_CONFIG_PATH": str(self.lib / "pkgconfig")}
        models = run("pkg-config", "--variable=modelsdir", "sluice", env=found).stdout.strip()
        self.assertTrue((pathlib.Path(models) / "inpaint_small.graph").is_file(), models)
        for package in ("sluice", "sluice-static"):
            with self.subTest(package):
                flags = run("pkg-config", "--cflags", "--libs", package, env=found).stdout.split()
                program = self.folder / package
                run("cc", "-std=c99", CONSUMER / "inpaint.c", "-o", program, *flags)
                self.fills(program, **({"LD_LIBRARY_PATH": str(self.lib)} if package == "sluice" else {}))

    @unittest.skipIf(shutil.which("pkg-config") is None, "there is no pkg-config (Debian: pkg-config)")
    def test_a_static_program_holds_what_it_uses(self):
        source, program = self.folder / "version.c", self.folder / "version"
        source.write_text("#include <sluice/sluice.h>\nint main(void) { return sluice_set_threads(1) != SLUICE_OK; }\n")
        found = self.environment | {"PKG_CONFIG_PATH": str(self.lib / "pkgconfig")}
        flags = run("pkg-config", "--cflags", "--libs", "sluice-static", env=found).stdout.split()
        run("cc", source, "-o", program, *flags)
        run(program)
        self.assertNotIn("_forward_cpu", run("nm", program).stdout)
        self.assertLess(program.stat().st_size, 4 << 20)

    def test_modules_of_devices_are_found(self):
        result = run(self.prefix / "bin/sluice", "inpaint", "--device", "cuda", self.picture, self.picture, "-o", "x.png",
                     check=False, env=self.environment)
        self.assertNotIn("no module", result.stderr)

    def test_components(self):
        only = self.folder / "only"
        run(CMAKE, "--install", BUILD, "--prefix", only, "--component", "shared")
        names = {path.name for path in only.rglob("*") if path.is_file()}
        self.assertIn("libsluice.so.0", names)
        self.assertFalse({"libsluice.a", "sluice", "sluice.h"} & names)

    def test_documents_show_these_programs(self):
        shown = {line.strip() for name in ("CMakeLists.txt", "inpaint.c", "inpaint.cpp")
                 for line in (CONSUMER / name).read_text().splitlines()}
        for page, expected in (("docs/library.md", 3), ("README.md", 2)):
            blocks = re.findall(r"(?:^    .*\n|^\n)+", (cli.SOURCE / page).read_text(), re.M)
            blocks = [block for block in blocks if re.search(r"sluice_model|sluice::|Sluice::", block)]
            lines = [line.strip() for block in blocks for line in block.splitlines()]
            self.assertEqual([line for line in lines if line not in shown | {"", "# CMake"}], [], page)
            self.assertGreaterEqual(sum("sluice" in line for line in lines), expected, page)

    def test_destdir(self):
        staged = self.folder / "stage"
        run(CMAKE, "--install", BUILD, "--prefix", "/usr", "--component", "development",
            env=os.environ | {"DESTDIR": str(staged)})
        self.assertTrue((staged / "usr/include/sluice/sluice.h").is_file())


if __name__ == "__main__":
    unittest.main()
