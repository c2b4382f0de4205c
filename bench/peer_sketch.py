# SPDX-License-Identifier: Apache-2.0
"""Both generators of Interactive Sketch & Fill in PyTorch, in the forms that engines run fastest.

The networks are those of models/sketchfill_shape.graph and models/sketchfill_appearance.graph with their defaults. Modules
bear the names of the weights in those files. Norms of the gate use stored statistics; spectral norm is divided out beforehand.
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

SLOPE = 0.2  # of the shape generator's leaky ReLU
BRANCH = 0.1  # how much a branch of it adds
NORM_EPSILON = 1e-5
POWER_ITERATIONS = 5


class ShapeBlock(nn.Module):
    """Activation first: x + 0.1 * conv(act(conv(act(x)))), the factor in the weights. hidden: channels between the two. doubled: at
    twice the size of x; what enlarging commutes with is computed before it."""

    def __init__(self, inputs, outputs, hidden, scale, doubled=False):
        super().__init__()
        self.doubled = doubled
        self.conv_0 = nn.Conv2d(inputs, hidden, 3, padding=1)
        self.conv_1 = nn.Conv2d(hidden, outputs, 3, padding=1)
        self.conv_s = nn.Conv2d(inputs, outputs, 1, bias=False) if inputs != outputs else None
        self.scale = scale

    def fold(self):
        with torch.no_grad():
            self.conv_1.weight *= self.scale
            self.conv_1.bias *= self.scale

    def enlarged(self, x):
        return F.interpolate(x, scale_factor=2, mode="nearest") if self.doubled else x

    def forward(self, x):
        branch = self.conv_1(F.leaky_relu(self.conv_0(self.enlarged(F.leaky_relu(x, SLOPE))), SLOPE))
        return branch + self.enlarged(x if self.conv_s is None else self.conv_s(x))


class ShapeGenerator(nn.Module):
    """forward(sketch -1..1, z, label) -> image -1..1: six sizes, the sketch joins the first five."""

    def __init__(self, width=32, size=128, classes=10, nz=256, embedding_width=256):
        super().__init__()
        wide = [width * factor for factor in (16, 16, 16, 8, 4, 2, 1)]
        self.first = wide[0], size // 32
        self.embedding = nn.Embedding(classes, embedding_width)
        self.fc = nn.Linear(nz + embedding_width, wide[0] * self.first[1] ** 2)
        for i in range(6):
            setattr(self, f"resnet_{i}_0", ShapeBlock(wide[i], wide[i + 1], wide[i + 1], BRANCH, doubled=i > 0))
            setattr(self, f"resnet_{i}_1", ShapeBlock(wide[i + 1], wide[i + 1], wide[i + 1], BRANCH))
        self.sparse_processor = nn.ModuleList(ShapeBlock(1, wide[i + 1], 1, 1) for i in range(5))
        self.conv_img = nn.Conv2d(width, 1, 3, padding=1)

    def spectral(self):
        return [name for name, module in self.named_modules()
                if name.startswith("sparse_processor") and isinstance(module, nn.Conv2d)]

    def finish(self):
        for module in self.modules():
            if isinstance(module, ShapeBlock):
                module.fold()

    def forward(self, sketch, z, label):
        direction = self.embedding(label)
        direction = direction / direction.square().sum(1, keepdim=True).sqrt()
        channels, side = self.first
        x = self.fc(torch.cat((z, direction), 1)).view(-1, channels, side, side)
        for i, sparse in enumerate(self.sparse_processor):
            step = 32 >> i
            x = getattr(self, f"resnet_{i}_1")(getattr(self, f"resnet_{i}_0")(x)) + sparse(sketch[:, :, ::step, ::step])
        x = self.resnet_5_1(self.resnet_5_0(x))
        return torch.tanh(self.conv_img(F.leaky_relu(x, SLOPE)) + sketch)


class SignalBlock(nn.Module):
    """A residual block of a signal, part of the gate."""

    def __init__(self, width):
        super().__init__()
        parts = [(nn.Conv1d(width, width, 3, padding=1), nn.BatchNorm1d(width), nn.ReLU()) for _ in range(2)]
        self.model = nn.Sequential(*(module for part in parts for module in part))

    def forward(self, x):
        return x + self.model(x)


def mean_of_planes(x):
    """Row by row: where engines add up one value after the other, the error of a whole plane is too large."""
    return x.mean(3, keepdim=True).mean(2, keepdim=True)


def instance_norm(x, form):
    if form == "whole":
        return F.instance_norm(x, eps=NORM_EPSILON)
    mean = mean_of_planes(x)
    scale = torch.rsqrt(mean_of_planes((x - mean).square()) + NORM_EPSILON)
    return x * scale - mean * scale


class PictureBlock(nn.Module):
    """Shortcut + a * branch + b. resize: "same", "halve" or "double"; convolutions that follow a resize are padded by reflection."""

    def __init__(self, width, resize, form, in_place):
        super().__init__()
        self.resize, self.form, self.in_place = resize, form, in_place
        self.model = nn.ModuleDict()
        for i, name in enumerate("03" if resize == "same" else "25"):
            self.model[name] = nn.Conv2d(width, width, 3, padding=1 if resize == "same" or i else 0)
        if resize != "same":
            self.residual_block = nn.ModuleDict({"2": nn.Conv2d(width, width, 3)})

    def shortcut(self, x):
        """What the branch begins with, and the shortcut."""
        if self.resize == "same":
            return x, x
        around = (1, 1, 1, 1)
        if self.resize == "halve":
            x = F.pad(F.avg_pool2d(x, 2), around, mode="reflect")
            return x, self.residual_block["2"](x)
        smooth = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        sharp = F.interpolate(x, scale_factor=2, mode="nearest")
        return F.pad(sharp, around, mode="reflect"), self.residual_block["2"](F.pad(smooth, around, mode="reflect"))

    def forward(self, x, a, b):
        x, shortcut = self.shortcut(x)
        for conv in self.model.values():
            x = F.relu(instance_norm(conv(x), self.form), inplace=self.in_place)
        return torch.addcmul(b, x, a) + shortcut


class AppearanceGenerator(nn.Module):
    """forward(sketch -1..1, z, label) -> image -1..1. form: of the instance norms, "whole" or "apart", their statistics and what
    is done with them."""

    def __init__(self, width=64, nz=8, classes=10, form="whole", in_place=False):
        super().__init__()
        self.width, self.form, self.in_place = width, form, in_place
        salient = max(10, classes)
        self.label_noise, self.label_embedding = nn.Linear(nz, salient), nn.Embedding(classes, salient)
        self.gate = nn.Sequential(nn.Unflatten(1, (1, salient)), nn.Conv1d(1, 16, 3, padding=1), nn.ReLU(),
                                  *(SignalBlock(16) for _ in range(16)), nn.Flatten())
        resizes = ["same"] * 3 + ["halve"] * 3 + ["same"] * 4 + ["double"] * 3 + ["same"] * 3
        self.gate_mult = nn.Sequential(nn.Linear(16 * salient, len(resizes) * width), nn.Sigmoid())
        self.gate_add = nn.ModuleDict({"20": nn.Linear(16 * salient, len(resizes) * width)})
        self.main_initial = nn.Sequential(nn.Conv2d(3, width, 3, padding=1))
        blocks = [PictureBlock(width, resize, form, in_place) for resize in resizes]
        self.main = nn.ModuleList([*blocks, nn.Conv2d(width, 3, 3, padding=1)])

    def spectral(self):
        return [name for name, module in self.named_modules() if name.startswith("main.") and isinstance(module, nn.Conv2d)]

    def finish(self):
        pass

    def forward(self, sketch, z, label):
        a = self.gate_mult(self.gate(self.label_noise(z)))
        b = F.hardtanh(self.gate_add["20"](self.gate(self.label_embedding(label))))
        x = F.relu(instance_norm(self.main_initial(sketch), self.form), inplace=self.in_place)
        parts = zip(a.split(self.width, 1), b.split(self.width, 1))
        for block, (scale, shift) in zip(self.main, parts):
            x = block(x, scale[:, :, None, None], shift[:, :, None, None])
        return torch.tanh(self.main[-1](x))


def seeded(random, shape, low=-1, high=1):
    return torch.from_numpy(random.uniform(low, high, tuple(shape)).astype(np.float32))


def spectral_parts(weight, random):
    """A weight's stored form: a vector of each side, near those of its largest singular value, and that value."""
    matrix = weight.flatten(1).double()
    u = seeded(random, matrix.shape[:1]).double()
    for _ in range(POWER_ITERATIONS):
        v = F.normalize(matrix.t() @ u, dim=0)
        u = F.normalize(matrix @ v, dim=0)
    u, v = u.float(), v.float()
    return u, v, float(u.double() @ matrix @ v.double())


