# SPDX-License-Identifier: Apache-2.0
"""DeepFill v2's generator and its layers in PyTorch, in the forms that run fastest there and in the engines it is exported to.

The network is that of models/deepfill2.graph, the weights bear the names of that file. One picture at a time.
"""
import copy

import numpy as np
import torch
import torch.nn.functional as F

# The attention's scores stay between flat and one-hot when the layer before it is small and the one after it large.
ATTENTION_SCALE = {"pmconv6": 0.02, "pmconv9": 1 / 0.02}

LAST = {"pmconv": {"activation": "relu"}}  # of an encoder


def encoder(net, inputs, c2, c4, width=48):
    """name, input channels, output channels, keywords of Layer."""
    half = width // 2
    return [(f"{net}1", inputs, half, {"kernel": 5}), (f"{net}2_downsample", half, c2, {"stride": 2}),
            (f"{net}3", c2, width, {}), (f"{net}4_downsample", width, c4, {"stride": 2}),
            (f"{net}5", c4, 2 * width, {}), (f"{net}6", 2 * width, 2 * width, LAST.get(net, {}))]


def dilated(net, width=48):
    return [(f"{net}{7 + i}_atrous", 2 * width, 2 * width, {"dilation": 2 << i}) for i in range(4)]


def decoder(net, inputs, width=48):
    half = width // 2
    return [(f"{net}11", inputs, 2 * width, {}), (f"{net}12", 2 * width, 2 * width, {}),
            (f"{net}13_upsample", 2 * width, width, {"upsample": True}), (f"{net}14", width, width, {}),
            (f"{net}15_upsample", width, half, {"upsample": True}), (f"{net}16", half, half // 2, {}),
            (f"{net}17", half // 2, 3, {"gated": False, "activation": "none"})]


def same_padding(size, kernel, stride, dilation):
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


class Layer(torch.nn.Module):
    """A convolution of pictures or clips, gated or not. One sum gives feature and gate, two after take_apart(). Padding is
    TensorFlow's SAME, by the convolution itself where it is even."""

    def __init__(self, inputs, outputs, kernel=3, stride=1, dilation=1, upsample=False, gated=True, activation="elu", groups=1,
                 dimensions=2):
        super().__init__()
        kind = torch.nn.Conv3d if dimensions == 3 else torch.nn.Conv2d
        self.conv = kind(inputs, outputs * (2 if gated else 1), kernel, stride, 0, dilation, groups)
        self.gate = None
        self.shape = kernel, stride, dilation
        self.upsample, self.gated, self.activation = upsample, gated, activation

    def take_apart(self):
        """The gate by a convolution of its own: some engines are faster so."""
        (feature, gate), (bias, gate_bias) = self.conv.weight.detach().chunk(2), self.conv.bias.detach().chunk(2)
        self.gate = copy.deepcopy(self.conv)
        for conv, *values in ((self.conv, feature, bias), (self.gate, gate, gate_bias)):
            conv.weight, conv.bias = (torch.nn.Parameter(value.clone()) for value in values)

    def sum(self, conv, x, padding):
        _, stride, dilation = self.shape
        many = len(padding)
        return torch.convolution(x, conv.weight, conv.bias, [stride] * many, padding, [dilation] * many, False, [0] * many,
                                 conv.groups)

    def forward(self, x):
        if self.upsample:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        pads = [same_padding(int(size), *self.shape) for size in x.shape[2:]]
        padding = [before for before, _ in pads]
        if any(before != after for before, after in pads):
            x, padding = F.pad(x, [side for pair in reversed(pads) for side in pair]), [0] * len(pads)
        y, gate = self.sum(self.conv, x, padding), None
        if self.gate is not None:
            gate = self.sum(self.gate, x, padding)
        elif self.gated:
            y, gate = y.chunk(2, 1)
        y = {"elu": F.elu, "relu": F.relu, "none": lambda same: same}[self.activation](y)
        return y if gate is None else y * torch.sigmoid(gate)


def nearest_indices(count_in, count_out):
    """Of TensorFlow's nearest resize with align_corners: float32 steps, halves away from zero."""
    steps = np.arange(count_out, dtype=np.float32) * (np.float32(count_in - 1) / np.float32(count_out - 1))
    return torch.from_numpy(np.minimum(np.floor(steps.astype(np.float64) + 0.5).astype(np.int64), count_in - 1))


def subsample(x, height, width):
    return (x.index_select(2, nearest_indices(int(x.shape[2]), height))
            .index_select(3, nearest_indices(int(x.shape[3]), width)))


def key_mask(mask, height, width):
    """1 for every position of the half-size grid whose 3x3 patch has no hole."""
    small = subsample(subsample(mask, height, width), height // 2, width // 2)
    return (F.max_pool2d(small, 3, 1, 1) == 0).to(mask.dtype).reshape(-1)


def add_diagonals(scores, in_place):
    if not in_place:
        padded = F.pad(scores, (1, 1, 1, 1))
        return padded[:-2, :-2] + padded[1:-1, 1:-1] + padded[2:, 2:]
    total = scores.clone()
    total[1:, 1:] += scores[:-1, :-1]
    total[:-1, :-1] += scores[1:, 1:]
    return total


def attention(feature, usable, in_place, scale=10.0):
    """Two matrix products over all pairs of patches, the fuse by slices, the paste as four shifted sums.

    in_place is faster as it stands, and very slow when compiled."""
    channels, height, width = map(int, feature.shape[1:])
    gh, gw = height // 2, width // 2
    count = gh * gw
    padded = F.pad(subsample(feature, gh, gw), (1, 1, 1, 1))
    patches = torch.cat([padded[:, :, i:i + gh, j:j + gw] for i in range(3) for j in range(3)], 1).reshape(-1, count)
    keys = patches / patches.square().sum(0, keepdim=True).sqrt().clamp_min(1e-4)
    scores = add_diagonals(patches.t() @ keys, in_place)
    scores = scores.reshape(gh, gw, gh, gw).permute(1, 0, 3, 2).reshape(count, count)
    scores = add_diagonals(scores, in_place)
    scores = scores.reshape(gw, gh, gw, gh).permute(1, 0, 3, 2).reshape(count, count)
    if in_place:
        scores *= usable * scale
        weights = torch.softmax(scores, 1)
        weights *= usable
    else:
        weights = torch.softmax(scores * (usable * scale), 1) * usable
    around = F.pad(feature, (1, 1, 1, 1))
    raw = torch.cat([around[:, :, i:i + 2 * gh - 1:2, j:j + 2 * gw - 1:2] for i in range(4) for j in range(4)], 1)
    pasted = (raw.reshape(16 * channels, count) @ weights.t()).reshape(2, 2, 2, 2, channels, gh, gw)
    total = 0
    for down in range(2):
        for right in range(2):
            block = pasted[down, :, right].permute(2, 3, 0, 4, 1).reshape(1, channels, 2 * gh, 2 * gw)
            total = total + F.pad(block, (2 * right, 2 - 2 * right, 2 * down, 2 - 2 * down))
    return total[:, :, 1:-1, 1:-1] * 0.25


def layer_weights(layer):
    """Port to values, of a Layer that is not taken apart."""
    named = {}
    for kind, value in (("weight", layer.conv.weight), ("bias", layer.conv.bias)):
        parts = zip(("feature_", "gate_"), value.detach().chunk(2)) if layer.gated else [("", value.detach())]
        named.update({f"{part}{kind}": half.contiguous() for part, half in parts})
    return named


class Generator(torch.nn.Module):
    """forward(image in -1..1, mask) -> filled, x1, x2."""

    def __init__(self, width=48, in_place=True):
        super().__init__()
        self.in_place = in_place
        half = width // 2
        self.groups = {"coarse": encoder("conv", 5, width, 2 * width, width) + dilated("conv", width)
                                 + decoder("conv", 2 * width, width),
                       "branch": encoder("xconv", 3, half, width, width) + dilated("xconv", width),
                       "before": encoder("pmconv", 3, half, 2 * width, width),
                       "after": [(f"pmconv{i}", 2 * width, 2 * width, {}) for i in (9, 10)],
                       "merge": decoder("allconv", 4 * width, width)}
        self.layers = torch.nn.ModuleDict({name: Layer(inputs, outputs, **keywords) for group in self.groups.values()
                                           for name, inputs, outputs, keywords in group})

    def take_apart(self):
        for layer in self.layers.values():
            if layer.gated:
                layer.take_apart()

    def through(self, group, x):
        for name, *_ in self.groups[group]:
            x = self.layers[name](x)
        return x

    def forward(self, image, mask):
        masked = image * (1 - mask)
        x1 = torch.tanh(self.through("coarse", torch.cat([masked, torch.ones_like(mask), mask], 1)))
        pasted = x1 * mask + masked * (1 - mask)
        before = self.through("before", pasted)
        usable = key_mask(mask, int(before.shape[2]), int(before.shape[3]))
        after = self.through("after", attention(before, usable, self.in_place))
        x2 = torch.tanh(self.through("merge", torch.cat([self.through("branch", pasted), after], 1)))
        return x2 * mask + masked * (1 - mask), x1, x2

    def seed_weights(self, seed):
        """Features with a deviation of 2.7 / sqrt(fan-in) and gates of 1: activations stay of the order of 1."""
        random = np.random.default_rng(seed)
        for name, layer in self.layers.items():
            weight, bias = layer.conv.weight, layer.conv.bias
            values = random.standard_normal(tuple(weight.shape)) / np.sqrt(weight[0].numel())
            offsets = 0.1 * random.standard_normal(tuple(bias.shape))
            features = len(values) // 2 if layer.gated else len(values)
            scale = ATTENTION_SCALE.get(name, 1)
            values[:features] *= 2.7 if layer.gated else 0.8
            values[:len(values) if scale > 1 else features] *= scale
            if scale < 1:
                offsets[:features] *= scale
            with torch.no_grad():
                weight.copy_(torch.from_numpy(values.astype(np.float32)))
                bias.copy_(torch.from_numpy(offsets.astype(np.float32)))

    def named_weights(self):
        """Under the names of our weight files."""
        return {f"{name}.{port}": value for name, layer in self.layers.items() for port, value in layer_weights(layer).items()}
