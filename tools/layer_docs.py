#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/layers.md from the schemas that the generator executables print.

  tools/layer_docs.py BUILD_DIR [--check]
"""
from schemas import ROOT, write_or_check

HEADER = """# Layers

Written by tools/layer_docs.py from what the layers say of themselves. `layer name from inputs to output attribute=value ...` is a line of a graph
(graph_format.md). Weights are `<node>.<parameter>` in a weights file, axes as listed. Where a layer has `norm`, the values batch_train, instance and
group are ops made of several layers (generators/norms.graph), to which `norm_momentum` and `num_groups` belong. More such ops: the other
`.graph` files of generators/.
"""


NAMES = {"x": "w", "y": "h"}


def axes(port):
    return "[" + " ".join(axis[1] or NAMES.get(axis[0], axis[0]) for axis in reversed(port["axes"])) + "]"


def attribute_row(attribute):
    default = attribute["fallback"] or ("from the weights" if attribute["kind"] == "shape" else "none: must be given")
    parts = attribute["parts"]
    words = [word for word, _ in attribute["words"]]
    values = " ".join(attribute["built"]).replace("+", " ") or ("number" if attribute["kind"] == "real" else "whole number")
    if len(parts) > 1:
        values += f", or {len(parts)} of them: " + ",".join(parts)
    if words:
        values += "; or " + " ".join(words)
    if attribute["name"] == "bias":
        values = "true false"
    if attribute["kind"] == "note":
        values, default = values if attribute["built"] else "any; without effect", attribute["fallback"] or "none"
    return f"| `{attribute['name']}` | {values} | {default} |"


def section(schema):
    out = [f"\n## {schema['layer']}\n", f"    {schema['summary']}\n"]
    ports = [f"{p['name']} {axes(p)}" + ("" if p["differentiable"] else " (no gradient)") for p in schema["inputs"]]
    out.append("Inputs: " + "; ".join(f"`{p}`" for p in ports) + ".")
    out.append("Output: " + "; ".join(f"`{p['name']} {axes(p)}`" for p in schema["outputs"]) + ".")
    if schema["parameters"]:
        out.append("Parameters: " + "; ".join(f"`{p['name']} {axes(p)}`" + (f" (if {p['when']})" if p["when"] else "")
                                              for p in schema["parameters"]) + ".")
    if schema["state"]:
        out.append("State: " + "; ".join(f"`{p['name']} {axes(p)}`" + (f" (if {p['when']})" if p["when"] else "")
                                         for p in schema["state"]) + ".")
    attributes = [a for a in schema["attributes"] if a["kind"] != "derived"]
    if attributes:
        out += ["\n| attribute | values | default |", "|---|---|---|"] + [attribute_row(a) for a in attributes]
    return "\n".join(out) + "\n"


def main():
    write_or_check(__doc__, "tools/layer_docs.py", ROOT / "docs" / "layers.md",
                   lambda schemas: HEADER + "".join(section(schema) for schema in schemas))


if __name__ == "__main__":
    main()
