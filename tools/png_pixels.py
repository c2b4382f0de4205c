# SPDX-License-Identifier: Apache-2.0
"""Reads the samples of PNG files, 8 or 16 bits, without palette and interlacing. Standard library only."""
import itertools
import pathlib
import struct
import zlib

CHANNELS = {0: 1, 4: 2, 2: 3, 6: 4}  # by PNG's colour type


class Picture:
    def __init__(self, width, height, channels, bits, samples):
        self.width, self.height, self.channels, self.bits, self.samples = width, height, channels, bits, samples

    def pixel(self, x, y):
        at = (y * self.width + x) * self.channels
        return self.samples[at:at + self.channels]


def _paeth(line, above, step):
    for i in range(step):
        line[i] = (line[i] + above[i]) & 255
    for i in range(step, len(line)):
        left, up, corner = line[i - step], above[i], above[i - step]
        to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
        if to_left <= to_up and to_left <= to_corner:
            line[i] = (line[i] + left) & 255
        else:
            line[i] = (line[i] + (up if to_up <= to_corner else corner)) & 255


def _unfilter(kind, line, above, step):
    """Undoes one row's filter in place (PNG specification, section 9)."""
    if kind == 1:
        for first in range(step):
            line[first::step] = bytes(itertools.accumulate(line[first::step], lambda left, byte: (left + byte) & 255))
    elif kind == 2:
        line[:] = bytes((byte + up) & 255 for byte, up in zip(line, above))
    elif kind == 3:
        for i, byte in enumerate(line):
            line[i] = (byte + ((line[i - step] if i >= step else 0) + above[i]) // 2) & 255
    elif kind == 4:
        _paeth(line, above, step)
    elif kind != 0:
        raise ValueError(f"a row with filter {kind}")


def read_png(path):
    """Raises ValueError for what it does not read."""
    file, at, data = pathlib.Path(path).read_bytes(), 8, []
    if not file.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError(f"{path}: not a PNG file")
    width = height = bits = colour = 0
    while at < len(file):
        length, kind = struct.unpack(">I4s", file[at:at + 8])
        body = file[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            if bits not in (8, 16) or colour not in CHANNELS or interlaced:
                raise ValueError(f"{path}: {bits} bits, colour type {colour}, interlacing {interlaced} are not read")
        elif kind == b"IDAT":
            data.append(body)
        at += length + 12
    data, channels = zlib.decompress(b"".join(data)), CHANNELS[colour]
    step = channels * bits // 8
    row, above, samples = width * step, bytearray(width * step), []
    for y in range(height):
        line = bytearray(data[y * (row + 1) + 1:(y + 1) * (row + 1)])
        _unfilter(data[y * (row + 1)], line, above, step)
        samples += struct.unpack(f">{width * channels}H", line) if bits == 16 else line
        above = line
    return Picture(width, height, channels, bits, samples)
