# SPDX-License-Identifier: Apache-2.0
"""Seeds of the fuzz target names: every statement, wrong ones, and checkpoints that the names are applied to."""

NAMES = """# a comment
model small
set layer = one two   # words
set layer += three
set number = 1..3
set part = feature gate
dialect torch
  prefix module. net.
  {layer}.conv.weight -> {layer}.feature_weight, {layer}.gate_weight layout=oihw split=o
  {layer}.conv.bias -> {layer}.feature_bias,{layer}.gate_bias layout=o split=o
  up.{number}.w -> up{number}.weight layout=iohw:iohw
  scale -> scale layout=1o
  plain -> plain
  same copy.{number} = up.{number}.w
  ignore */Adam step *_power
dialect ours like torch
dialect tf
  net/{layer}/kernel -> {layer}.feature_weight, {layer}.gate_weight layout=hwio split=o
  net/{layer}/bias -> {layer}.feature_bias,{layer}.gate_bias layout=o split=o
  up/{number} -> up{number}.weight
  scale -> scale
  plain -> plain
param width = one.feature_weight[0] * 4 / 2
param side = sqrt up1.weight[0] + 3
param less = one.feature_bias[0] - 0
"""
# What stands behind "#checkpoint" is a checkpoint for the names above (names_fuzz.cpp).
APPLIED = """model m
dialect d
  prefix module.
  n.w -> n.w layout=oi
  n.u -> n.u layout=o
  n.v -> n.v layout=i:i
  both -> left, right layout=oi split=o
  same copy = n.w
  constant k[2] = 1 0.5
  ignore skip* *.step
dialect solved like d
  solve *.v = *.w, *.u by *.divided
picture n.w[1]
param width = n.w[0]
#checkpoint
"""
GIVEN = "n.w F32 2,3 1\nn.u F32 2 1\nboth F32 4,3 1\n"
WHOLE = GIVEN + "n.v F32 3 1\n"
TENSORS = {
    "fits": WHOLE, "solved": GIVEN, "prefix": "".join("module." + line + "\n" for line in WHOLE.splitlines()),
    "ignored": WHOLE + "skipped F32 1 1\na.step I64 1 0", "unexpected": WHOLE + "other F32 1 1", "none": "x F32 1 1",
    "missing": "n.w F32 2,3 1\nother F32 1 1", "copy": WHOLE + "copy F32 2,3 1", "copy_differs": WHOLE + "copy F32 2,3 2",
    "copy_shape": WHOLE + "copy F32 3,2 1", "copy_solved": GIVEN + "copy F32 2,3 1",
    "type": WHOLE.replace("n.w F32", "n.w I64"), "rank": WHOLE.replace("n.w F32 2,3", "n.w F32 6"),
    "split": WHOLE.replace("4,3", "3,3"), "half": WHOLE.replace("n.w F32", "n.w F16").replace("n.u F32", "n.u F64"),
    "constant": WHOLE + "k F32 2 1", "constant_type": WHOLE + "k I64 2 1", "constant_shape": WHOLE + "k F32 3 1",
    "divided": GIVEN + "n.divided F32 2,3 0.5", "divided_shape": GIVEN + "n.divided F32 3,2 0.5",
    "divided_zero": GIVEN + "n.divided F32 2,3 0", "divided_far": GIVEN + "n.divided F32 2,3 1e-9",
    "solved_shape": "n.w F32 2,3 1\nn.u F32 3 1\nboth F32 4,3 1", "solved_rank": "n.w F32 6 1\nn.u F32 2 1\nboth F32 4,3 1",
    "solved_missing": "n.w F32 2,3 1\nboth F32 4,3 1", "zero": GIVEN.replace(" 1\n", " 0\n"),
    "empty": "n.w F32 0,3 0\nn.u F32 0 0\nboth F32 0,3 1", "infinite": GIVEN.replace("2,3 1", "2,3 inf"),
}

