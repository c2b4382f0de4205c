# SPDX-License-Identifier: Apache-2.0
"""The first five steps of recipes in double, by PyTorch's autograd: writes tests/fixtures/training/<recipe>_steps.safetensors.

The networks are written down here a second time, from the papers' formulas, under the names of models/*.graph; data and first weights
are random numbers that are exact in float32. tests/models/recipe_steps_test.cpp runs the recipes on them. With --float the same in
float32: how far that is off is a tenth of what the test allows.

    python tools/reference_training.py tests/fixtures/training
"""
import argparse
import math
import pathlib
import struct
import json

import torch
import torch.nn.functional as F

STEPS = 5
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


# ---- networks: (weights by name, batch) -> terms of the loss

def convolution(w, name, x, stride=1, bias=True, padding=None):
    weight = w[name + ".weight"]
    padding = weight.shape[-1] // 2 if padding is None else padding
    return F.conv2d(x, weight, w[name + ".bias"] if bias else None, stride, padding)


def leaky(x, slope=0.01):
    return F.leaky_relu(x, slope)


def filtered(image, kernels, height, width, softmax):
    """Sums over taps of kernels [n k h w] and the zero-padded image [n 1 h w]."""
    kernels = F.softmax(kernels, 1) if softmax else kernels
    n, _, h, w = image.shape
    taps = F.unfold(image, (height, width), padding=(height // 2, width // 2)).reshape(n, height * width, h, w)
    return (taps * kernels).sum(1, keepdim=True)


def steerable(w, batch):
    x = leaky(convolution(w, "filter.0", batch["theta"]))
    x = convolution(w, "filter.2", leaky(convolution(w, "filter.1", x)))
    return [(1, ((filtered(batch["image"], x, 9, 9, False) - batch["filtered"]) ** 2).mean())]


def encoded(w, x):
    for i, stride in enumerate((1, 2, 1, 1)):
        x = leaky(convolution(w, f"encoder.{i}", x, stride))
    return x


def decoded(w, x):
    for i in range(5):
        x = F.interpolate(x, scale_factor=2, mode="nearest") if i == 2 else x
        x = leaky(convolution(w, f"decoder.{i}", x))
    return convolution(w, "filter", x)


def video(w, batch):
    frames = batch["frames"]
    memory, made = None, []
    for t in range(frames.shape[1] + batch["future"].shape[1] - 1):
        frame = frames[:, t:t + 1] if t < frames.shape[1] else made[-1]
        seen = convolution(w, "mid", encoded(w, frame))
        memory = torch.zeros_like(seen) if memory is None else memory
        remembered = leaky(convolution(w, "hidden.1", leaky(convolution(w, "hidden.0", memory))))
        memory = leaky(seen) + remembered
        if t >= frames.shape[1] - 1:
            made.append(filtered(frame, decoded(w, memory), 9, 9, True))
    return [(1, F.binary_cross_entropy(torch.cat(made, 1), batch["future"]))]


def stereo(w, batch):
    left = batch["left"]
    middle = convolution(w, "mid", encoded(w, left), bias=False)
    x = decoded(w, leaky(middle + w["mid.untied_weight"].reshape(middle.shape[1:])))
    return [(1, ((filtered(left + x[:, 13:], x[:, :13], 1, 13, True) - batch["right"]) ** 2).mean())]


def gated3d(w, name, x, dilation=1, act=lambda v: v):
    both = []
    for part in ("feature", "gate"):
        weight = w[f"{name}.{part}_weight"]
        padding = (weight.shape[2] // 2, dilation * (weight.shape[3] // 2), dilation * (weight.shape[4] // 2))
        both.append(F.conv3d(x, weight, w[f"{name}.{part}_bias"], 1, padding, (1, dilation, dilation)))
    return act(both[0]) * torch.sigmoid(both[1])


def spatio_temporal(w, batch):
    x = batch["clip"]
    for i in range(1, 4):
        x = F.relu(gated3d(w, f"conv{i}", x))
    return [(1, F.cross_entropy(F.linear(x.flatten(1), w["fc1.weight"], w["fc1.bias"]), batch["label"].long()))]


def clip_inpaint(w, batch):
    masked = batch["clip"] * (1 - batch["mask"])
    x = torch.cat([masked, batch["mask"]], 1)
    for name, dilation in (("first", 1), ("second", 1), ("dilated2", 2), ("dilated4", 4), ("last", 1)):
        x = gated3d(w, name, x, dilation, lambda v: leaky(v, 0.2))
    made = gated3d(w, "made", x, 1, torch.tanh)
    filled = made * batch["mask"] + masked
    return [(1, (made - batch["clip"]).abs().mean()), (6, (filled - batch["clip"]).abs().mean())]


# ---- shapes of weights

def conv_shapes(name, outputs, inputs, kernel, bias=True):
    shapes = {name + ".weight": (outputs, inputs, kernel, kernel)}
    return {**shapes, name + ".bias": (outputs,)} if bias else shapes


def joined(*parts):
    return {name: shape for part in parts for name, shape in part.items()}


def dynamic_shapes(taps, bias=True):
    """Of dfn_video and dfn_stereo with width=4 encoder_width=4 hidden_width=6."""
    return joined(conv_shapes("encoder.0", 4, 1, 3), *(conv_shapes(f"encoder.{i}", 4, 4, 3) for i in (1, 2, 3)),
                  conv_shapes("mid", 6, 4, 3, bias), conv_shapes("decoder.0", 4, 6, 3),
                  *(conv_shapes(f"decoder.{i}", 4, 4, 3) for i in (1, 2, 3)), conv_shapes("decoder.4", 6, 4, 1),
                  conv_shapes("filter", taps, 6, 1))


def gated3d_shapes(name, outputs, inputs, kernel):
    return joined(*({f"{name}.{part}_weight": (outputs, inputs, *kernel), f"{name}.{part}_bias": (outputs,)}
                    for part in ("feature", "gate")))


CUBE = (3, 3, 3)
CLIP_SHAPES = joined(gated3d_shapes("first", 2, 4, (3, 5, 5)), gated3d_shapes("second", 4, 2, CUBE),
                     gated3d_shapes("dilated2", 4, 4, CUBE), gated3d_shapes("dilated4", 4, 4, CUBE),
                     gated3d_shapes("last", 2, 4, CUBE), gated3d_shapes("made", 3, 2, CUBE))


# ---- rates: step -> learning rate

def constant(_):
    return 1e-3


def cosine(rate, steps=2000, warmup=20, floor=1e-5):
    return lambda s: min(1, (s + 1) / warmup) * (floor + (rate - floor) * (1 + math.cos(math.pi * s / steps)) / 2)


# recipe: network's name, loss, shapes of weights, of a batch, rate, norm that gradients are clipped to.
RECIPES = {
    "dfn_steerable": ("filters", steerable, joined(conv_shapes("filter.0", 4, 1, 1), conv_shapes("filter.1", 8, 4, 1),
                                                   conv_shapes("filter.2", 81, 8, 1)),
                      {"image": (2, 1, 12, 12), "theta": (2, 1, 12, 12), "filtered": (2, 1, 12, 12)}, constant, None),
    "dfn_video": ("prediction", video, joined(dynamic_shapes(81), conv_shapes("hidden.0", 6, 6, 3), conv_shapes("hidden.1", 6, 6, 3)),
                  {"frames": (2, 3, 12, 12), "future": (2, 2, 12, 12)}, constant, None),
    "dfn_stereo": ("pair", stereo, joined(dynamic_shapes(14, False), {"mid.untied_weight": (6 * 36, 1)}),
                   {"left": (2, 1, 12, 12), "right": (2, 1, 12, 12)}, constant, None),
    "spatio_temporal": ("classifier", spatio_temporal,
                        joined(gated3d_shapes("conv1", 2, 3, CUBE), gated3d_shapes("conv2", 4, 2, CUBE), gated3d_shapes("conv3", 8, 4, CUBE),
                               {"fc1.weight": (3, 8 * 3 * 8 * 8), "fc1.bias": (3,)}),
                        {"clip": (2, 3, 3, 8, 8), "label": (2,)}, cosine(1e-3), 5),
    "clip_inpaint": ("generator", clip_inpaint, CLIP_SHAPES, {"clip": (2, 3, 3, 8, 8), "mask": (2, 1, 3, 8, 8)}, cosine(2e-3), 5),
}


def drawn(name, shape, random):
    """Numbers that are exact in float32."""
    uniform = torch.rand(shape, generator=random, dtype=torch.float32)
    if name == "label":
        return (uniform * 3).floor()
    if name == "mask":
        return (uniform < 0.4).float()
    if name in ("clip", "filtered"):
        return uniform * 2 - 1
    return uniform * 6 if name == "theta" else uniform * 0.6 + 0.2


def first_weight(shape, random):
    fan = math.prod(shape[1:]) if len(shape) > 1 else 25
    return ((torch.rand(shape, generator=random) * 2 - 1) * (1.5 / math.sqrt(fan))).float()


def train(loss_of, weights, batches, rate, clip, dtype):
    """The loss of each step, and the weights at the end."""
    w = {name: tensor.to(dtype).clone().requires_grad_() for name, tensor in weights.items()}
    first, second = ({name: torch.zeros_like(tensor) for name, tensor in w.items()} for _ in range(2))
    losses = []
    for step, batch in enumerate(batches):
        loss = sum(weight * term for weight, term in loss_of(w, {name: tensor.to(dtype) for name, tensor in batch.items()}))
        losses.append(loss.item())
        gradients = dict(zip(w, torch.autograd.grad(loss, list(w.values()))))
        norm = math.sqrt(sum(g.double().square().sum().item() for g in gradients.values()))
        factor = clip / norm if clip is not None and norm > clip else 1
        with torch.no_grad():
            for name, tensor in w.items():
                g = gradients[name] * factor
                first[name] = BETA1 * first[name] + (1 - BETA1) * g
                second[name] = BETA2 * second[name] + (1 - BETA2) * g * g
                root = second[name].sqrt() / math.sqrt(1 - BETA2 ** (step + 1)) + EPSILON
                tensor -= rate(step) / (1 - BETA1 ** (step + 1)) * first[name] / root
    return losses, {name: tensor.detach() for name, tensor in w.items()}


def write(path, tensors):
    header, data = {}, b""
    for name, tensor in sorted(tensors.items()):
        values = tensor.float().contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def moved(weights, start):
    return math.sqrt(sum((weights[name].double() - start[name].double()).square().sum().item() for name in weights))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--float", action="store_true", help="print how far float32 is off instead of writing")
    arguments = parser.parse_args()
    for recipe, (network, loss_of, shapes, inputs, rate, clip) in RECIPES.items():
        random = torch.Generator().manual_seed(1)
        start = {name: first_weight(shape, random) for name, shape in shapes.items()}
        batches = [{name: drawn(name, shape, random) for name, shape in inputs.items()} for _ in range(STEPS)]
        losses, end = train(loss_of, start, batches, rate, clip, torch.float64)
        if arguments.float:
            own, last = train(loss_of, start, batches, rate, clip, torch.float32)
            off = max(abs(a - b) / abs(b) for a, b in zip(own, losses))
            print(f"{recipe}: losses {off:.1e}, weights {moved(last, end) / moved(end, start):.1e}")
            continue
        tensors = {"losses": torch.tensor(losses, dtype=torch.float64)}
        for prefix, weights in (("initial", start), ("final", end)):
            tensors.update({f"{prefix}.{network}.{name}": tensor for name, tensor in weights.items()})
        for step, batch in enumerate(batches):
            tensors.update({f"{step}.{name}": tensor for name, tensor in batch.items()})
        write(arguments.folder / f"{recipe}_steps.safetensors", tensors)
        print(recipe, losses)


if __name__ == "__main__":
    main()
