#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plans the library of one graph for sluice_add_model (cmake/SluiceModel.cmake): asks `sluice inspect` which kernels the
graph needs and writes, into OUT,

  kernels.list   the kernels, as tools/kernel_table.py reads them
  commands.list  a line a kernel: symbol|device|layer|direction|schedule folder|key=value|key=value...
  NAME.h         the library's header: load, run, free, and a struct of the graph's inputs and outputs
  NAME.cpp       the same calls over the runner; holds the graph's text and the values of its parameters

Files that would not change are left alone. What the graph, a setting or a tuning file says wrong ends it with status 1
and one line that names file and line.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

import model_header
import model_tuning

ISAS = ("avx512", "avx2", "neon")
PLANNED_DEVICE = "cuda"  # the others take the same kernels


def fail(message):
    sys.exit(message if message.startswith("sluice") else f"sluice_add_model: {message}")


def write(path, text):
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def inspect(options):
    command = [options.sluice, "inspect", str(options.graph), "--kernels", "--json"]
    if options.weights:
        command += ["--weights", str(options.weights)]
    for setting in options.set:
        command += ["--set", setting]
    if options.devices:
        command += ["--device", PLANNED_DEVICE]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        fail(f"{options.sluice} does not run: {error}")
    if result.returncode != 0:
        fail(result.stderr.strip() or f"{' '.join(command)} ended with {result.returncode}")
    return json.loads(result.stdout)


def symbol_of(name, kernel, node):
    """As in cmake/AddLayer.cmake, with the model's name in front, so that libraries and the whole stand side by side."""
    values = [f"{key}={value}" for key, value in kernel["variant"].items()] + ([f"node={node}"] if node else [])
    suffix = re.sub("[^A-Za-z0-9]+", "_", "_".join(values))
    device = "" if kernel["device"] == "cpu" else f"_{kernel['device']}"
    return f"{name}_{kernel['layer']}_{kernel['direction']}{device}_{suffix}".rstrip("_")


def kernels_of(name, library, schedules, devices):
    """One of every kernel that the nodes share, and one of its own for every node with tuned parameters."""
    kernels = [kernel for kernel in library["kernels"] if kernel["device"] == "cpu"]
    for device in devices:
        kernels += [kernel | {"device": device} for kernel in library["kernels"] if kernel["device"] == PLANNED_DEVICE]
    for kernel in kernels:
        tuned = [node for node in kernel["nodes"] if schedules.has_own_kernel(node, kernel)]
        shared = [node for node in kernel["nodes"] if node not in tuned]
        for node in ([None] if shared else []) + tuned:
            yield symbol_of(name, kernel, node), kernel, node


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True)
    parser.add_argument("--graph", required=True, type=pathlib.Path)
    parser.add_argument("--sluice", required=True, help="the installed program")
    parser.add_argument("--version", required=True, help="of Sluice")
    parser.add_argument("--data", required=True, type=pathlib.Path, help="installed folder with schedules/")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--isas", required=True, nargs="+", choices=ISAS)
    parser.add_argument("--devices", nargs="*", default=[], help="devices besides the CPU")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="parameters of the graph")
    parser.add_argument("--weights", type=pathlib.Path, help="for a graph that leaves channels to its weights")
    parser.add_argument("--tuning", nargs="*", default=[], type=pathlib.Path)
    options = parser.parse_args()
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", options.name):
        fail(f"'{options.name}' is not a name of C: letters, digits and _")
    plan = inspect(options)
    library = plan["library"]
    try:
        schedules = model_tuning.Schedules(options.data / "schedules", options.out / "schedules", options.tuning, options.isas,
                                           options.version, library)
    except model_tuning.TuningError as error:
        fail(str(error))
    rows, commands = [], []
    for symbol, kernel, node in kernels_of(options.name, library, schedules, options.devices):
        key = ",".join([f"{key}={value}" for key, value in kernel["variant"].items()] + ([f"node={node}"] if node else []))
        rows.append(f"{kernel['layer']}|{kernel['direction']}|{kernel['device']}|{symbol}|{key}")
        params = [f"{key}={value}" for key, value in schedules.variant(node, kernel).items()]
        folder = schedules.folder(node, kernel, write)
        commands.append("|".join([symbol, kernel["device"], kernel["layer"], kernel["direction"], folder, *params]))
    write(options.out / "kernels.list", "\n".join(rows) + "\n")
    write(options.out / "commands.list", "\n".join(commands) + "\n")
    graph_text = options.graph.read_text()
    write(options.out / f"{options.name}.h", model_header.header(options.name, options.graph.name, plan, options.isas + options.devices))
    write(options.out / f"{options.name}.cpp", model_header.source(options.name, options.graph.name, graph_text, plan, options.devices))


if __name__ == "__main__":
    main()
