#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A row of bench/peer_rows.txt as a PyTorch module with seeded weights and inputs, and the files of them that Sluice and the
engines without PyTorch read.

  peer_modules.py ROW FOLDER [FORM...]   writes row.graph, weights.safetensors, input.safetensors and a FORM.onnx for each form

A form is "whole" (one convolution gives feature and gate, or the kernels of all taps), "apart" (two, or one a tap; an instance
norm written out) or "unfold" (guided convolution through F.unfold).
"""
import pathlib
import sys
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import peer_guidenet  # noqa: E402
import peer_network  # noqa: E402
import peer_rows  # noqa: E402
import peer_sketch  # noqa: E402

ONNX_OPSET = 17
NORM_EPSILON = 1e-5


class Built:
    """module: called with the values of `inputs`, gives a tuple for `outputs`; weights: under Sluice's names."""

    def __init__(self, module, inputs, weights, outputs=("out",)):
        self.module, self.inputs, self.weights, self.outputs = module.eval(), inputs, weights, outputs


def uniform(random, shape, low=-1, high=1):
    return torch.from_numpy(random.uniform(low, high, shape).astype(np.float32))


def seed_convolution(random, conv):
    """Sums of a deviation near 1 of inputs in -1..1."""
    reach = 3 / conv.weight[0].numel() ** 0.5
    with torch.no_grad():
        conv.weight.copy_(uniform(random, tuple(conv.weight.shape), -reach, reach))
        conv.bias.copy_(uniform(random, tuple(conv.bias.shape), -0.1, 0.1))


def of_node(weights):
    return {f"node.{port}": value for port, value in weights.items()}


def build_convolution(row, form, in_place):
    random = np.random.default_rng(0)
    channels = row.shapes[0][1]
    groups = channels if row.kind == "depthwise" else 1
    layer = peer_network.Layer(channels, row.integer("channels", channels), row.integer("kernel"), row.integer("stride"),
                               row.integer("dilation"), row.integer("upsample") == 2, row.is_gated,
                               row.attributes.get("activation", "none"), groups, len(row.shapes[0]) - 2)
    seed_convolution(random, layer.conv)
    weights = of_node(peer_network.layer_weights(layer))
    if form == "apart" and row.is_gated:
        layer.take_apart()
    return Built(layer, {"in0": uniform(random, row.shapes[0])}, weights)


def build_separable(row, form, in_place):
    random = np.random.default_rng(0)
    channels = row.shapes[0][1]
    parts = {"depthwise": peer_network.Layer(channels, channels, row.integer("kernel"), row.integer("stride"), row.integer("dilation"),
                                             gated=False, activation="relu", groups=channels),
             "pointwise": peer_network.Layer(channels, row.integer("channels"), 1, gated=False, activation="relu")}
    weights = {}
    for name, layer in parts.items():
        seed_convolution(random, layer.conv)
        weights.update({f"{name}_{port}": value for port, value in peer_network.layer_weights(layer).items()})
    return Built(torch.nn.Sequential(*parts.values()), {"in0": uniform(random, row.shapes[0])}, of_node(weights))


class Attention(torch.nn.Module):
    """The mask of the keys is made beforehand, and its square hole with it: it takes no time worth measuring."""

    def __init__(self, usable, in_place):
        super().__init__()
        self.register_buffer("usable", usable)
        self.in_place = in_place

    def forward(self, x):
        return peer_network.attention(x, self.usable, self.in_place)


