# SPDX-License-Identifier: Apache-2.0
"""Seeds of the fuzz targets png, jpeg and exif: small pictures of every kind, and damaged ones."""
import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"


# ---- PNG

def chunk(kind, data=b"", length=None):
    size = len(data) if length is None else length
    return struct.pack(">I", size) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def ihdr(width, height, bits, colour, interlace=0, compression=0, filtering=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, compression, filtering, interlace))


def scan_lines(width, height, bits, colour, row_filter=0):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = (width * channels * bits + 7) // 8
    return b"".join(bytes([row_filter]) + bytes((7 * (x + y * row)) & 0xFF for x in range(row)) for y in range(height))


def idat(raw):
    return chunk(b"IDAT", zlib.compress(raw))


def png(width, height, bits, colour, *extra, interlace=0, row_filter=0):
    raw = scan_lines(width, height, bits, colour, row_filter)
    if interlace:  # 1 x 1 has a single pass; anything larger is given enough bytes for libpng to refuse or take
        raw = scan_lines(width, height, bits, colour, row_filter) if width == height == 1 else adam7(width, height, bits, colour)
    return SIGNATURE + ihdr(width, height, bits, colour, interlace) + b"".join(extra) + idat(raw) + chunk(b"IEND")


def adam7(width, height, bits, colour):
    raw = b""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        columns, rows = (width - x0 + dx - 1) // dx, (height - y0 + dy - 1) // dy
        if columns > 0 and rows > 0:
            raw += scan_lines(columns, rows, bits, colour)
    return raw


def png_seeds():
    palette = chunk(b"PLTE", bytes(range(48)))
    seeds = {}
    for colour, depths in ((0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (1, 2, 4)), (4, (8, 16)), (6, (8, 16))):
        for bits in depths:
            extra = (palette,) if colour == 3 else ()
            seeds[f"colour{colour}_bits{bits}"] = png(5, 3, bits, colour, *extra, row_filter=bits % 5)
    seeds["interlaced"] = png(9, 9, 8, 2, interlace=1)
    seeds["interlaced_palette"] = png(9, 5, 4, 3, palette, interlace=1)
    seeds["transparent_palette"] = png(4, 4, 4, 3, palette, chunk(b"tRNS", bytes(8)))
    seeds["transparent_grey"] = png(4, 4, 8, 0, chunk(b"tRNS", b"\0\x07"))
    seeds["transparent_grey16"] = png(4, 4, 16, 0, chunk(b"tRNS", b"\0\x07"))
    seeds["transparent_rgb"] = png(4, 4, 8, 2, chunk(b"tRNS", bytes(6)))
    seeds["ancillary"] = png(2, 2, 8, 0, chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"tEXt", b"Comment\0seed"),
                             chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(99))), chunk(b"pHYs", bytes(9)),
                             chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(140))), chunk(b"sBIT", b"\x05"))
    good = png(6, 4, 8, 2)
    seeds["two_idat"] = SIGNATURE + ihdr(2, 2, 8, 0) + chunk(b"IDAT", zlib.compress(bytes(6))[:4]) + \
        chunk(b"IDAT", zlib.compress(bytes(6))[4:]) + chunk(b"IEND")
    seeds["row_of_4096"] = png(4096, 1, 1, 0)
    # Refused.
    seeds["cut"] = good[:-20]
    seeds["bad_crc"] = good[:45] + b"\xff" + good[46:]
    seeds["no_idat"] = SIGNATURE + ihdr(2, 2, 8, 0) + chunk(b"IEND")
    seeds["no_ihdr"] = SIGNATURE + idat(bytes(4)) + chunk(b"IEND")
    seeds["short_header"] = good[:20]
    seeds["too_wide"] = SIGNATURE + ihdr(100000, 1, 8, 0) + idat(bytes(4)) + chunk(b"IEND")
    seeds["too_many_pixels"] = SIGNATURE + ihdr(4000, 4000, 8, 0) + idat(bytes(4)) + chunk(b"IEND")
    seeds["bomb"] = SIGNATURE + ihdr(500, 500, 16, 6) + idat(b"") + chunk(b"IEND")
    seeds["zero_width"] = SIGNATURE + ihdr(0, 1, 8, 0) + idat(bytes(2)) + chunk(b"IEND")
    seeds["bad_depth"] = SIGNATURE + ihdr(1, 1, 3, 0) + idat(bytes(2)) + chunk(b"IEND")
    seeds["lying_length"] = SIGNATURE + ihdr(1, 1, 8, 0) + chunk(b"tEXt", b"a\0b", length=0x7FFFFFFF)
    seeds["no_palette"] = png(4, 4, 4, 3)
    seeds["short_data"] = SIGNATURE + ihdr(9, 9, 8, 0) + idat(bytes(11)) + chunk(b"IEND")
    seeds["long_data"] = SIGNATURE + ihdr(2, 2, 8, 0) + idat(bytes(99)) + chunk(b"IEND")
    seeds["bad_adler"] = SIGNATURE + ihdr(2, 2, 8, 0) + chunk(b"IDAT", zlib.compress(bytes(6))[:-1] + b"\xff") + chunk(b"IEND")
    seeds["not_png"] = b"GIF89a" + bytes(20)
    seeds["empty"] = b""
    return seeds