def seed_weights(network, seed):
    """Fills a network and returns its weights under the names of our files, spectral norm as it is stored there."""
    random = np.random.default_rng(seed)
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Conv1d, nn.Linear)):
            reach = (6 / module.weight[0].numel()) ** 0.5
            module.weight.data = seeded(random, module.weight.shape, -reach, reach)
            if module.bias is not None:
                module.bias.data = seeded(random, module.bias.shape, -0.1, 0.1)
        elif isinstance(module, nn.Embedding):
            module.weight.data = seeded(random, module.weight.shape)
        elif isinstance(module, nn.BatchNorm1d):
            for port, low, high in (("weight", 0.4, 0.8), ("bias", -0.1, 0.1), ("running_mean", -0.1, 0.1), ("running_var", 0.5, 1.5)):
                getattr(module, port).data = seeded(random, module.weight.shape, low, high)
    named = {name: value.clone() for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    for name in network.spectral():
        weight = named.pop(f"{name}.weight")
        u, v, sigma = spectral_parts(weight, random)
        named.update({f"{name}.weight_orig": weight, f"{name}.weight_u": u, f"{name}.weight_v": v})
        network.get_submodule(name).weight.data = weight / sigma
    network.finish()
    return named


def seeded_inputs(batch, channels, side, nz):
    """Sketches of -1 strokes on 1, the way of a thick brush at random each, noise and classes."""
    random = np.random.default_rng(0)
    sketch = np.ones((batch, 1, side, side), np.float32)
    for picture in sketch:
        steps = np.cumsum(random.normal(0, side / 60, (4 * side, 2)), 0).astype(np.int64) + side // 2
        picture[0, steps[:, 0] % side, steps[:, 1] % side] = -1
    brush = side // 32
    strokes = F.max_pool2d(F.pad(torch.from_numpy(-sketch), (brush // 2, brush - 1 - brush // 2) * 2, value=-1), brush, 1)
    return {"sketch": -strokes.repeat(1, channels, 1, 1),
            "z": torch.from_numpy(random.standard_normal((batch, nz)).astype(np.float32)),
            "label": torch.from_numpy(np.arange(batch) % 10)}
