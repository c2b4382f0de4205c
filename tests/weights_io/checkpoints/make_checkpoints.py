#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints written in odd ways by PyTorch, numpy and the safetensors library, and the tensors they hold.

  make_checkpoints.py          writes the files of this folder again; needs torch, numpy and safetensors
  make_checkpoints.py --check  only compares written_by_sluice.pth with what is expected of it

Made with PyTorch 2.15.0, numpy 2.4.6, safetensors 0.8.0, Python 3.11. The files torch_<version>_* come from
old_checkpoints.py, run by hand in PyTorch 1.4 (Python 2.7), 1.6 and 1.12; here they are only read.
written_by_sluice.pth is what write_torch_zip makes of written_by_sluice.expected.safetensors.
NAME.expected.safetensors holds the tensors under the names Sluice gives them; several files may share one.
"""
import argparse
import collections
import io
import pathlib
import pickle
import struct
import sys
import zipfile

import numpy
import safetensors.torch
import torch
import torch.nn as nn
import torch.utils.serialization

import old_checkpoints
from old_checkpoints import sequence

FOLDER = pathlib.Path(__file__).resolve().parent
TENSOR_TYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
                torch.int8, torch.uint8, torch.bool]


# ---- values

def views():
    """Every way a tensor can lie in a storage that is not dense and row-major, and storages with several tensors."""
    base = sequence(6, 8)
    image = sequence(2, 3, 4, 5)
    shared = sequence(20)
    return {
        "transposed": base.t(), "columns": base[:, 2:5], "rows": base[1:3], "stepped": base[::2, 1::3],
        "last": base[-1, -1], "diagonal": base.diagonal(), "permuted": image.permute(0, 2, 3, 1),
        "channels_last": image.contiguous(memory_format=torch.channels_last), "expanded": sequence(3, 1).expand(3, 4),
        "all_expanded": torch.tensor(2.5).expand(2, 3), "windows": shared.as_strided((5, 4), (3, 1)),
        "first_half": shared[:10], "second_half": shared[10:], "whole": shared, "as_matrix": shared.view(4, 5),
        "one_by_one": base[2:3, 3:4], "ints": torch.arange(12, dtype=torch.int32).view(3, 4).t(),
    }


def ranks():
    return {"zero": torch.tensor(1.5), "zero_int": torch.tensor(-3), "zero_bool": torch.tensor(True),
            "empty": torch.zeros(0), "no_rows": torch.zeros(0, 4), "no_columns": torch.zeros(4, 0),
            "inner": torch.zeros(2, 0, 3, dtype=torch.float16), "empty_view": sequence(5)[3:3],
            "six": sequence(1, 2, 1, 3, 1, 2), "ones": sequence(1, 1, 1)}


def types():
    values = {}
    for dtype in TENSOR_TYPES:
        values[str(dtype)[6:]] = (sequence(7) * 20).to(dtype)
    special = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 1e-40, 3.4e38])
    for dtype in TENSOR_TYPES[:4]:
        values["special." + str(dtype)[6:]] = special.to(dtype)
    return values


def nested():
    default = collections.defaultdict(list, a=sequence(2))
    ordered = collections.OrderedDict([("z", sequence(3)), ("a", sequence(1))])
    return {"state": {"deep": {"deeper": {"w": sequence(2, 2)}}},
            "list": [sequence(2), [sequence(3)], {"x": sequence(1)}],
            "tuple": (sequence(4), sequence(5)), "ordered": ordered, "default": default, "nothing": {}, "none": [],
            "long": list(range(3)) + [sequence(1)] * 12}


def integer_keys():
    return {0: sequence(2), 1: {10: sequence(3), -2: sequence(1)}, 300: sequence(2, 2), 70000: sequence(4),
            "7": sequence(1)}


def mixed():
    options = argparse.Namespace(lr=1e-4, name="run", betas=(0.5, 0.999))
    return {"w": sequence(2, 3), "epoch": 17, "huge": 2**80, "negative": -5, "loss": 0.25, "none": None, "yes": True,
            "note": "gr\u00fc\u00df dich", "bytes": b"\x00\xff", "options": options, "set": {1, 2}, "complex": 1 + 2j,
            "scalar": numpy.float64(0.5), "array": numpy.arange(6, dtype=numpy.float32).reshape(2, 3),
            "column_major": numpy.asfortranarray(numpy.ones((2, 3))), "strings": numpy.array(["a", "bc"]),
            "size": torch.Size([1, 2]), "dtype": torch.float16, "device": torch.device("cpu"),
            "path": pathlib.Path("a/b"), "last": sequence(3)}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3)
        self.norm = nn.BatchNorm2d(3)
        self.head = nn.Conv2d(2, 3, 3)
        self.head.weight = self.conv.weight

    def forward(self, x):
        return self.norm(self.conv(x))


def filled(module):
    with torch.no_grad():
        for index, tensor in enumerate(module.state_dict().values()):
            if tensor.is_floating_point():
                tensor.copy_(sequence(*tensor.shape) / (index + 1) + index)
    return module


def training_run():
    """What a training script keeps: model, Adam with its slots, schedule, random state."""
    torch.manual_seed(1)
    net = filled(Net())
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, amsgrad=True)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10)
    net(sequence(1, 2, 5, 5)).square().sum().backward()
    optimizer.step()
    schedule.step()
    return {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(),
            "random": torch.arange(16, dtype=torch.uint8), "iteration": 1}


def parameters():
    net = filled(Net())
    return {"one": nn.Parameter(sequence(2, 3)), "frozen": nn.Parameter(sequence(3), requires_grad=False),
            "view": nn.Parameter(sequence(3, 4).t()), "needs_gradient": sequence(2).requires_grad_(),
            "named": dict(net.named_parameters()), "buffer": nn.Buffer(sequence(2))}


def spectral(normalize):
    torch.manual_seed(2)
    net = nn.Sequential(normalize(nn.Conv2d(2, 3, 3)), normalize(nn.ConvTranspose2d(2, 3, 3)))
    return net.state_dict()


def unusual():
    """Tensors that no type of ours fits, among two that one does."""
    quantized = torch.quantize_per_tensor(sequence(4), 0.1, 3, torch.quint8)
    return {"w": sequence(2), "complex64": torch.complex(sequence(2), sequence(2)), "quantized": quantized,
            "uint16": torch.tensor([1, 65535], dtype=torch.uint16), "float8": sequence(3).to(torch.float8_e4m3fn),
            "sparse": torch.eye(3).to_sparse(), "meta": torch.zeros(2, device="meta"), "last": sequence(3)}


# ---- containers

def saved(value, **options):
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


def rezipped(data, method=zipfile.ZIP_STORED, **changes):
    """The archive written anew by zipfile; `changes`: entry without its folder -> function of its bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", method) as new:
        for info in old.infolist():
            change = changes.get(info.filename.partition("/")[2].replace(".", "_"), lambda entry: entry)
            new.writestr(zipfile.ZipInfo(info.filename), change(old.read(info)), method)
    return stream.getvalue()


