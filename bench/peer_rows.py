# SPDX-License-Identifier: Apache-2.0
"""The rows of bench/peer_rows.txt, with the shapes and attributes of the files of layers, and what Sluice is run with."""
import dataclasses
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
LAYER_FILES = ("growth_shapes.txt", "layer_shapes.txt")
OWN_KEYS = ("graph", "size", "batch", "outputs", "part_of", "optional", "prepack")  # of peer_rows.txt, others are parameters of the graph
NETWORK_INPUTS = {"inpainting": ["image", "mask"], "depth": ["image", "lidar"], "sketch": ["sketch", "z", "label"]}


@dataclasses.dataclass
class Row:
    name: str
    kind: str
    keys: dict  # of peer_rows.txt
    shapes: list  # of a layer's inputs
    op: str = ""
    attributes: dict = dataclasses.field(default_factory=dict)

    @property
    def is_network(self):
        return "graph" in self.keys

    @property
    def is_gated(self):
        return self.op.startswith("gated")

    @property
    def batch(self):
        return int(self.keys.get("batch", 1))

    @property
    def size(self):
        """Height and width of a network's picture."""
        height, width = self.keys["size"].split("x")
        return int(height), int(width)

    def set_arguments(self):
        """The parameters of the graph on a command line."""
        return [word for key, value in self.settings.items() for word in ("--set", f"{key}={value}")]

    @property
    def settings(self):
        """Parameters of a network's graph."""
        return {key: value for key, value in self.keys.items() if key not in OWN_KEYS}

    @property
    def input_names(self):
        return NETWORK_INPUTS[self.kind] if self.is_network else [f"in{i}" for i in range(len(self.shapes))]

    def integer(self, key, default=1):
        return int(self.attributes.get(key, default))

    def graph_text(self):
        """A layer as a network of one node."""
        lines = ["model bench"]
        for name, shape in zip(self.input_names, self.shapes):
            lines.append(f"input {name} [{' '.join(map(str, shape))}]")
        attributes = " ".join(f"{key}={value}" for key, value in self.attributes.items())
        lines.append(f"{self.op} node from {','.join(self.input_names)} to out {attributes}")
        return "\n".join([*lines, "output out", ""])


def read_lines(file):
    for line in (HERE / file).read_text(encoding="utf-8").splitlines():
        words = line.split("#")[0].split()
        if words:
            yield words


def pairs(words):
    return dict(word.split("=", 1) for word in words)


def read_rows():
    """All rows, in the order of the file."""
    layers = {words[0]: words for file in LAYER_FILES for words in read_lines(file)}
    rows = []
    for name, kind, *rest in read_lines("peer_rows.txt"):
        row = Row(name, kind, pairs(rest), [])
        if not row.is_network:
            _, shapes, row.op, *attributes = layers[name]
            row.shapes = [tuple(map(int, shape.split(","))) for shape in shapes.split(";")]
            row.attributes = pairs(attributes)
        rows.append(row)
    return rows


def sums():
    """Name of a sum to the names of its rows."""
    parts = {}
    for row in read_rows():
        if "part_of" in row.keys:
            parts.setdefault(row.keys["part_of"], []).append(row.name)
    return parts


@dataclasses.dataclass
class Goal:
    name: str  # of a row or a sum
    quotient: float
    peers: list  # of these, empty: of all


def goals(isa, threads):
    """Those of peer_goals.txt for these instructions (None: the widest) and threads, by the order of their first lines."""
    chosen = {}
    for name, quotient, *rest in read_lines("peer_goals.txt"):
        keys = pairs(rest)
        if keys.get("isa", isa) == isa and int(keys.get("threads", threads)) == threads:
            chosen[name] = Goal(name, float(quotient), [peer for peer in keys.get("peers", "").split(",") if peer])
    return list(chosen.values())


def find_row(name):
    return next(row for row in read_rows() if row.name == name)


def sluice_arguments(row, folder):
    """Of model_bench, for the files that peer_modules.py wrote to `folder`."""
    graph = ROOT / "models" / f"{row.keys['graph']}.graph" if row.is_network else folder / "row.graph"
    outputs = [f"--outputs={row.keys['outputs']}"] if "outputs" in row.keys else []
    packing = ["--no-prepack"] if row.keys.get("prepack") == "no" else []
    return [f"--graph={graph}", f"--sizes={row.keys.get('size', '1')}", *row.set_arguments(), *outputs, *packing,
            f"--weights={folder / 'weights.safetensors'}", f"--input={folder / 'input.safetensors'}"]
