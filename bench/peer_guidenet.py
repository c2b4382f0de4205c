# SPDX-License-Identifier: Apache-2.0
"""GuideNet in PyTorch, and its guided convolution by itself, in the forms that engines may run fastest.

The network is that of models/guidenet.graph, the weights bear the names of that file: generation_kernel 1 is GNS, 3 is GN.
Batch norms use stored statistics. Generated kernels lie tap by tap, all channels of a tap together, where the published
files have all taps of a channel together: then a tap is a slice of whole pixels in either memory format.
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

TAPS = 9  # of the 3x3 window


def taps_first(value):
    """From the order of the published files, channel by channel, to ours; channels_first() goes back."""
    return value.reshape(-1, TAPS, *value.shape[1:]).transpose(0, 1).reshape(value.shape).contiguous()


def channels_first(value):
    return value.reshape(TAPS, -1, *value.shape[1:]).transpose(0, 1).reshape(value.shape).contiguous()


def guided_sum(kernels, x):
    """Sum over the taps of kernel times shifted picture; kernels: a tensor for every tap, made when it is asked for."""
    height, width = map(int, x.shape[2:])
    padded, total = F.pad(x, (1, 1, 1, 1)), None
    for tap, kernel in enumerate(kernels):
        y, z = divmod(tap, 3)
        shifted = padded[:, :, y:y + height, z:z + width]
        total = kernel * shifted if total is None else total.addcmul_(kernel, shifted)
    return total


def unfolded_sum(kernels, x):
    """The same through F.unfold, as GuideNet's users write it without its CUDA kernel."""
    n, c, height, width = map(int, x.shape)
    patches = F.unfold(x, 3, padding=1).view(n, c, TAPS, height * width)
    return (kernels.reshape(n, TAPS, c, height * width).transpose(1, 2) * patches).sum(2).view(n, c, height, width)


class GuidedConv(nn.Module):
    """Kernels for every pixel and channel from `guidance`, applied to x.
    form: "whole" makes all kernels at once, "apart" a tap after the other, "unfold" all at once and applies them to patches."""

    def __init__(self, guides, channels, generation_kernel, form):
        super().__init__()
        self.conv = nn.Conv2d(guides, TAPS * channels, generation_kernel, padding=generation_kernel // 2)
        self.form = form

    def forward(self, guidance, x):
        if self.form == "apart":
            parts = zip(self.conv.weight.chunk(TAPS), self.conv.bias.chunk(TAPS))
            return guided_sum((F.conv2d(guidance, *part, padding=self.conv.padding) for part in parts), x)
        kernels = self.conv(guidance)
        return unfolded_sum(kernels, x) if self.form == "unfold" else guided_sum(kernels.chunk(TAPS, 1), x)


def conv_norm(inputs, outputs, kernel=3, stride=1):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """The residual block of ResNet-18."""

    def __init__(self, inputs, outputs, stride=1, activated=True):
        super().__init__()
        self.one, self.two = conv_norm(inputs, outputs, stride=stride), conv_norm(outputs, outputs)
        self.shortcut = conv_norm(inputs, outputs, 1, stride) if stride != 1 else nn.Identity()
        self.activated = activated

    def forward(self, x):
        y = self.two(F.relu(self.one(x))) + self.shortcut(x)
        return F.relu(y) if self.activated else y


def level(inputs, outputs):
    return nn.Sequential(Block(inputs, outputs, 2), Block(outputs, outputs))


class Decoder(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x, skip):
        return F.relu(self.norm(self.conv(x))) + skip


class Guide(nn.Module):
    """Kernels from depth and guidance: 3x3 a channel and pixel, then 1x1 a sample."""

    def __init__(self, channels, generation_kernel, form):
        super().__init__()
        self.conv11 = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.local = GuidedConv(channels, channels, generation_kernel, form)
        self.conv21 = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.conv22 = nn.Conv2d(channels, channels * channels, 1)
        self.local_norm, self.norm = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.conv3 = conv_norm(channels, channels)

    def forward(self, depth, guidance):
        n, c, h, w = map(int, depth.shape)
        both = torch.cat((depth, guidance), 1)
        y = F.relu(self.local_norm(self.local(F.relu(self.conv11(both)), depth)))
        mixing = self.conv22(F.relu(self.conv21(both)).mean((2, 3), keepdim=True)).view(n, c, c)
        y = F.relu(self.norm(torch.bmm(mixing, y.reshape(n, c, h * w)).view(n, c, h, w)))
        return F.relu(self.conv3(y))


class GuideNet(nn.Module):
    def __init__(self, generation_kernel, width=32, form="whole"):
        super().__init__()
        wide = [width * factor for factor in (1, 2, 4, 8, 8, 8)]
        self.conv_img, self.conv_lidar = conv_norm(3, width, 5), nn.Conv2d(1, width, 5, padding=2)
        self.image_levels = nn.ModuleList(level(wide[i], wide[i + 1]) for i in range(5))
        self.lidar_levels = nn.ModuleList(level(wide[i], wide[i + 1]) for i in range(5))
        self.image_decoders = nn.ModuleList(Decoder(wide[i + 1], wide[i]) for i in (4, 3, 2, 1))
        self.guides = nn.ModuleList(Guide(wide[i], generation_kernel, form) for i in (1, 2, 3, 4))
        self.decoders = nn.ModuleList(Decoder(wide[i + 1], wide[i]) for i in (4, 3, 2, 1, 0))
        self.ref, self.conv = Block(width, width, activated=False), nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, image, lidar):
        images = [F.relu(self.conv_img(image))]
        for one in self.image_levels:
            images.append(one(images[-1]))
        mixes = {5: images[5]}
        for i, decoder in zip((4, 3, 2, 1), self.image_decoders):
            mixes[i] = decoder(mixes[i + 1], images[i])
        depths = [F.relu(self.conv_lidar(lidar))]
        for i, one in enumerate(self.lidar_levels[:4]):
            depths.append(self.guides[i](one(depths[-1]), mixes[i + 1]))
        y = images[5] + self.lidar_levels[4](depths[4])
        for i, decoder in zip((4, 3, 2, 1, 0), self.decoders):
            y = decoder(y, depths[i])
        return self.conv(self.ref(y))

    def named_weights(self):
        """Under the names of our weight files."""
        named = {}
        for kind, levels in (("img", self.image_levels), ("lidar", self.lidar_levels)):
            for i, blocks in enumerate(levels, 1):
                for j, block in enumerate(blocks):
                    named.update(block_weights(f"layer{i}_{kind}.{j}", block))
        named.update(block_weights("ref", self.ref))
        named.update(sum_weights("conv_img", *self.conv_img))
        named.update(sum_weights("conv_lidar", self.conv_lidar), **sum_weights("conv", self.conv))
        for kind, decoders in (("_img", zip((5, 4, 3, 2), self.image_decoders)), ("", zip((5, 4, 3, 2, 1), self.decoders))):
            for i, decoder in decoders:
                named.update(sum_weights(f"layer{i}d{kind}", decoder.conv, decoder.norm))
        for i, guide in enumerate(self.guides, 1):
            named.update(guide_weights(f"guide{i}", guide))
        return named


