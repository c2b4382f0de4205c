# SPDX-License-Identifier: Apache-2.0
"""Tuning files (docs/tuning.md) as schedule parameters of single nodes, for tools/model_library.py."""
import pathlib


class TuningError(Exception):
    pass


class TunedNode:
    def __init__(self, where, words):
        self.where, self.name = where, words[1] if len(words) > 1 else ""
        said = dict(word.split("=", 1) for word in words[2:] if "=" in word)
        missing = [key for key in ("layer", "kernel", "algorithm", "schedule") if key not in said]
        if not self.name or missing:
            raise TuningError(f"{where}: a node needs a name and {', '.join(missing)}")
        self.layer, self.kernel, self.algorithm = said["layer"], said["kernel"], said["algorithm"]
        if self.algorithm not in ("fastest", "direct"):
            raise TuningError(f"{where}: algorithm is fastest or direct, got '{self.algorithm}'")
        try:
            pairs = [item.split(":") for item in said["schedule"].split(",")] if said["schedule"] != "-" else []
            self.schedule = {name: int(value) for name, value in pairs}
        except ValueError:
            raise TuningError(f"{where}: expected schedule=name:value,... or schedule=-, got '{said['schedule']}'") from None

    def changes(self):
        return bool(self.schedule) or self.algorithm != "fastest"


class TuningFile:
    def __init__(self, path):
        self.path, self.head, self.nodes = path, {}, {}
        try:
            lines = path.read_text().splitlines()
        except OSError as error:
            raise TuningError(f"{path}: {error.strerror}") from None
        for number, line in enumerate(lines, 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            if not self.head and words != ["sluice-tuning", "1"]:
                raise TuningError(f"{path}:{number}: expected 'sluice-tuning 1': not a tuning file, or one of another format; tune again")
            if words[0] == "node":
                node = TunedNode(f"{path}:{number}", words)
                self.nodes[node.name] = node
            else:
                self.head[words[0]] = " ".join(words[1:])
        for key in ("version", "isa", "processor"):
            if not self.head.get(key):
                raise TuningError(f"{path}: cut short: no line '{key}'")


def shipped_rows(path, isa):
    """Parameters of forward kernels in a .params file, as generators/layer.cpp reads them."""
    values = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        words = line.split("#")[0].split()
        if words and words[1] == "forward" and (words[0] in (isa, "any") or (isa == "neon" and words[0] == "avx512")):
            values[words[2]] = int(words[3])
    return values


class Schedules:
    """Which nodes have kernels of their own. `shipped`: the installed schedules; `own`: folder for those of nodes."""

    def __init__(self, shipped, own, files, isas, version, library):
        self.shipped, self.own, self.isas = shipped, own, isas
        self.tuned = {}  # by node, by isa
        kernels = {node: kernel for kernel in library["kernels"] if kernel["direction"] == "forward" and kernel["device"] == "cpu"
                   for node in kernel["nodes"]}
        seen = set()
        for path in files:
            tuning = TuningFile(path)
            self.check(tuning, version, seen)
            for node in tuning.nodes.values():
                self.check_node(tuning.head["isa"], node, kernels)
                if node.changes():
                    self.tuned.setdefault(node.name, {})[tuning.head["isa"]] = node
        for name, by_isa in list(self.tuned.items()):
            # One algorithm for all instruction sets, for they share the packed weights: direct where all want it.
            if any(node.algorithm == "direct" for node in by_isa.values()) and not self.is_direct(name):
                self.tuned[name] = {isa: node for isa, node in by_isa.items() if node.algorithm != "direct"}
                if not self.tuned[name]:
                    del self.tuned[name]

    def check(self, tuning, version, seen):
        isa, path = tuning.head["isa"], tuning.path
        if tuning.head["version"] != version:
            raise TuningError(f"{path}: made by Sluice {tuning.head['version']}, this is {version}: tune again")
        if isa not in self.isas:
            raise TuningError(f"{path}: made for processors with {isa} ({tuning.head['processor']}); TARGETS are for {' and '.join(self.isas)}")
        if isa in seen:
            raise TuningError(f"{path}: a second tuning file for {isa}")
        seen.add(isa)

    def check_node(self, isa, node, kernels):
        if node.name not in kernels:
            raise TuningError(f"{node.where}: the graph has no node '{node.name}' with a kernel")
        if kernels[node.name]["symbol"] != node.kernel:
            raise TuningError(f"{node.where}: node {node.name} was tuned against kernel {node.kernel}, the graph now takes "
                              f"{kernels[node.name]['symbol']}: tune again")
        known = shipped_rows(self.shipped / "cpu" / f"{node.layer}.params", isa)
        for name in node.schedule:
            if name not in known:
                raise TuningError(f"{node.where}: {node.layer} has no schedule parameter '{name}'; it has: {' '.join(sorted(known)) or 'none'}")

    def is_direct(self, node):
        by_isa = self.tuned.get(node, {})
        return all(isa in by_isa and by_isa[isa].algorithm == "direct" for isa in self.isas)

    def has_own_kernel(self, node, kernel):
        """Of the weights' pack kernels only where the algorithm is another; of a device's none, for nothing of it is tuned."""
        if kernel["device"] != "cpu":
            return False
        if kernel["direction"] == "forward":
            return node in self.tuned
        return kernel["direction"] == "pack" and node in self.tuned and self.is_direct(node)

    def variant(self, node, kernel):
        """What the generator is to build; the kernel is still looked up by what the node says."""
        return {key: value for key, value in kernel["variant"].items() if not (node and self.is_direct(node) and key == "transform")}

    def folder(self, node, kernel, write):
        """The schedule folder for a kernel's generator; of pack kernels, which have no parameters, none."""
        if kernel["direction"] != "forward":
            return ""
        if not node:
            return str(self.shipped)
        base = self.shipped / "cpu" / f"{kernel['layer']}.params"
        text = base.read_text() if base.exists() else ""
        for isa, tuned in sorted(self.tuned[node].items()):
            text += f"# of node {node}, {tuned.where}\n" + "".join(f"{isa} forward {name} {value}\n" for name, value in tuned.schedule.items())
        write(self.own / node / "cpu" / f"{kernel['layer']}.params", text)
        return str(pathlib.Path(self.own / node))