# ---- EXIF

def tiff(entries, order="<", magic=42, offset=8):
    mark = b"II" if order == "<" else b"MM"
    body = mark + struct.pack(order + "HI", magic, offset) + bytes(max(0, offset - 8) if offset < 64 else 0)
    body += struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        body += struct.pack(order + "HHIHH", tag, kind, count, value, 0)
    return body + struct.pack(order + "I", 0)


def exif(*entries, **how):
    return b"Exif\0\0" + tiff(entries, **how)


def exif_seeds():
    seeds = {f"orientation{n}": exif((0x0112, 3, 1, n)) for n in (1, 2, 3, 4, 5, 6, 7, 8)}
    seeds["big_endian"] = exif((0x0100, 3, 1, 7), (0x0112, 3, 1, 6), order=">")
    seeds["behind_others"] = exif((0x010F, 2, 4, 1), (0x0110, 2, 4, 1), (0x0112, 3, 1, 5))
    seeds["further_on"] = exif((0x0112, 3, 1, 8), offset=20)
    seeds["zero"] = exif((0x0112, 3, 1, 0))
    seeds["nine"] = exif((0x0112, 3, 1, 9))
    seeds["long"] = exif((0x0112, 4, 1, 6))
    seeds["two_values"] = exif((0x0112, 3, 2, 6))
    seeds["magic"] = exif((0x0112, 3, 1, 6), magic=43)
    seeds["offset_out"] = exif((0x0112, 3, 1, 6), offset=0xFFFFFFF0)
    seeds["cut"] = exif((0x0112, 3, 1, 6))[:20]
    seeds["mark"] = b"Exif\0\0IM*\0" + bytes(20)
    seeds["short"] = b"Exif\0\0II"
    seeds["other"] = b"http://ns.adobe.com/xap/1.0/\0"
    seeds["empty"] = b""
    return seeds


# ---- JPEG: flat blocks, so that two bits stand for each

def segment(marker, data):
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def frame(marker, width, height, samplings):
    data = struct.pack(">BHHB", 8, height, width, len(samplings))
    return segment(marker, data + b"".join(bytes((i + 1, s, 0)) for i, s in enumerate(samplings)))


def scan(components, blocks, first=0, last=63, approximation=0, restart=False):
    head = bytes([len(components)]) + b"".join(bytes((c, 0)) for c in components) + bytes((first, last, approximation))
    bits = "00" * blocks if first == 0 and last == 63 else "0" * blocks
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    return segment(0xDA, head) + data + (b"\xff\xd0" + data if restart else b"")


