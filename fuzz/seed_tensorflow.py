# SPDX-License-Identifier: Apache-2.0
"""Seeds of the fuzz target tensorflow_index: tables of sorted keys with the messages of a bundle, good and damaged."""
import struct


def crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


TABLE = crc_table()


def masked_crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value):
    value &= (1 << 64) - 1
    data = b""
    while value >= 0x80:
        data += bytes([value & 0x7F | 0x80])
        value >>= 7
    return data + bytes([value])


# ---- messages

def number(field, value):
    return varint(field << 3) + varint(value)


def message(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def header(shards=1, order=0, producer=1, consumer=0):
    return number(1, shards) + (number(2, order) if order else b"") + message(3, number(1, producer) + number(2, consumer))


def entry(kind=1, shape=(2, 2), shard=0, offset=0, size=16, crc=None, more=b""):
    extents = b"".join(message(2, number(1, extent)) for extent in shape)
    crc = masked_crc32c(bytes(max(size, 0) % 5000)) if crc is None else crc
    return (number(1, kind) + message(2, extents) + number(3, shard) + number(4, offset) + number(5, size) +
            varint(6 << 3 | 5) + struct.pack("<I", crc) + more)


# ---- the table

def block(entries, restarts=(0,)):
    """Keys share what they can with the one before."""
    data, before = b"", b""
    for key, value in entries:
        shared = 0
        while shared < min(len(before), len(key)) and before[shared] == key[shared]:
            shared += 1
        data += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    return data + b"".join(struct.pack("<I", restart) for restart in restarts) + struct.pack("<I", len(restarts))


def sealed(data, kind=0):
    covered = data + bytes([kind])
    return covered + struct.pack("<I", masked_crc32c(covered))


def table(*blocks, kind=0, index=None, filters=b"", between=b"", magic=0xDB4775248B80FB57):
    """Each block is a list of keys and values, or its bytes."""
    file, handles = b"", []
    for entries in blocks:
        data = entries if isinstance(entries, bytes) else block(entries)
        last = b"~" if isinstance(entries, bytes) else entries[-1][0]
        handles.append((last, varint(len(file)) + varint(len(data))))
        file += sealed(data, kind) + between
    data = block([(b"filter.x", b"\0\0")] if filters else [])
    meta = varint(len(file)) + varint(len(data))
    file += sealed(data)
    data = block(handles) if index is None else index
    place = varint(len(file)) + varint(len(data))
    file += sealed(data)
    return file + (meta + place).ljust(40, b"\0") + struct.pack("<Q", magic)


def bundle(*entries, head=None):
    return table([(b"", header() if head is None else head), *entries])


SLICE_KEY = b"\0\x01" + b"part" + b"\0\x01" + b"\x81\x80\x82"


def refused():
    one = (b"w", entry())
    return {
        "no_header": table([one]), "shards_zero": bundle(head=header(0)), "shards_many": bundle(head=header(1 << 20)),
        "endian": bundle(head=header(order=1)),
        "consumer": bundle(head=header(consumer=99)), "header_form": bundle(head=b"\xff"),
        "size": bundle((b"w", entry(size=15))),
        "shard": bundle((b"w", entry(shard=1))), "offset": bundle((b"w", entry(offset=-1))),
        "offset_far": bundle((b"w", entry(offset=(1 << 63) - 8))),
        "shape": bundle((b"w", entry(shape=(-1,)))), "rank": bundle((b"w", entry(shape=(1,) * 9, size=4))),
        "overflow": bundle((b"w", entry(shape=(1 << 62, 1 << 62)))),
        "type": bundle((b"w", entry(kind=200))), "type_none": bundle((b"w", entry(kind=0))),
        "field_twice": bundle((b"w", entry(more=number(1, 1)))),
        "group": bundle((b"w", entry(more=b"\x43"))), "long_field": bundle((b"w", entry(more=b"\x42\x7f"))),
        "wide": bundle((b"w", entry(more=b"\x08" + b"\xff" * 10))),
        "fixed64": bundle((b"w", entry(more=b"\x41" + bytes(8)))), "name": bundle((b"\xff", entry())), "name_twice": table(
            block([(b"", header())]) [:-8] + b"\0\1" + varint(len(entry())) + b"w" + entry() + b"\1\0" + varint(len(entry())) + entry() + bytes(4) + b"\1\0\0\0"),
        "order": table([(b"", header()), (b"b", entry()), (b"a", entry(offset=16))]),
        "slice_alone": bundle((SLICE_KEY, entry(shape=(4,)))),
        "slice_key": bundle((b"\0\x02", entry())), "slice_owner": bundle((b"\0\x01x", entry())),
        "snappy": table([(b"", header())], kind=1), "kind": table([(b"", header())], kind=7),
        "hole": table([(b"", header())], between=b"xx"),
        "filters": table([(b"", header())], filters=b"x"), "index": table([(b"", header())], index=b"\0"),
        "no_block": table(),
        "wire_type": bundle((b"w", entry(more=b"\x0d" + bytes(4)))),
        "shard_wide": bundle((b"w", number(1, 1) + number(3, 1 << 40))),
        "rank_unknown": bundle((b"w", number(1, 1) + message(2, number(3, 1)) + number(5, 4))),
        "boolean": bundle((b"w", number(1, 1) + message(2, number(3, 2)))),
        "rank_known": bundle((b"w", number(1, 1) + message(2, number(3, 0)) + number(5, 4))),
        "bad_consumer": bundle(head=number(1, 1) + message(3, number(1, 1) + number(3, 1))),
        "bad_consumers": bundle(head=number(1, 1) + message(3, number(1, 1) + message(3, b"\1\2"))),
        "other_consumer": bundle(head=number(1, 1) + message(3, number(1, 1) + number(3, 7))),
        "bytes_overflow": bundle((b"w", entry(2, (1 << 61, 1)))),
        "v1": table([(b"", message(1, message(1, b"w")))]),
        "below": table([(b"", header()), (b"w", entry())], index=block([(b"a", b"\0\x40")])),
        "many_keys": table([(b"", header())] + [(b"k" * 4000 + b"%04d" % i, entry(9, (), 0, 8 * i, 8)) for i in range(40)]),
        "shared_far": table(block([(b"", header())])[:-8] + b"\x05\x01\x00a" + bytes(4) + b"\1\0\0\0"),
        "restart_between": table(block([(b"", header()), (b"w", entry())], restarts=(0, 5))),
        "restart": table(block([(b"", header())], restarts=(0, 3))),
        "restarts": table(block([(b"", header())])[:-4] + b"\xff" * 4),
        "shared": table(b"\x05\x01\x00a" + bytes(4) + b"\1\0\0\0"),
        "value": table(b"\x00\x01\x7fa" + bytes(4) + b"\1\0\0\0"),
        "long_key": table([(b"", header()), (b"k" * 5000, entry())]),
        "handle": table([(b"", header())], index=block([(b"~", b"\xff\xff\xff\xff\x0f\x01")])),
        "zeros": table([(b"", header())], index=block([(b"~", b"\x80\x00\x01")])), "magic": bundle(one)[:-1] + b"\0",
        "cut": bundle(one)[20:],
        "damaged": bundle(one).replace(b"w", b"v"), "short": b"x" * 40, "empty": b"",
    }


def tensorflow_seeds():
    one = (b"w", entry())
    long_key = b"net/conv/kernel"
    partitioned = entry(shape=(4,), size=0, offset=0, crc=0, more=message(7, message(1, number(2, 4))))
    seeds = {
        "good": bundle(one), "no_tensor": bundle(), "several": bundle(*[(b"t%d" % i, entry(k, (1,), 0, 8 * i, s))
                                                                       for i, (k, s) in enumerate(((1, 4), (2, 8), (3, 4), (4, 1), (5, 2), (6, 1),
                                                                                                   (9, 8), (10, 1), (14, 2), (19, 2)))]),
        "two_blocks": table([(b"", header()), (b"a", entry(offset=16))], [(b"b", entry(offset=32))]),
        "shared_keys": bundle((long_key, entry()), (long_key + b"/Adam", entry(offset=16))),
        "scalar": bundle((b"step", entry(9, (), 0, 0, 8))),
        "text": bundle((b"graph", entry(7, (), 0, 0, 5))), "complex": bundle((b"z", entry(8, (1,), 0, 0, 8))),
        "empty_tensor": bundle((b"e", entry(shape=(0,), size=0))),
        "partitioned": table([(b"", header()), (SLICE_KEY, entry(shape=(4,))), (b"part", partitioned)]),
        "wrong_crc": bundle((b"w", entry(crc=1))), "beyond": bundle((b"w", entry(shape=(2000,), size=8000))),
        "overlap": bundle((b"a", entry()), (b"b", entry(offset=8))),
        "two_shards": table([(b"", header(2)), (b"w", entry(shard=1))]),
    }
    return {**seeds, **{"bad_" + name: data for name, data in refused().items()}}
