#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From nothing to a filled picture: a new process reads a PNG of 512x512 and its mask, fills the hole with DeepFill v2 (width 48) and
writes a PNG. `peers.py --parts cold` measures `sluice inpaint` and the peers, which run this file:

  cold_start.py ENGINE FOLDER THREADS   fills FOLDER/image.png to FOLDER/ENGINE.png, answers a line of JSON

A peer's network is an ONNX file, or PyTorch's weights, made beforehand; it writes its pictures uncompressed, which takes
least time.
"""
import json
import os
import pathlib
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zlib

ROW = "deepfill2_512"  # of peer_rows.txt: its weights and its picture
ROUNDS = 7  # and one before them that does not count: files and OpenVINO's cache are warm
LARGEST_SHARE = 1e-3  # of the hole's samples that are more than a level apart
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def write_png(path, pixels):
    """pixels: [height, width] or [height, width, 3], 8 bits."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    chunks = {b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0),
              b"IDAT": zlib.compress(rows, 0), b"IEND": b""}
    path.write_bytes(PNG_SIGNATURE + b"".join(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
                                              for kind, data in chunks.items()))


def read_png(path):
    """What write_png wrote."""
    import numpy as np
    text, at, data, head = path.read_bytes(), len(PNG_SIGNATURE), b"", None
    while at < len(text):
        size, kind = struct.unpack(">I4s", text[at:at + 8])
        part, at = text[at + 8:at + 8 + size], at + 12 + size
        head = struct.unpack(">IIBB", part[:10]) if kind == b"IHDR" else head
        data += part if kind == b"IDAT" else b""
    width, height, _, colour = head
    samples = 3 if colour == 2 else 1
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + width * samples)
    return rows[:, 1:].reshape((height, width, samples) if samples == 3 else (height, width))


# ---- a peer, in a process of its own


def torch_network(folder, threads):
    """Called with arrays, gives the picture in -1..1. Modules without values of their own until they have those of the file."""
    import torch
    import peer_network
    from safetensors.torch import load_file
    torch.set_num_threads(threads)
    weights = load_file(folder / "weights.safetensors")
    with torch.device("meta"):
        generator = peer_network.Generator(in_place=True)
    for name, layer in generator.layers.items():
        for port in ("weight", "bias"):
            parts = [f"{name}.{part}{port}" for part in (("feature_", "gate_") if layer.gated else ("",))]
            setattr(layer.conv, port, torch.nn.Parameter(torch.cat([weights[part] for part in parts])))
    generator = generator.eval().to(memory_format=torch.channels_last)

    def run(image, mask):
        with torch.inference_mode():
            image = torch.from_numpy(image / 127.5 - 1).to(memory_format=torch.channels_last)
            return generator(image, torch.from_numpy(mask))[0].numpy()
    return run