QUANTIZATION = segment(0xDB, b"\0" + bytes([1] * 64))
# One code of one bit in each: category 0 for DC, end of block for AC.
HUFFMAN = segment(0xC4, b"\0" + b"\x01" + bytes(15) + b"\0") + segment(0xC4, b"\x10" + b"\x01" + bytes(15) + b"\0")


def jpeg(samplings, *scans, marker=0xC0, width=8, height=8, extra=b"", tables=QUANTIZATION + HUFFMAN):
    return b"\xff\xd8" + extra + tables + frame(marker, width, height, samplings) + b"".join(scans) + b"\xff\xd9"


def jpeg_seeds():
    adobe = [segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, transform)) for transform in (0, 1, 2)]
    jfif = segment(0xE0, b"JFIF\0" + struct.pack(">HBHHBB", 0x0101, 0, 1, 1, 0, 0))
    app1 = {n: segment(0xE1, exif((0x0112, 3, 1, n))) for n in range(1, 9)}
    one, three, four = (0x11,), (0x11,) * 3, (0x11,) * 4
    grey = jpeg(one, scan((1,), 1))
    seeds = {
        "grey": grey, "rgb": jpeg(three, scan((1, 2, 3), 3), extra=jfif),
        "adobe_rgb": jpeg(three, scan((1, 2, 3), 3), extra=adobe[0]),
        "cmyk": jpeg(four, scan((1, 2, 3, 4), 4)), "adobe_cmyk": jpeg(four, scan((1, 2, 3, 4), 4), extra=adobe[0]),
        "ycck": jpeg(four, scan((1, 2, 3, 4), 4), extra=adobe[2]),
        "subsampled": jpeg((0x22, 0x11, 0x11), scan((1, 2, 3), 6), width=16, height=16, extra=jfif),
        "three_scans": jpeg(three, scan((1,), 1), scan((2,), 1), scan((3,), 1)),
        "progressive": jpeg(one, scan((1,), 1, 0, 0), scan((1,), 1, 1, 63), marker=0xC2),
        "restart": jpeg(one, scan((1,), 1, restart=True), width=16, extra=segment(0xDD, b"\0\1")),
        "comment": jpeg(one, scan((1,), 1), extra=segment(0xFE, b"seed")),
        "other_app1": jpeg(one, scan((1,), 1), extra=segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0") + app1[3]),
        "icc": jpeg(one, scan((1,), 1), extra=segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(20))),
        "arithmetic": b"\xff\xd8" + QUANTIZATION + frame(0xC9, 8, 8, one) + scan((1,), 1) + b"\xff\xd9",
    }
    for orientation, marker in app1.items():
        seeds[f"orientation{orientation}"] = jpeg(one, scan((1,), 2), width=11, height=5, extra=marker)
    # Refused.
    seeds["two_components"] = jpeg(one * 2, scan((1, 2), 2))
    seeds["missing_component"] = jpeg(three, scan((1, 2), 2))
    seeds["missing_data"] = jpeg(one, scan((1,), 1), width=640, height=480)
    seeds["too_wide"] = jpeg(one, scan((1,), 1), width=65500)
    seeds["too_many_pixels"] = jpeg(one, scan((1,), 1), width=4000, height=4000)
    seeds["bomb"] = jpeg(one, scan((1,), 1), width=512, height=512)
    seeds["many_scans"] = jpeg(one, scan((1,), 1, 0, 0), *[scan((1,), 1, 1, 63)] * 30, marker=0xC2)
    seeds["no_tables"] = jpeg(one, scan((1,), 1), tables=b"")
    seeds["lossless"] = jpeg(one, scan((1,), 1), marker=0xC3)
    seeds["no_scan"] = jpeg(one)
    seeds["cut"] = grey[:-3]
    seeds["only_start"] = b"\xff\xd8\xff"
    seeds["not_jpeg"] = SIGNATURE
    seeds["empty"] = b""
    return seeds