def binunicode(text):
    return b"X" + struct.pack("<I", len(text)) + text


def on_cuda(pickled):
    """As if the tensors had been on a GPU: only the location of the storages differs."""
    return pickled.replace(binunicode(b"cpu"), binunicode(b"cuda:0"))


class Python2Pickler(pickle._Pickler):
    """Writes strings of ASCII as Python 2 wrote its str: SHORT_BINSTRING, BINSTRING."""
    dispatch = dict(pickle._Pickler.dispatch)

    def save_str(self, text):
        data = text.encode("ascii")
        head = b"U" + bytes([len(data)]) if len(data) < 256 else b"T" + struct.pack("<i", len(data))
        self.write(head + data)
        self.memoize(text)

    dispatch[str] = save_str


class Python2Pickle:
    Pickler = Python2Pickler

    @staticmethod
    def dump(value, stream, protocol):
        Python2Pickler(stream, protocol).dump(value)


def python2_keys():
    return {"short": sequence(2, 3), "l" * 300: sequence(3), "inner": {"w": sequence(2)}}


def without_crc(value):
    torch.serialization.set_crc32_options(False)
    try:
        return saved(value)
    finally:
        torch.serialization.set_crc32_options(True)


def aligned(value, alignment):
    old = torch.utils.serialization.config.save.storage_alignment
    torch.utils.serialization.config.save.storage_alignment = alignment
    try:
        return saved(value)
    finally:
        torch.utils.serialization.config.save.storage_alignment = old


def module_and_script():
    net = filled(nn.Linear(2, 3))
    script = io.BytesIO()
    torch.jit.save(torch.jit.script(net), script)
    return {"module_zip.pth": saved(net), "module_legacy.pth": saved(net, _use_new_zipfile_serialization=False),
            "torchscript.pt": script.getvalue()}


def unpadded_safetensors():
    header = (b'{"bias":{"dtype":"F32","shape":[],"data_offsets":[0,4]},'
              b'"w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}')
    assert len(header) % 8 != 0
    return struct.pack("<Q", len(header)) + header + struct.pack("<fff", 1.5, -2, 0.25)


# ---- what is expected

def flatten(value, name=""):
    """The tensors of `value` under Sluice's names: keys joined by dots, elements of lists by their number."""
    if isinstance(value, torch.Tensor):
        return {name: value.detach().clone(memory_format=torch.contiguous_format)}
    if isinstance(value, dict):
        items = value.items()
    else:
        items = enumerate(value) if type(value) in (list, tuple) else ()
    result = {}
    for key, inner in items:
        result.update(flatten(inner, f"{name}.{key}" if name else str(key)))
    return result


def write(name, data):
    assert len(data) < 20_000, (name, len(data))
    (FOLDER / name).write_bytes(data)


