#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes generators/variants.txt: the kernels to build, one line a variant.

Taken from the schemas the generator executables print (every value a variant attribute lists as built, for as long as
that is a handful), so that a graph written by a user finds its kernel.

  tools/list_variants.py BUILD_DIR [--check]
"""
import itertools

from schemas import ROOT, write_or_check

HEADER = "# Written by tools/list_variants.py; one line a variant: layer and the values it is built for.\n"


def variants(schema):
    keys = [a for a in schema["attributes"] if a["kind"] in ("variant", "derived") and len(a["built"]) > 1]
    for values in itertools.product(*(a["built"] for a in keys)):
        chosen = dict(zip((a["name"] for a in keys), values))
        yield " ".join([schema["layer"]] + [f"{k}={v}" for k, v in chosen.items()])


def text_of(schemas):
    lines = [line for schema in schemas for line in variants(schema)]
    return HEADER + f"# {len(lines)} variants\n" + "\n".join(lines) + "\n"


def main():
    write_or_check(__doc__, "tools/list_variants.py", ROOT / "generators" / "variants.txt", text_of)


if __name__ == "__main__":
    main()
