# SPDX-License-Identifier: Apache-2.0
"""Seeds of the fuzz targets of checkpoints, good and damaged."""
import io
import json
import struct
import warnings
import zipfile
import zlib

import seed_tensorflow
from seed_pickles import dictionary, pickle_seeds, tensor, text

TYPES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


# ---- safetensors

def with_header(header, payload=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + payload


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors_seeds():
    four = entry("F32", [1], 0, 4)
    seeds, header, at = {}, {}, 0
    for dtype, size in TYPES.items():
        header[dtype.lower()] = entry(dtype, [2, 1], at, at + 2 * size)
        at += 2 * size
    seeds["all_types"] = with_header(header, bytes(i & 1 for i in range(at)))
    payload = struct.pack("<ff", 1.5, -2)
    seeds["checksum"] = with_header({"__metadata__": {"crc32.a": f"{zlib.crc32(payload):08x}", "model": "m"},
                                     "a": entry("F32", [2], 0, 8)}, payload)
    seeds["checksum_of_nothing"] = with_header({"__metadata__": {"crc32.a": "00000000"}, "a": entry("F32", [0], 0, 0)})
    seeds["empty_tensors"] = with_header({"a": entry("F32", [0, 3], 0, 0), "b": entry("U8", [], 0, 1)}, b"x")
    seeds["no_tensor"] = with_header({})
    seeds["padded"] = with_header(b'{"a":{"shape":[1],"data_offsets":[0,4],"dtype":"F32"}}   ', bytes(4))
    seeds["escapes"] = with_header(b'{"\\u00e9\\n\\ud83d\\ude00":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4))
    seeds["source"] = with_header({"__metadata__": {"source_file": "a.pth", "source_licence": "MIT", "x": "y"}, "a": four}, bytes(4))
    # Refused, one for each reason.
    bad = {
        "no_header": b"\x02\0\0", "length_lies": with_header({}, length=100),
        "length_huge": with_header({}, length=1 << 60),
        "no_brace": with_header(b" {}"), "no_end": with_header(b'{"a"'), "not_json": with_header(b'{"a":}'),
        "behind": with_header(b"{} x}"), "nul": with_header(b'{"a\0":1}'), "not_utf8": with_header(b'{"\xff":1}'),
        "empty_name": with_header({"": four}, bytes(4)), "nul_name": with_header({"a\0": four}, bytes(4)),
        "number": with_header({"a": 1}), "array": with_header({"a": []}), "null": with_header({"a": None}),
        "boolean": with_header({"a": True}), "string": with_header({"a": "x"}), "real": with_header(b'{"a":1.5}'),
        "top_array": with_header(b"[{}]"), "top_object": with_header(b'{"a":{"shape":{}}}'),
        "metadata_number": with_header({"__metadata__": {"a": 1}}),
        "metadata_object": with_header({"__metadata__": {"a": {}}}),
        "metadata_twice": with_header(b'{"__metadata__":{},"__metadata__":{}}'),
        "metadata_key_twice": with_header(b'{"__metadata__":{"a":"1","a":"2"}}'),
        "tensor_twice": with_header(b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{}}'),
        "key_twice": with_header(b'{"a":{"dtype":"F32","dtype":"F32"}}'),
        "unknown_key": with_header({"a": {"dtypes": "F32"}}), "missing_key": with_header({"a": {"dtype": "F32"}}),
        "unknown_type": with_header({"a": entry("F8", [1], 0, 1)}, b"x"),
        "type_number": with_header({"a": {"dtype": 1}}),
        "type_array": with_header({"a": {"dtype": []}}), "shape_string": with_header({"a": {"shape": "x"}}),
        "shape_negative": with_header({"a": {"shape": [-1]}}), "shape_huge": with_header({"a": {"shape": [1 << 63]}}),
        "rank": with_header({"a": entry("F32", [1] * 9, 0, 4)}, bytes(4)),
        "offsets_one": with_header({"a": {"data_offsets": [0]}}),
        "offsets_three": with_header({"a": {"data_offsets": [0, 1, 2]}}),
        "offsets_nested": with_header({"a": {"data_offsets": [[]]}}),
        "overflow": with_header({"a": entry("F32", [1 << 62, 1 << 62], 0, 4)}, bytes(4)),
        "bytes_overflow": with_header({"a": entry("F64", [1 << 62], 0, 4)}, bytes(4)),
        "backwards": with_header({"a": entry("F32", [1], 4, 0)}, bytes(4)),
        "beyond": with_header({"a": four}, bytes(3)),
        "overlap": with_header({"a": four, "b": entry("F32", [1], 2, 6)}, bytes(6)),
        "hole": with_header({"a": four, "b": entry("F32", [1], 5, 9)}, bytes(9)),
        "size": with_header({"a": entry("F32", [2], 0, 4)}, bytes(4)), "rest": with_header({"a": four}, bytes(5)),
        "checksum_wrong": with_header({"__metadata__": {"crc32.a": "01234567"}, "a": four}, bytes(4)),
        "checksum_form": with_header({"__metadata__": {"crc32.a": "x"}, "a": four}, bytes(4)),
        "checksum_whose": with_header({"__metadata__": {"crc32.b": "01234567"}, "a": four}, bytes(4)),
        "nested": with_header(b"{" + b'"a":[' * 200), "empty": b"",
        "header_checksum": with_header({"__metadata__": {"crc32.__metadata__": "01234567"}, "a": four}, bytes(4)),
        "source_checksum": with_header({"__metadata__": {"source_crc32.__metadata__": "01234567", "source_file": "x"}}),
        "reserved": with_header({"__metadata__": {"x__metadata__": "y"}}),
        "long_name": with_header({"x" * 4097: four}, bytes(4)),
        "negative": with_header({"a": -1}), "outside": with_header(b"{}}"),
        "offsets_object": with_header({"a": {"data_offsets": {}}}),
    }
    return {**seeds, **{"bad_" + name: data for name, data in bad.items()}}


MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
SYSTEM = b"\x80\x02}q\x00(X\x10\x00\x00\x00protocol_versionq\x01M\xe9\x03X\r\x00\x00\x00little_endianq\x02\x88u."


# ---- archives of PyTorch 1.6 and later, and streams from before

def archive(entries, **more):
    """Entries as torch writes them: stored. `more` changes records: name -> bytes of an entry to compress."""
    written = io.BytesIO()
    warnings.simplefilter("ignore", UserWarning)  # about a name that is there twice
    with zipfile.ZipFile(written, "w") as file:
        for name, data in entries:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.external_attr = more.get("attributes", 0)
            file.writestr(info, data, zipfile.ZIP_DEFLATED if more.get("compressed") == name else zipfile.ZIP_STORED)
    return written.getvalue()


def changed(data, at, fmt, value):
    """A number of a record replaced; `at` from the end where it is negative."""
    size = struct.calcsize(fmt)
    at = at if at >= 0 else len(data) + at
    return data[:at] + struct.pack(fmt, value) + data[at + size:]


def torch_zip_seeds():
    good = [("a/data.pkl", dictionary(w=tensor())), ("a/byteorder", b"little"), ("a/data/0", bytes(16)), ("a/version", b"3\n")]
    whole = archive(good)

    def without(name, *instead):
        return archive([item for item in good if item[0] != name] + list(instead))

    return {
        "good": whole, "old_order": archive(good[::-1]), "no_pickle": without("a/data.pkl"),
        "no_storage": without("a/data/0"),
        "no_order": without("a/byteorder"), "in_tensors": without("a/data/0", ("a/tensors/0", bytes(16))),
        "short_storage": without("a/data/0", ("a/data/0", bytes(15))), "two": archive(good + [("b/data.pkl", b"x")]),
        "big_endian": without("a/byteorder", ("a/byteorder", b"big")),
        "strange_order": without("a/byteorder", ("a/byteorder", b"odd")),
        "long_order": without("a/byteorder", ("a/byteorder", bytes(20))),
        "script": archive(good + [("a/code/x.py", b"")]),
        "constants": archive(good + [("a/constants.pkl", b"")]), "compressed": archive(good, compressed="a/data.pkl"),
        "compressed_storage": archive(good, compressed="a/data/0"), "twice": archive(good + [("a/data/0", bytes(16))]),
        "absolute": archive(good + [("/etc/x", b"")]), "climbs": archive(good + [("a/../x", b"")]),
        "other_path": archive(good + [("a:x", b"")]),
        "backslash": archive(good + [("a\\x", b"")]), "folder": archive(good + [("a/data/", b"")]),
        "link": archive(good, attributes=0o120777 << 16),
        "long_name": archive(good + [("a/" + "x" * 1100, b"")]), "no_name": archive(good + [("", b"")]),
        "rest": archive([("a/data.pkl", good[0][1] + b"."), *good[1:]]), "cut": whole[:-9], "before": b"x" * 9 + whole,
        "behind": whole + b"x" * 9,
        "damaged": whole.replace(b"storage", b"storagf", 1),
        "encrypted": whole.replace(b"PK\1\2\x14\x03\x14\0\0\0", b"PK\1\2\x14\x03\x14\0\1\0"),
        "other_local": whole.replace(b"PK\3\4\x14\0\0\0\0\0", b"PK\3\4\x14\0\0\0\x08\0", 1), "nothing": archive([]),
        "empty": b"",
        "sizes_differ": changed(whole, whole.index(b"PK\1\2") + 24, "<I", 9),
        "many_entries": changed(whole, -12, "<H", 60000),
        "size_beyond": changed(changed(whole, whole.index(b"PK\1\2") + 20, "<I", 1 << 20), whole.index(b"PK\1\2") + 24, "<I", 1 << 20),
        "crc": whole.replace(struct.pack("<I", zlib.crc32(bytes(16))), b"\1\2\3\4"),
    }


def torch_legacy_seeds():
    def stream(objects=dictionary(w=tensor()), keys=b"\x80\x02]" + text("0") + b"a.", data=struct.pack("<q", 4) + bytes(16),
               magic=MAGIC, protocol=b"\x80\x02M\xe9\x03.", system=SYSTEM):
        return magic + protocol + system + objects + keys + data

    return {
        "good": stream(), "no_tensor": stream(dictionary(), b"\x80\x02].", b""),
        "magic": stream(magic=b"\x80\x02K\x01."),
        "other_protocol": stream(protocol=b"\x80\x02K\x01."),
        "big_endian": stream(system=SYSTEM.replace(b"\x88", b"\x89")),
        "no_system": stream(system=b"\x80\x02N."), "no_order": stream(system=b"\x80\x02}."),
        "order": stream(system=SYSTEM.replace(b"\x88", b"N")),
        "keys": stream(keys=b"\x80\x02}."), "key": stream(keys=b"\x80\x02]K\x01a."),
        "no_keys": stream(keys=b"\x80\x02]."),
        "unknown_key": stream(keys=b"\x80\x02](" + text("0") + text("1") + b"e."),
        "key_twice": stream(keys=b"\x80\x02](" + text("0") * 2 + b"e."),
        "count": stream(data=struct.pack("<q", 5) + bytes(20)), "cut": stream()[:-1], "cut_count": stream(data=b"\4"),
        "rest": stream() + b"x",
        "cut_pickle": stream()[:40], "protocol0": b"(dp0\n.", "tar": b"x" * 257 + b"ustar" + bytes(50),
        "opcode": MAGIC + b"\xff", "empty": b"",
    }


def targets():
    return {"safetensors": safetensors_seeds(), "pickle": pickle_seeds(), "torch_zip": torch_zip_seeds(),
            "torch_legacy": torch_legacy_seeds(), "tensorflow_index": seed_tensorflow.tensorflow_seeds()}
