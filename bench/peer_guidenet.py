#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""GuideNet in PyTorch, eager, its guided convolutions by F.unfold, and ours in turn.

  peer_guidenet.py [--bench build/bin/model_bench] [--size 352x1216] [--generation-kernel 1] [--rounds 3] [--threads 2]

The network is that of models/guidenet.graph: --generation-kernel 1 is GNS, 3 is GN. Batch norms use stored statistics.
PyTorch runs channels_last, which is the faster of its layouts here. Prints a line a round, then the ratio of the medians.
"""
import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


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

    def __init__(self, channels, generation_kernel):
        super().__init__()
        self.conv11 = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.conv12 = nn.Conv2d(channels, 9 * channels, generation_kernel, padding=generation_kernel // 2)
        self.conv21 = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.conv22 = nn.Conv2d(channels, channels * channels, 1)
        self.local_norm, self.norm = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.conv3 = conv_norm(channels, channels)

    def forward(self, depth, guidance):
        n, c, h, w = depth.shape
        both = torch.cat((depth, guidance), 1)
        kernels = self.conv12(F.relu(self.conv11(both))).reshape(n, c, 9, h * w)
        patches = F.unfold(depth, 3, padding=1).view(n, c, 9, h * w)
        y = F.relu(self.local_norm((kernels * patches).sum(2).view(n, c, h, w)))
        mixing = self.conv22(F.relu(self.conv21(both)).mean((2, 3), keepdim=True)).view(n, c, c)
        y = F.relu(self.norm(torch.bmm(mixing, y.reshape(n, c, h * w)).view(n, c, h, w)))
        return F.relu(self.conv3(y))


class GuideNet(nn.Module):
    def __init__(self, generation_kernel, width=32):
        super().__init__()
        wide = [width * factor for factor in (1, 2, 4, 8, 8, 8)]
        self.conv_img, self.conv_lidar = conv_norm(3, width, 5), nn.Conv2d(1, width, 5, padding=2)
        self.image_levels = nn.ModuleList(level(wide[i], wide[i + 1]) for i in range(5))
        self.lidar_levels = nn.ModuleList(level(wide[i], wide[i + 1]) for i in range(5))
        self.image_decoders = nn.ModuleList(Decoder(wide[i + 1], wide[i]) for i in (4, 3, 2, 1))
        self.guides = nn.ModuleList(Guide(wide[i], generation_kernel) for i in (1, 2, 3, 4))
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


def ours(options):
    """Median seconds of three runs, and the peak memory in MB, of a process of its own."""
    command = [options.bench, "--graph", "models/guidenet.graph", "--set", f"generation_kernel={options.generation_kernel}",
               "--sizes", options.size, "--runs", "3", "--sluice_threads", str(options.threads), "--benchmark_format=json"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    row = json.loads(text)["benchmarks"][0]
    return row["median_ms"] / 1e3, row["peak_memory_MB"]


def theirs(network, inputs):
    network(*inputs)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        network(*inputs)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", default="build/bin/model_bench")
    parser.add_argument("--size", default="352x1216")
    parser.add_argument("--generation-kernel", type=int, default=1, choices=(1, 3))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    height, width = map(int, options.size.split("x"))
    network = GuideNet(options.generation_kernel).eval().to(memory_format=torch.channels_last)
    count = sum(parameter.numel() for parameter in network.parameters())
    inputs = [torch.randn(1, channels, height, width).to(memory_format=torch.channels_last) for channels in (3, 1)]
    print(f"torch {torch.__version__}, {count} parameters, {options.size}, {options.threads} threads", flush=True)
    rows = []
    with torch.inference_mode():
        for _ in range(options.rounds):
            rows.append((theirs(network, inputs), *ours(options)))
            print(f"torch {rows[-1][0] * 1e3:.0f} ms, ours {rows[-1][1] * 1e3:.0f} ms", flush=True)
    ratio = statistics.median(row[0] for row in rows) / statistics.median(row[1] for row in rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"ours is {ratio:.2f} times as fast; peak memory {rows[-1][2]:.0f} MB, torch {peak:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
