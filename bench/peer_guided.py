#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PyTorch on two layers of bench/layer_shapes.txt, for comparison with rows gg64_176x608 and v48_8x128 of layer_bench:
kernel generation and guided convolution by F.unfold, and the gated 3-D convolution, channels_last_3d. Two threads.

  peer_guided.py        needs torch; run it in turn with build/bin/layer_bench
"""
import resource
import time

import torch
import torch.nn.functional as F

RUNS = 5
torch.set_num_threads(2)
torch.manual_seed(0)


def make_guided():
    picture, guidance = torch.randn(1, 64, 176, 608), torch.randn(1, 64, 176, 608)
    weight, bias = torch.randn(576, 64, 1, 1) * 0.1, torch.randn(576)

    def run():
        kernels = F.conv2d(guidance, weight, bias).view(1, 64, 9, 176 * 608)
        patches = F.unfold(picture, 3, padding=1).view(1, 64, 9, 176 * 608)
        return torch.relu((kernels * patches).sum(2).view(1, 64, 176, 608))

    return run


def make_gated_3d():
    clip = torch.randn(1, 48, 8, 128, 128).contiguous(memory_format=torch.channels_last_3d)
    weight = (torch.randn(96, 48, 3, 3, 3) * 0.05).contiguous(memory_format=torch.channels_last_3d)
    bias = torch.randn(96)

    def run():
        feature, gate = F.conv3d(clip, weight, bias, padding=1).chunk(2, 1)
        return F.elu(feature) * torch.sigmoid(gate)

    return run


def main():
    with torch.inference_mode():
        for name, run in (("guided, unfold", make_guided()), ("gated 3-D", make_gated_3d())):
            run()
            times = []
            for _ in range(RUNS):
                start = time.perf_counter()
                run()
                times.append((time.perf_counter() - start) * 1e3)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(f"{name}: median {sorted(times)[RUNS // 2]:.1f} ms, best {min(times):.1f} ms, peak of the process {peak} MB")


if __name__ == "__main__":
    main()
