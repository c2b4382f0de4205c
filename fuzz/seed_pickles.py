# SPDX-License-Identifier: Apache-2.0
"""Seeds of the fuzz target pickle: what torch.save writes, every opcode, and what hostile files try."""
import pathlib
import pickle
import struct
import zipfile

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "tests/weights_io/checkpoints"


def text(word):
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def storage(kind="FloatStorage", key="0", elements=4):
    return b"(" + text("storage") + b"ctorch\n" + kind.encode() + b"\n" + text(key) + text("cpu") + b"K" + bytes([elements]) + b"tQ"


def tensor(extents=b"K\x02K\x02", strides=b"K\x02K\x01", offset=b"K\x00", of=None):
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n(" + (of or storage())
    return rebuild + offset + b"(" + extents + b"t(" + strides + b"t\x89ccollections\nOrderedDict\n)RtR"


def dictionary(**items):
    return b"\x80\x02}(" + b"".join(text(key) + value for key, value in items.items()) + b"u."


def tensor_seeds():
    one = tensor()
    return {
        "tensor": dictionary(w=one), "strided": dictionary(w=tensor(b"K\x02K\x02", b"K\x01K\x02")),
        "expanded": dictionary(w=tensor(b"K\x02K\x7f", b"K\x01K\x00")), "scalar": dictionary(w=tensor(b"", b"")),
        "empty_tensor": dictionary(w=tensor(b"K\x00", b"K\x01")),
        "offset": dictionary(w=tensor(b"K\x01", b"K\x01", b"K\x03")),
        "beyond": dictionary(w=tensor(b"K\x05", b"K\x01")),
        "negative": dictionary(w=tensor(b"J\xff\xff\xff\xff", b"K\x01")),
        "huge": dictionary(w=tensor(b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"K\x00")),
        "rank": dictionary(w=tensor(b"K\x01" * 70, b"K\x01" * 70)), "ranks_differ": dictionary(w=tensor(b"K\x01", b"")),
        "shared": dictionary(a=one, b=one), "sizes_differ": dictionary(a=one, b=tensor(of=storage(elements=5))),
        "types_differ": dictionary(a=one, b=tensor(of=storage("IntStorage"))),
        "parameter": dictionary(w=b"ctorch._utils\n_rebuild_parameter\n(" + one + b"\x88ccollections\nOrderedDict\n)RtR"),
        "bad_storage": dictionary(w=tensor(of=storage("FooStorage"))),
        "bad_key": dictionary(w=tensor(of=storage(key="../x"))),
        "expanded_far": dictionary(w=tensor(b"J\x00\x00\x00\x40K\x04", b"K\x00K\x01")),
        "steps": dictionary(w=tensor(b"K\x02K\x03K\x02", b"K\x64K\x14K\x03", of=storage(elements=255))),
        "v1": dictionary(w=b"ctorch._utils\n_rebuild_tensor\n(" + storage() + b"K\x00(K\x02t(K\x01ttR"),
        "v2_few": dictionary(w=b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage() + b"tR"),
        "v2_many": dictionary(w=b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage() + b"K\x00(K\x02t(K\x01t\x89}}}}tR"),
        "v2_metadata": dictionary(w=b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage() + b"K\x00(K\x02t(K\x01t\x89}}tR"),
        "negated": dictionary(w=b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage() + b"K\x00(K\x02t(K\x01t\x89}}(" + text("neg") + b"\x88utR"),
        "not_negated": dictionary(w=b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage() + b"K\x00(K\x02t(K\x01t\x89}}(" + text("neg") + b"\x89utR"),
        "metadata_number": dictionary(w=b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage() + b"K\x00(K\x02t(K\x01t\x89}K\x01tR"),
        "v3": dictionary(w=b"ctorch._utils\n_rebuild_tensor_v3\n(" + storage("UntypedStorage", elements=8) + b"K\x00(K\x02t(K\x01t\x89}ctorch\nfloat32\n}tR"),
        "v3_type": dictionary(w=b"ctorch._utils\n_rebuild_tensor_v3\n(" + storage("UntypedStorage", elements=8) + b"K\x00(K\x02t(K\x01t\x89}K\x01}tR"),
        "no_storage": dictionary(w=b"ctorch._utils\n_rebuild_tensor_v2\n(NK\x00(K\x02t(K\x01t\x89}tR"),
        "offset_word": dictionary(w=tensor(offset=b"N")),
        "offset_negative": dictionary(w=tensor(offset=b"J\xff\xff\xff\xff")),
        "offset_far": dictionary(w=tensor(offset=b"\x8a\x07" + b"\xff" * 6 + b"\x3f")),
        "state": dictionary(w=b"ctorch._utils\n_rebuild_parameter_with_state\n(" + one + b"\x88}}tR"),
        "subclass": dictionary(w=b"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\nctorch.nn.parameter\nParameter\n(" + storage() + b"K\x00(K\x02t(K\x01t\x89}t}tR"),
        "subclass_other": dictionary(w=b"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\nctorch\nSize\n(" + storage() + b"t}tR"),
        "view": dictionary(w=tensor(b"K\x02", b"K\x01", of=storage()[:-2] + b"(" + text("v") + b"K\x01K\x02ttQ")),
        "view_beyond": dictionary(w=tensor(b"K\x02", b"K\x01", of=storage()[:-2] + b"(" + text("v") + b"K\x03K\x02ttQ")),
        "view_short": dictionary(w=tensor(b"K\x02", b"K\x01", of=storage()[:-2] + b"(" + text("v") + b"K\x03ttQ")),
        "storage_type": dictionary(w=tensor(of=b"(" + text("storage") + b"N" + text("0") + text("cpu") + b"K\x04tQ")),
        "sparse": dictionary(w=b"ctorch._utils\n_rebuild_sparse_tensor\n(NNtR"),
        "call_type": dictionary(w=b"ctorch\nfloat32\n)R"),
        "call_class": dictionary(w=b"ctorch\nTensor\n)R"), "call_storage": dictionary(w=b"ctorch\nFloatStorage\n)R"),
        "call_value": dictionary(w=b"N)R"),
        "pairs": dictionary(w=b"ccollections\nOrderedDict\n(](](" + text("k") + one + b"eetR"),
        "not_pairs": dictionary(w=b"ccollections\nOrderedDict\n(](K\x01etR"),
        "size_number": dictionary(w=b"ctorch\nSize\n(K\x01tR"),
        "call_call": dictionary(w=b"ctorch._utils\n_rebuild_parameter\n" * 2 + b"(" + one + b"\x88}tRRtR"),
        "deep_parameter": dictionary(w=b"(" .join([b"ctorch._utils\n_rebuild_parameter\n"] * 40) + b"(" + one + b"\x88}tR" * 40),
        "size": dictionary(w=b"ctorch\nSize\n((K\x01tt" + b"R"),
        "device": dictionary(w=b"ctorch\ndevice\n(" + text("cpu") + b"tR"),
    }


def opcode_seeds():
    one = tensor()
    return {
        "nested": b"\x80\x02}(" + text("n") + b"}(" + text("w") + one + b"u" + text("l") + b"](" + one + b"eu.",
        "memo": b"\x80\x02}q\x00(" + text("w") + one + b"q\x05" + text("v") + b"h\x05u.",
        "itself": b"\x80\x02}q\x00" + text("w") + b"h\x00s.", "memo_missing": b"\x80\x02h\x09.",
        "system": b"\x80\x02cos\nsystem\n(" + text("echo") + b"tR.",
        "eval": b"\x80\x02c__builtin__\neval\n" + text("1") + b"\x85R.",
        "stack_global": b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "build": b"\x80\x02ccollections\nOrderedDict\n)R}b.",
        "new_object": b"\x80\x02ccollections\nOrderedDict\n)\x81.", "instance": b"(ios\nsystem\n.",
        "object": b"(cos\nsystem\no.",
        "extension": b"\x80\x02\x82\x01.", "persistent_text": b"P0\n.", "unknown": b"\x80\x02\xff.",
        "no_stop": b"\x80\x02}",
        "two_values": b"\x80\x02}}.", "no_value": b"\x80\x02.", "protocol": b"\x80\x09}.", "rest": b"\x80\x02}.}",
        "long_text": b"\x80\x02X\xff\xff\xff\x7fx.", "frame": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff}.",
        "no_mark": b"\x80\x02}u.", "odd_items": b"\x80\x02}(K\x01u.", "pop": b"\x80\x02}(K\x01102.",
        "deep": b"\x80\x02" + b"]" * 400 + b"a" * 399 + b".", "doubling": b"\x80\x02)" + b"2\x86" * 60 + b".",
        "set": b"\x80\x04\x8f(K\x01K\x02\x90.", "empty": b"", "bare": b"\x80\x02" + one + b".",
        "new_object_ex": b"\x80\x04ccollections\nOrderedDict\n)}\x92.", "list_of": b"(K\x01K\x02l.",
        "list_key": b"\x80\x02}]K\x01s.",
        "tensor_key": b"\x80\x02}(" + one + b"K\x01u.", "tuple_key": b"\x80\x02}(K\x01K\x02\x86" + one + b"s.",
        "not_utf8": b"\x80\x02X\x01\x00\x00\x00\xff.", "bytes_key": b"\x80\x03}(C\x01w" + one + b"u.",
        "bad_bytes_key": b"\x80\x03}(C\x01\xff" + one + b"u.", "string_key": b"\x80\x02}(U\x01\xff" + one + b"u.",
        "buffer": b"\x80\x05\x97.", "read_only": b"\x80\x05N\x98.", "memo_text": b"N" + b"p99999999\n" + b".",
        "repeated": b"\x80\x02](" + one + b"q\x01" + b"h\x01" * 300 + b"e.",
    }


def pickle_seeds():
    plain = {"a": 1, "b": [1.5, None, True, False], "c": (1, 2, 3, 4), "d": {"e": b"bytes"}, "f": {1, 2}, "g": 1 << 80, "h": -7,
             "i": "x" * 300, "j": frozenset((1,)), "k": (), "l": (1,), "m": (1, 2), "n": 70000, "o": bytearray(b"x"), "p": 300}
    seeds = {f"plain{protocol}": pickle.dumps(plain, protocol) for protocol in range(6)}

    seeds |= {**tensor_seeds(), **opcode_seeds()}
    for path in sorted(FIXTURES.glob("*_zip*.pth")):
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            data = archive.read(names[0]) if len(names) == 1 else b""
        if 0 < len(data) <= 4096:
            seeds["of_" + path.stem] = data
    return seeds