WRONG_NAMES = """model_none=dialect d\\na -> b
model_twice=model a\\nmodel b
model_words=model a b
dialect_none=model m
dialect_empty=model m\\ndialect d
dialect_twice=model m\\ndialect d\\na -> b\\ndialect d
dialect_like=model m\\ndialect d like e
dialect_words=model m\\ndialect d e
before=model m\\na -> b
ignore_none=model m\\ndialect d\\nignore
prefix_none=model m\\ndialect d\\nprefix
statement=model m\\nmodule n
set_form=set a
set_twice=set a = 1\\nset a = 2
set_new=set a += 1
set_brace=set a = {b}
set_word_twice=set a = b b
set_range=set a = 3..1
set_far=set a = 1..99999
set_number=set a = 1..x
same_form=model m\\ndialect d\\nsame a b
same_unknown=model m\\ndialect d\\na -> b\\nsame c = d
same_known=model m\\ndialect d\\na -> b\\nsame a = a
arrow_left=model m\\ndialect d\\na b -> c
arrow_right=model m\\ndialect d\\na -> b c
arrow_none=model m\\ndialect d\\na ->
layout_twice=model m\\ndialect d\\na -> b layout=o layout=o
layout_bad=model m\\ndialect d\\na -> b layout=xy
layout_ones=model m\\ndialect d\\na -> b layout=11
layout_other=model m\\ndialect d\\na -> b layout=oi:io
layout_same=model m\\ndialect d\\na -> b layout=oo:oo
layout_long=model m\\ndialect d\\na -> b layout=111111111o
layout_ranks=model m\\ndialect d\\na -> b layout=abcdefgh:hgfedcba
split_none=model m\\ndialect d\\na -> b, c
split_alone=model m\\ndialect d\\na -> b split=o
split_axis=model m\\ndialect d\\na -> b, c layout=oi split=h
brace=model m\\ndialect d\\na{ -> b
brace_set=model m\\ndialect d\\na{q} -> b
brace_right=model m\\nset q = 1\\ndialect d\\na -> b{q}
source_twice=model m\\ndialect d\\na -> b\\na -> c
target_twice=model m\\ndialect d\\na -> c\\nb -> c
differ=model m\\ndialect d\\na -> b\\ndialect e\\na -> c
param_form=model m\\ndialect d\\na -> b\\nparam p
param_root=model m\\ndialect d\\na -> b\\nparam p = sqrt
param_number=model m\\ndialect d\\na -> b\\nparam p = 3
param_sign=model m\\ndialect d\\na -> b\\nparam p = b[0] ^ 2
param_twice=model m\\ndialect d\\na -> b\\nparam p = b[0]\\nparam p = b[0]
param_unknown=model m\\ndialect d\\na -> b\\nparam p = c[0]
param_axis=model m\\ndialect d\\na -> b layout=o\\nparam p = b[7]
param_zero=model m\\ndialect d\\na -> b layout=o\\nparam p = b[0] - 1
param_remainder=model m\\ndialect d\\na -> b layout=o\\nparam p = b[0] / 2
param_overflow=model m\\ndialect d\\na -> b layout=o\\nparam p = b[0] * 2147483647 * 2147483647 * 2147483647
param_huge=model m\\ndialect d\\na -> b layout=o\\nparam p = b[0] + 2147483647 * 2147483647 + b[0]
param_no_root=model m\\ndialect d\\na -> b layout=o\\nparam p = sqrt b[0] + 1
star=model m\\ndialect d\\na -> b\\nrename a = b
rename_form=model m\\ndialect d\\na -> b\\nrename a
rename_none=model m\\ndialect d\\na -> b\\nrename x* = y*
rename_some=model m\\ndialect d\\nxa -> b\\nrename x* = y*
solve_form=model m\\ndialect d\\na -> b\\nsolve a
solve_none=model m\\ndialect d\\na -> b\\nsolve x*v = x*w, x*u
solve_some=model m\\ndialect d\\nxv -> xv\\nxw -> xw\\nxu -> xu\\nsolve x*v = x*w, x*u by x*y
constant_form=model m\\ndialect d\\na -> b\\nconstant a
constant_bracket=model m\\ndialect d\\na -> b\\nconstant a = 1
constant_number=model m\\ndialect d\\na -> b\\nconstant a[1] = x
constant_count=model m\\ndialect d\\na -> b\\nconstant a[3] = 1
constant_huge=model m\\ndialect d\\na -> b\\nconstant a[2147483647,2147483647,2147483647] = 1
known_form=model m\\ndialect d\\na -> b\\nknown x
known_good=model m\\nknown 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef licence=MIT a file\\ndialect d\\na -> b
picture_form=model m\\ndialect d\\na -> b\\npicture b
picture_good=model m\\ndialect d\\na -> b layout=oihw\\npicture b[1]
many=set a = 1..1000\\nmodel m\\ndialect d\\n{a} -> {a}\\nset b = 1..1000\\n{a}.{b} -> {a}.{b}
many_copies=set a = 1..300\\nset b = 1..300\\nmodel m\\ndialect d\\nsame {a}.{b} = a\\nsame {a}x{b} = a
many_words=set a = 1..9000\\nset a += 10000..19000"""


def lines_of(text):
    """name=text lines to a dictionary; \\n and \\xNN are what they are in Python."""
    pairs = (line.split("=", 1) for line in text.split("\n"))
    return {name: value.encode().decode("unicode_escape").encode("latin-1") for name, value in pairs}


def names_seeds():
    wrong = lines_of(WRONG_NAMES)
    wrong |= {"applied_" + name: (APPLIED + tensors).encode() for name, tensors in TENSORS.items()}
    return {"statements": NAMES.encode(), "carriage_returns": NAMES.replace("\n", "\r\n").encode(), "empty": b"", **wrong}
