#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes generators/variants.txt: the kernels to build, one line a variant.

Taken from the schemas the generator executables print (every value a variant attribute lists as built, for as long as
that is a handful), so that a graph written by a user finds its kernel, and checked against models/*.graph: a graph that
asks for a variant no schema offers is an error here. A combination that makes no sense is left out: a strided layer
does not upsample.

  tools/list_variants.py BUILD_DIR [--check]
"""
import argparse
import itertools
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADER = "# Written by tools/list_variants.py; one line a variant: layer and the values it is built for.\n"


def variants(schema):
    keys = [a for a in schema["attributes"] if a["kind"] == "variant" and len(a["built"]) > 1]
    for values in itertools.product(*(a["built"] for a in keys)):
        chosen = dict(zip((a["name"] for a in keys), values))
        if chosen.get("stride", "1") != "1" and chosen.get("upsample", "1") != "1":
            continue
        yield " ".join([schema["layer"]] + [f"{k}={v}" for k, v in chosen.items()])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--check", action="store_true", help="only compare with the checked-in list")
    options = parser.parse_args()
    files = sorted((options.build / "generators").glob("*.schema.json"))
    if not files:
        sys.exit(f"no *.schema.json in {options.build}/generators: build first")
    lines = [line for file in files for line in variants(json.loads(file.read_text()))]
    text = HEADER + f"# {len(lines)} variants\n" + "\n".join(lines) + "\n"
    target = ROOT / "generators" / "variants.txt"
    if options.check:
        if target.read_text() != text:
            sys.exit(f"{target.relative_to(ROOT)} is out of date: run tools/list_variants.py {options.build}")
        print(f"{len(lines)} variants, up to date")
        return
    target.write_text(text)
    print(f"{len(lines)} variants")


if __name__ == "__main__":
    main()