def onnxruntime_network(folder, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(str(folder / "apart.onnx"), options, providers=["CPUExecutionProvider"])
    return lambda image, mask: session.run(["filled"], {"image": image, "mask": mask})[0]


def openvino_network(folder, threads, **more):
    import openvino
    options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", **more}
    model = openvino.Core().compile_model(folder / "whole.onnx", "CPU", options)
    return lambda image, mask: model({"image": image, "mask": mask})["filled"]


def cached_openvino_network(folder, threads):
    return openvino_network(folder, threads, CACHE_DIR=str(folder / "openvino_cache"))


PEERS = {"torch": torch_network, "onnxruntime": onnxruntime_network, "openvino": openvino_network,
         "openvino, cached": cached_openvino_network}


def fill(engine, folder, threads):
    """Milliseconds of the network alone."""
    import numpy as np
    picture, mask = read_png(folder / "image.png"), read_png(folder / "mask.png") > 127
    # The network takes blue first.
    image = np.ascontiguousarray(picture[None, :, :, ::-1].transpose(0, 3, 1, 2), np.float32)
    network = PEERS[engine](folder, threads)
    start = time.perf_counter()
    filled = network(image, mask[None, None].astype(np.float32))
    milliseconds = 1e3 * (time.perf_counter() - start)
    levels = np.clip((filled[0] + 1) * 127.5 + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0)[:, :, ::-1]
    write_png(folder / f"{engine}.png", np.where(mask[:, :, None], levels, picture))
    return milliseconds


# ---- all of them, in turn


def prepare(folder):
    """Weights, networks, picture and mask. By a process of its own: this one stays small."""
    import numpy as np
    import peer_rows
    from safetensors.numpy import load_file
    subprocess.run([sys.executable, str(peer_rows.HERE / "peer_modules.py"), ROW, str(folder), "whole", "apart"], check=True)
    inputs = load_file(folder / "input.safetensors")
    picture = np.rint(inputs["image"][0]).astype(np.uint8).transpose(1, 2, 0)[:, :, ::-1]
    write_png(folder / "image.png", picture)
    write_png(folder / "mask.png", (255 * inputs["mask"][0, 0]).astype(np.uint8))


def command_of(engine, folder, options):
    if engine == "Sluice":
        return [str(options.bin / "sluice"), "inpaint", str(folder / "image.png"), str(folder / "mask.png"), "-o",
                str(folder / "Sluice.png"), "--weights", str(folder / "weights.safetensors"), "--threads", str(options.threads),
                "--json", "--quiet"]
    return [sys.executable, str(pathlib.Path(__file__).resolve()), engine, str(folder), str(options.threads)]


def run_once(command, threads):
    """Of the process: wall, network and processor milliseconds, peak megabytes."""
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    answer = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = 1e3 * (time.perf_counter() - start)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    network = json.loads(answer.splitlines()[-1])["milliseconds"]
    return wall, network, 1e3 * (used.ru_utime + used.ru_stime), used.ru_maxrss * 1024 / 1e6


def far_share(folder, engine):
    """Of the hole's samples, those more than a level from Sluice's."""
    import numpy as np
    from PIL import Image
    ours, theirs = (np.asarray(Image.open(folder / f"{name}.png"), np.int16) for name in ("Sluice", engine))
    return float((np.abs(ours - theirs)[read_png(folder / "mask.png") > 127] > 1).mean())


def program_mb(options):
    """Without symbols, which take no part in running it."""
    with tempfile.TemporaryDirectory() as folder:
        stripped = pathlib.Path(folder) / "sluice"
        shutil.copy(options.bin / "sluice", stripped)
        subprocess.run(["strip", str(stripped)], check=True)
        return stripped.stat().st_size / 1e6


def measure(options, engines, wait):
    """Lines of the report."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prepare(folder)
        samples = {engine: [] for engine in ("Sluice", *engines)}
        for _ in range(ROUNDS + 1):
            for engine, runs in samples.items():
                wait(options.wait)
                runs.append(run_once(command_of(engine, folder, options), options.threads))
        apart = {engine: far_share(folder, engine) for engine in engines}
        weights_mb = (folder / "weights.safetensors").stat().st_size / 1e6
    rows = []
    for engine, runs in samples.items():
        walls, networks, used, memory = zip(*runs[1:])
        outside = [wall - network for wall, network in zip(walls, networks)]
        if apart.get(engine, 0) > LARGEST_SHARE:
            rows.append([engine, f"not the same picture: {100 * apart[engine]:.2f} % of the hole", *[""] * 5])
            continue
        rows.append([engine, f"{statistics.median(walls):.0f}", f"{min(walls):.0f}-{max(walls):.0f}", f"{statistics.median(used):.0f}",
                     f"{statistics.median(networks):.0f}", f"{statistics.median(outside):.0f}", f"{max(memory):.0f}"])
    head = ("", "wall ms", "range", "processor ms", "network ms", "the rest, ms", "MB")
    return head, rows, (f"A new process for every picture of 512x512, PNG to PNG, DeepFill v2 of width 48, in turn, {ROUNDS} rounds; "
                        "medians. The network: its run alone, Sluice's with the picture to and from a tensor. Peers' networks lie ready "
                        f"as ONNX files or weights, their PNGs are not compressed. The program sluice takes {program_mb(options):.1f} MB "
                        f"without symbols, the weights {weights_mb:.1f} MB.")


def main():
    engine, folder, threads = sys.argv[1:]
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    print(json.dumps({"milliseconds": fill(engine, pathlib.Path(folder), int(threads))}))


if __name__ == "__main__":
    main()
