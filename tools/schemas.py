# SPDX-License-Identifier: Apache-2.0
"""The layers' schemas that the generator executables print, for the tools that write files from them."""
import argparse
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def read_schemas(build):
    files = sorted((build / "generators").glob("*.schema.json"))
    if not files:
        sys.exit(f"no *.schema.json in {build}/generators: build first")
    return [json.loads(file.read_text()) for file in files]


def write_or_check(doc, tool, target, make_text):
    """The command line of such a tool: BUILD_DIR [--check]. make_text: text of `target` from the schemas."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--check", action="store_true", help="only compare with the checked-in file")
    options = parser.parse_args()
    text = make_text(read_schemas(options.build))
    if not options.check:
        target.write_text(text)
    elif not target.exists() or target.read_text() != text:
        sys.exit(f"{target.relative_to(ROOT)} is out of date: run {tool} {options.build}")