def write_expected(stem, tensors):
    write(stem + ".expected.safetensors", safetensors.torch.save(tensors))


def write_case(stem, value, expected=None, protocols=(2,)):
    """NAME.expected.safetensors, and the value in both containers, in each protocol."""
    write_expected(stem, flatten(value) if expected is None else expected)
    for protocol in protocols:
        suffix = "" if protocol == 2 else f"_protocol{protocol}"
        write(f"{stem}_zip{suffix}.pth", saved(value, pickle_protocol=protocol))
        write(f"{stem}_legacy{suffix}.pth",
              saved(value, pickle_protocol=protocol, _use_new_zipfile_serialization=False))


def write_values():
    write_case("views", views(), protocols=(2, 3, 4, 5))
    for case in (ranks, types, nested, integer_keys, mixed, parameters, training_run):
        write_case(case.__name__, case())
    spectral_old = spectral(nn.utils.spectral_norm)
    write_case("spectral_norm_old", spectral_old)
    write_case("spectral_norm_new", spectral(nn.utils.parametrizations.spectral_norm))
    write_case("module_prefix", nn.DataParallel(filled(Net())).state_dict())
    write_case("unusual", unusual(), {"w": sequence(2), "last": sequence(3)})


def write_containers():
    small = {"w": sequence(2, 3), "half": sequence(4).half(), "int": torch.arange(3)}
    write_expected("small", flatten(small))
    write("small_cuda_zip.pth", rezipped(saved(small), data_pkl=on_cuda))
    write("small_cuda_legacy.pth", on_cuda(saved(small, _use_new_zipfile_serialization=False)))
    write("small_rezipped.pth", rezipped(saved(small)))
    write("small_deflated.pth", rezipped(saved(small), zipfile.ZIP_DEFLATED))
    write("small_no_crc.pth", without_crc(small))
    write("small_aligned_512.pth", aligned(small, 512))
    write("small_no_byteorder.pth", rezipped(saved(small)).replace(b"archive/byteorder", b"archive/byteordex"))
    write("small_big_endian.pth", rezipped(saved(small), byteorder=lambda entry: b"big"))
    write_expected("python2_keys", flatten(python2_keys()))
    write("python2_keys_zip.pth", saved(python2_keys(), pickle_module=Python2Pickle))
    write("python2_keys_legacy.pth", saved(python2_keys(), pickle_module=Python2Pickle,
                                           _use_new_zipfile_serialization=False))
    for name, data in module_and_script().items():
        write(name, data)
    write("bare_tensor.pth", saved(sequence(2, 3)))
    write_expected("bare_tensor", {"tensor": sequence(2, 3)})
    write("same_name_twice.pth", saved({"a.b": sequence(2), "a": {"b": sequence(3)}}))
    circle = {"w": sequence(2)}
    circle["self"] = circle
    write("circle.pth", saved(circle))
    imaginary = torch.complex(sequence(2), sequence(2)).conj().imag
    write("negated_view.pth", saved({"w": imaginary, "x": sequence(2)}))
    write_expected("negated_view", {"x": sequence(2)})


def write_safetensors():
    write("library.safetensors", safetensors.torch.save({**ranks(), **{"types." + k: v for k, v in types().items()}},
                                                        {"format": "pt", "licence": "CC0"}))
    write("unpadded.safetensors", unpadded_safetensors())
    write_expected("library", {**ranks(), **{"types." + name: value for name, value in types().items()}})
    write_expected("unpadded", {"bias": torch.tensor(1.5), "w": torch.tensor([-2, 0.25])})


def same_bits(tensors, expected):
    def bits(tensor):
        return tensor.dtype, tuple(tensor.shape), tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return {n: bits(t) for n, t in tensors.items()} == {n: bits(t) for n, t in expected.items()}


def write_old():
    expected = flatten(old_checkpoints.contents())
    write_expected("torch_old", expected)
    for path in sorted(FOLDER.glob("torch_1.*.pth")):
        if path.name != "torch_1.4_python2_zip.pth":  # no later version reads the archives of that one
            assert same_bits(flatten(torch.load(path, weights_only=False, encoding="latin1")), expected), path


def check_written_by_sluice():
    expected = safetensors.torch.load_file(FOLDER / "written_by_sluice.expected.safetensors")
    loaded = torch.load(FOLDER / "written_by_sluice.pth", weights_only=True)
    assert type(loaded) is collections.OrderedDict and list(loaded) == sorted(expected)
    assert same_bits(loaded, expected)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        for step in (write_values, write_containers, write_safetensors, write_old):
            step()
        write_expected("written_by_sluice", {**ranks(), **types(), "gr\u00fc\u00df": sequence(300)})
    check_written_by_sluice()
    total = sum(path.stat().st_size for path in FOLDER.iterdir() if path.suffix != ".py")
    print(f"written_by_sluice.pth is read by PyTorch {torch.__version__}; {total} bytes in all")
    assert total < 400_000
    return 0


if __name__ == "__main__":
    sys.exit(main())