def sum_weights(name, conv, norm=None, norm_prefix=None):
    """Of a convolution and the batch norm after it, whose parameters have a prefix of their own in a guide block."""
    named = {f"{name}.{port}": value.detach().contiguous() for port, value in conv.named_parameters()}
    if norm is None:
        return named
    names = {"weight": "norm_weight", "bias": "norm_bias"} if norm_prefix is None else {}
    for port in ("weight", "bias", "running_mean", "running_var"):
        named[f"{norm_prefix or name}.{names.get(port, port)}"] = getattr(norm, port).detach().contiguous()
    return named


def block_weights(name, block):
    named = {**sum_weights(f"{name}.conv1", *block.one), **sum_weights(f"{name}.conv2", *block.two)}
    if not isinstance(block.shortcut, nn.Identity):
        named.update(sum_weights(f"{name}.downsample", *block.shortcut))
    return named


def guide_weights(name, guide):
    named = {}
    for part in ("conv11", "conv21"):
        named.update(sum_weights(f"{name}.{part}.conv.0", getattr(guide, part)))
    local = sum_weights(f"{name}.conv12", guide.local.conv, guide.local_norm, f"{name}.local.bn")
    for port in ("weight", "bias"):
        local[f"{name}.conv12.{port}"] = channels_first(local[f"{name}.conv12.{port}"])
    conv22 = sum_weights(f"{name}.conv22", guide.conv22, guide.norm, f"{name}.br.0")
    return {**named, **local, **conv22, **sum_weights(f"{name}.conv3.conv.0", *guide.conv3, f"{name}.conv3.conv.bn")}


def seed_weights(network, seed):
    """Sums of a deviation near that of what they read, statistics near 0 and 1: outputs are of the order of 1."""
    random = np.random.default_rng(seed)

    def fill(tensor, low, high):
        with torch.no_grad():
            tensor.copy_(torch.from_numpy(random.uniform(low, high, tuple(tensor.shape)).astype(np.float32)))

    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for port, low, high in (("weight", 0.4, 0.8), ("bias", -0.1, 0.1), ("running_mean", -0.1, 0.1), ("running_var", 0.5, 1.5)):
                fill(getattr(module, port), low, high)
        elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            reach = (6 / module.weight[0].numel()) ** 0.5
            fill(module.weight, -reach, reach)
            if module.bias is not None:
                fill(module.bias, -0.1, 0.1)
    for module in network.modules():
        if isinstance(module, Guide):  # its matrix sums over all channels
            with torch.no_grad():
                module.conv22.weight /= module.conv22.in_channels ** 0.5