def build_attention(row, form, in_place):
    random = np.random.default_rng(0)
    mask = torch.zeros(row.shapes[1])
    height, width = row.shapes[1][2:]
    mask[:, :, height // 4:-height // 4, width // 4:-width // 4] = 1
    feature = torch.relu(torch.from_numpy(random.standard_normal(row.shapes[0]).astype(np.float32))) * 0.02
    module = Attention(peer_network.key_mask(mask, *row.shapes[0][2:]), in_place)
    return Built(module, {"in0": feature, "in1": mask}, {})


class Guided(torch.nn.Module):
    """The batch norm's scale goes into the generated kernels, its shift is added to their sum."""

    def __init__(self, local, scale, shift):
        super().__init__()
        self.local = local
        self.register_buffer("shift", shift.view(1, -1, 1, 1))
        with torch.no_grad():
            taps = scale.repeat(peer_guidenet.TAPS)
            local.conv.weight *= taps.view(-1, 1, 1, 1)
            local.conv.bias *= taps

    def forward(self, x, guidance):
        return F.relu(self.local(guidance, x) + self.shift)


def build_guided(row, form, in_place):
    random = np.random.default_rng(0)
    channels, guides = row.shapes[0][1], row.shapes[1][1]
    local = peer_guidenet.GuidedConv(guides, channels, row.integer("generation_kernel"), form)
    seed_convolution(random, local.conv)
    norm = {"norm_weight": uniform(random, channels, 0.5, 1.5), "norm_bias": uniform(random, channels),
            "running_mean": uniform(random, channels), "running_var": uniform(random, channels, 0.5, 1.5)}
    weights = {port: peer_guidenet.channels_first(getattr(local.conv, port).detach()).clone() for port in ("weight", "bias")}
    scale = norm["norm_weight"] / torch.sqrt(norm["running_var"] + NORM_EPSILON)
    module = Guided(local, scale, norm["norm_bias"] - norm["running_mean"] * scale)
    inputs = {name: uniform(random, shape) for name, shape in zip(row.input_names, row.shapes)}
    return Built(module, inputs, of_node({**weights, **norm}))


class Inpainting(torch.nn.Module):
    """Pictures of 0..255, as Sluice takes them; only the outputs that the row wants."""

    outputs = ("filled", "x1", "x2")

    def __init__(self, generator, wanted):
        super().__init__()
        self.generator = generator
        self.wanted = [self.outputs.index(name) for name in wanted]

    def forward(self, image, mask):
        made = self.generator(image / 127.5 - 1, mask)
        return tuple(made[i] for i in self.wanted)


def build_inpainting(row, form, in_place):
    generator = peer_network.Generator(in_place=in_place)
    generator.seed_weights(0)
    weights = generator.named_weights()
    if form == "apart":
        generator.take_apart()
    wanted = tuple(row.keys["outputs"].split(",")) if "outputs" in row.keys else Inpainting.outputs
    return Built(Inpainting(generator, wanted), seeded_picture(*row.size), weights, wanted)


def seeded_picture(height, width):
    """A picture of smooth waves and noise, 0..255, and a mask of rectangles over about a fifth of it."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width]
    image = random.normal(120, 6, (1, 3, height, width))
    for channel in range(3):
        for _ in range(6):
            fx, fy, phase = random.uniform(-0.06, 0.06), random.uniform(-0.06, 0.06), random.uniform(0, 6.28)
            image[0, channel] += random.uniform(10, 20) * np.sin(fx * x + fy * y + phase)
    mask = np.zeros((1, 1, height, width), np.float32)
    while mask.mean() < 0.2:
        top, left = random.integers(0, height), random.integers(0, width)
        down, right = random.integers(height // 16, height // 4), random.integers(width // 16, width // 4)
        mask[:, :, top:top + down, left:left + right] = 1
    return {"image": torch.from_numpy(image.clip(0, 255).astype(np.float32)), "mask": torch.from_numpy(mask)}


def build_depth(row, form, in_place):
    random = np.random.default_rng(0)
    network = peer_guidenet.GuideNet(int(row.settings["generation_kernel"]), form=form)
    peer_guidenet.seed_weights(network, 0)
    inputs = {"image": uniform(random, (1, 3, *row.size)), "lidar": uniform(random, (1, 1, *row.size))}
    return Built(network, inputs, network.named_weights(), ("depth",))


def build_sketch(row, form, in_place):
    if row.keys["graph"] == "sketchfill_shape":
        network, channels, nz = peer_sketch.ShapeGenerator(), 1, 256
    else:
        network, channels, nz = peer_sketch.AppearanceGenerator(form=form, in_place=in_place), 3, 8
    weights = peer_sketch.seed_weights(network, 0)
    return Built(network, peer_sketch.seeded_inputs(row.batch, channels, row.size[0], nz), weights, ("image",))


BUILDERS = {"convolution": build_convolution, "depthwise": build_convolution, "separable": build_separable,
            "attention": build_attention, "guided": build_guided, "inpainting": build_inpainting, "depth": build_depth,
            "sketch": build_sketch}


def build(row, form="whole", in_place=False):
    """in_place: with the steps written in place that are slow when compiled and that no exporter knows."""
    return BUILDERS[row.kind](row, form, in_place)


def passed_inputs(row, built):
    """What the module is called with: the attention has its mask already."""
    return {name: value for name, value in built.inputs.items() if row.kind != "attention" or name == "in0"}


def export(row, folder, forms):
    built = build(row)
    save_file({name: value.contiguous() for name, value in built.weights.items()}, folder / "weights.safetensors")
    save_file(built.inputs, folder / "input.safetensors")
    if not row.is_network:
        (folder / "row.graph").write_text(row.graph_text(), encoding="utf-8")
    for form in forms:
        built = build(row, form)
        inputs = passed_inputs(row, built)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of traced sizes, which are meant to be constants
            torch.onnx.export(built.module, tuple(inputs.values()), str(folder / f"{form}.onnx"), input_names=list(inputs),
                              output_names=list(built.outputs), opset_version=ONNX_OPSET, dynamo=False)


def main():
    name, folder, *forms = sys.argv[1:]
    export(peer_rows.find_row(name), pathlib.Path(folder), forms)


if __name__ == "__main__":
    main()
