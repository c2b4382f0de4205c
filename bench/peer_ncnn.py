# SPDX-License-Identifier: Apache-2.0
"""A layer of bench/peer_rows.txt as ncnn's .param text and .bin weights, written without its converter.

A line of .param: type, name, numbers of inputs and outputs, their names, key=value. Arrays have the key -23300 - key.
"""
import struct

import numpy as np

FLOAT32_TAG = struct.pack("<I", 0)  # before the weights, not before the biases
SIGMOID, MUL, SUM = 4, 2, 0  # activation of a convolution, operation of BinaryOp, of Reduction
RELU = 1
TAPS = 9


class Writer:
    def __init__(self, inputs):
        self.lines, self.blobs, self.bytes = [], 0, b""
        for name in inputs:
            self.layer("Input", [], [name])

    def layer(self, kind, inputs, outputs, **keys):
        """Keys are numbers with a letter before them: k0=1."""
        self.blobs += len(outputs)
        words = [kind, f"l{len(self.lines)}", str(len(inputs)), str(len(outputs)), *inputs, *outputs]
        self.lines.append(" ".join(words + [f"{key[1:]}={value}" for key, value in keys.items()]))

    def array(self, kind, inputs, outputs, arrays, **keys):
        """The same with arrays: number of the key to values."""
        self.layer(kind, inputs, outputs, **keys)
        self.lines[-1] += "".join(f" {-23300 - key}={len(values)},{','.join(map(str, values))}" for key, values in arrays.items())

    def convolution(self, source, target, weight, bias, stride=1, dilation=1, pads=((0, 0), (0, 0)), groups=1, activation=0):
        (top, bottom), (left, right) = pads
        keys = {"k0": len(weight), "k1": weight.shape[-1], "k11": weight.shape[-2], "k2": dilation, "k3": stride,
                "k4": left, "k15": right, "k14": top, "k16": bottom, "k5": 1, "k6": weight.size, "k9": activation}
        if groups > 1:
            keys["k7"] = groups
        self.layer("ConvolutionDepthWise" if groups > 1 else "Convolution", [source], [target], **keys)
        self.bytes += FLOAT32_TAG + weight.astype("<f4").tobytes() + bias.astype("<f4").tobytes()

    def save(self, folder, name):
        text = "\n".join(["7767517", f"{len(self.lines)} {self.blobs}", *self.lines, ""])
        (folder / f"{name}.param").write_text(text, encoding="ascii")
        (folder / f"{name}.bin").write_bytes(self.bytes)


def same_pads(row):
    kernel, stride, dilation = row.integer("kernel"), row.integer("stride"), row.integer("dilation")
    for size in row.shapes[0][2:]:
        size *= row.integer("upsample")
        total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
        yield total // 2, total - total // 2


def write_convolution(row, weights, form):
    writer, source = Writer(["in0"]), "in0"
    if row.integer("upsample") == 2:
        writer.layer("Interp", ["in0"], ["large"], k0=1, k1=2.0, k2=2.0)
        source = "large"
    keys = {"stride": row.integer("stride"), "dilation": row.integer("dilation"), "pads": tuple(same_pads(row))}
    if not row.is_gated:
        weight = weights["node.weight"]
        keys["groups"] = row.shapes[0][1] if row.kind == "depthwise" else 1
        writer.convolution(source, "out", weight, weights["node.bias"], **keys,
                           activation=RELU if row.attributes.get("activation") == "relu" else 0)
        return writer
    parts = [(weights[f"node.{part}_weight"], weights[f"node.{part}_bias"]) for part in ("feature", "gate")]
    if form == "apart":
        writer.layer("Split", [source], ["a", "b"])
        writer.convolution("a", "feature", *parts[0], **keys)
        writer.convolution("b", "open", *parts[1], **keys, activation=SIGMOID)
    else:
        count = len(parts[0][0])
        writer.convolution(source, "both", *(np.concatenate(both) for both in zip(*parts)), **keys)
        writer.array("Slice", ["both"], ["feature", "gate"], {0: [count, count]}, k1=0)
        writer.layer("Sigmoid", ["gate"], ["open"])
    writer.layer("ELU", ["feature"], ["active"], k0=1.0)
    writer.layer("BinaryOp", ["active", "open"], ["out"], k0=MUL)
    return writer


def write_separable(row, weights, form):
    writer, between = Writer(["in0"]), "between"
    for part, source, target in (("depthwise", "in0", between), ("pointwise", between, "out")):
        weight, bias = weights[f"node.{part}_weight"], weights[f"node.{part}_bias"]
        keys = {}
        if part == "depthwise":
            keys = {"groups": len(weight), "stride": row.integer("stride"), "dilation": row.integer("dilation"),
                    "pads": tuple(same_pads(row))}
        writer.convolution(source, target, weight, bias, **keys, activation=RELU)
    return writer


def write_guided(row, weights, form):
    """Patches by Unfold, as rows of taps of a channel; the batch norm's scale is in the kernels' weights."""
    _, channels, height, width = row.shapes[0]
    scale = weights["node.norm_weight"] / np.sqrt(weights["node.running_var"] + 1e-5)
    shift = weights["node.norm_bias"] - weights["node.running_mean"] * scale
    taps = np.repeat(scale, TAPS)
    writer = Writer(["in0", "in1"])
    writer.convolution("in1", "kernels", weights["node.weight"] * taps[:, None, None, None], weights["node.bias"] * taps)
    writer.layer("Reshape", ["kernels"], ["rows"], k0=height * width, k1=TAPS, k2=channels)
    writer.layer("Unfold", ["in0"], ["unfolded"], k1=3, k11=3, k4=1)
    writer.layer("Reshape", ["unfolded"], ["patches"], k0=height * width, k1=TAPS, k2=channels)
    writer.layer("BinaryOp", ["rows", "patches"], ["products"], k0=MUL)
    writer.array("Reduction", ["products"], ["sums"], {3: [1]}, k0=SUM, k1=0, k4=1, k5=1)
    writer.layer("Reshape", ["sums"], ["picture"], k0=width, k1=height, k2=channels)
    writer.layer("Scale", ["picture"], ["shifted"], k0=channels, k1=1)
    writer.bytes += np.ones(channels, "<f4").tobytes() + shift.astype("<f4").tobytes()
    writer.layer("ReLU", ["shifted"], ["out"])
    return writer


def why_not(row):
    """Why ncnn does not run a row, or None."""
    if row.is_network or row.kind == "attention":
        return "only single convolutions are written by hand, the rest would need ncnn's converter"
    if len(row.shapes[0]) == 5:
        return "its 3-D convolution is a plain loop, which is no form to compare with"
    if row.kind == "guided" and row.integer("generation_kernel") != 1:
        return "kernels are generated by 1x1 convolutions only"
    return None


def write(row, weights, form, folder):
    writers = {"guided": write_guided, "separable": write_separable}
    writer = writers.get(row.kind, write_convolution)(row, weights, form)
    writer.save(folder, f"ncnn_{form}")
