# SPDX-License-Identifier: Apache-2.0
"""Seeds of the fuzz targets graph, recipe and class_names: small texts that use every statement, and wrong ones."""
from seed_names import lines_of, names_seeds

GRAPH = """model m multiple=8
param width=48
param half=width/2
input x [n 3 h w] scale=1/127.5 offset=-1 order=bgr pad=edge
input label [n 1 1 1] range=0,9
input ones [n 1 h w] value=1
smooth a from x channels=2*width,half kernel=3 weights=net.0. norm_weights=net.1_ rename=weight:w,bias:b
concat c from a,ones
slice s from c first=8 channels=half
reshape r from s,a shape=0,-1,c,0
output y from r [n 3 h w] scale=127.5 offset=127.5 order=rgb
output a
loss some text = {1}
"""
BLOCKS = """model m
param depth=3
param act=elu
input x [n 3 h w]
block pair net from norm=
  smooth {net}1 from {from} activation={act} norm={norm} channels={2*depth}
  if {mode}=train sharpen {net}t from {net}1
  smooth {net}2 from {net}1
end
block twice net from
  use pair net={net}.a from={from}
  for j=1..2 if {j}!=1 smooth {net}.{j} from {net}.a2
end
use twice net=p from=x
use pair net=res0. from=x norm=batch
for i=1..depth use pair net=res{i}. from=res{i-1}.2
if depth>2 smooth big from res1.2 dilation=depth*2
if depth<=2 output small from x
if act=relu|elu output y from res{mode}
if {mode}=eval output y from res1.2
output big
"""
COMPOSITE = """model m
input x [n 3 h w]
refined y from x kernel=3 dilation=2 weights=net.
refined z from y,x kernel=4/2 norm=a,a
loss l from z
output z
#composite
block first node from
  smooth {node}.0 from {from}
end
op refined when norm=none|a from input,scale? to output kernel stride=1 norm=none
  use first node={node} from={input}
  smooth {node}.1 from {node}.0 kernel={kernel} stride={2*stride} weights={weights}first. norm_weights={norm_weights}
  if {scale}!= blend {node}.2 from {node}.1,{scale} to {output}
  if {scale}=  sharpen {node}.2 from {node}.1 to {output} {attributes}
end
op refined from input to output a= b=1
  smooth {node}.1 from {input} to {output}
end
op loss from a to b
  smooth {node}.1 from {a} to {b}
end
"""
HEAD = "model m\nparam w=4\nparam t=word\ninput x [n 3 h w]\n"
# A wrong line in a good graph, by the reason.
WRONG_LINES = """input_again=input x [n 3 h w]
input_shape=input z
input_empty=input z []
input_open=input z [n 3
input_rank=input z [1 1 1 1 1 1 1]
input_extent=input z [0 3]
input_order=input z [n 4] order=rgb
input_word=input z [n 3] order=gbr
input_pad=input z [n] pad=mirror
input_scale=input z [n] scale=0
input_large=input z [n] scale=1e39
input_real=input z [n] value=word
input_range=input z [n] range=1
input_range_word=input z [n] range=a,b
input_range_order=input z [n] range=3,2
input_key=input z [n] colour=1
model_again=model n
param_late=param q=1
name_missing=smooth
name_bad=smooth 1a from x
statement=Smooth a from x
from_missing=smooth a kernel=3
from_word=from a
tensor_missing=smooth a from
tensor_empty=smooth a from x,,x
tensor_bad=smooth a from x-y
tensor_unknown=smooth a from xx
tensor_twice=smooth a from x to b,b
from_twice=smooth a from x from x
cycle=smooth a from a
node_twice=smooth y from x to q
key_bad=smooth a from x Kernel=3
key_twice=smooth a from x k=1 k=2
no_key=smooth a from x kernel
value_missing=smooth a from x k=1,,2
value_empty=smooth a from x k=
prefix_bad=smooth a from x weights=a
prefix_empty=smooth a from x weights=
prefix_sign=smooth a from x weights=a+.
rename_bad=smooth a from x rename=a
composite_rename=linear a from x rename=a:b
rename_twice=smooth a from x rename=a:b,a:c
division=smooth a from x k=1/0
remainder=smooth a from x k=7/w
overflow=smooth a from x k=9223372036854775807+1
overflow_product=smooth a from x k=9223372036854775807*2
overflow_quotient=smooth a from x k=(-9223372036854775807-1)/-1
modulo=smooth a from x k=7%-1,8%5,7.5%2,w/2.0,1.0*3-4.5+2
large_number=smooth a from x k=99999999999999999999
infinite=smooth a from x k=1e308*10
number_bad=smooth a from x k=1.2.3
exponent=smooth a from x k=1e-3,2E+2,1.5e3
word_in_sum=smooth a from x k=1+t
unknown_name=smooth a from x k=1+q
parenthesis=smooth a from x k=(1+2
unexpected=smooth a from x k=1)
nothing=smooth a from x k=1+
sign=smooth a from x k=*2
deep=smooth a from x k=----------------------------------------------------------------------1
brace=smooth a{ from x
brace_outside=smooth a{w} from x
concat_key=concat a from x axis=1
concat_many=concat a from x to p,q
slice_missing=slice a from x
slice_first=slice a from x first=-1 channels=1
slice_two=slice a from x,x channels=1
slice_key=slice a from x channels=1 last=2
slice_weights=slice a from x channels=1 weights=a.
slice_norm=slice a from x channels=1 norm_weights=a.
slice_rename=slice a from x channels=1 rename=a:b
reshape_missing=reshape a from x
reshape_two=reshape a from x shape=-1,-1
reshape_rank=reshape a from x shape=1,1,1,1,1,1,1
reshape_word=reshape a from x shape=c
end=end
op=op a from b to c
use_missing=use q
use_nothing=use
if_missing=if w=4
if_condition=if w! smooth a from x
if_none=if w smooth a from x
if_words=if t<3 smooth a from x
if_model=if w=4 model q
if_false=if w!=4 smooth a from x
if_many=if w=4 if w=4 if w=4 if w=4 if w=4 if w=4 if w=4 if w=4 if w=4 smooth a from x
for_form=for i smooth a from x
for_variable=for I=1..2 smooth a from x
for_mode=for mode=1..2 smooth a from x
for_parameter=for w=1..2 smooth a from x
for_nested=for i=1..2 for i=1..2 smooth a{i} from x
for_words=for i=t..2 smooth a from x
for_none=for i=3..2 smooth a{i} from x
for_many=for i=1..999999 smooth a{i} from x
for_far=for i=-9223372036854775807..9223372036854775807 smooth a{i} from x
for_unknown=for i=1..2 smooth a{j} from x
for_expression=for i=1..2 smooth a{i/0} from x
for_product=for i=1..2 smooth a{i*w+1} from x
for_text=for i=1..2 {t} a{i} from x
for_model=for i=1..2 {mode}l a{i} from x
output_again=output y
output_from=output z from
output_bad=output z from 1
output_unknown=output z from yy
output_colour=output z from y [n 4] order=rgb
block_open=block q
block_again=block q\\nend\\nblock q\\nend
block_name=block q mode\\nend
block_argument=block q Q\\nend
block_twice=block q a a\\nend
block_inner=block q\\nblock r\\nend
block_word=block q\\ninput z [n]\\nend
block_unknown=block q\\nsmooth {r} from x\\nend
block_brace=block q\\nsmooth {r from x\\nend
block_missing=block q a\\nsmooth {a} from x\\nend\\nuse q
block_extra=block q a\\nsmooth {a} from x\\nend\\nuse q a=1 b=2
block_itself=block q a\\nuse q a={a}\\nend\\nuse q a=1
block_similar=block query a\\nsmooth {a} from x\\nend\\nuse qvery a=b
block_statement=block q a=\\n{a}\\nend\\nuse q
block_made_model=block q a=model\\n{a} b from x\\nend\\nuse q
block_value=block q a b=2*w\\nsmooth {a} from x k={b+1} l={b}\\nend\\nuse q a=z b=w\\nuse q a=zz
block_end=block q a\\nend {a}
block_if=block q a\\nif {a}
composite_extra=linear a from x,x
control=smooth a\\x01 from x
not_utf8=smooth a\\xff from x
comment=smooth a from x # a comment"""
WRONG_OPS = """word=smooth a from b
open=op refined from input to output
name=op from from input to output\\nend
upper=op Refined from input to output\\nend
when=op refined when a from input to output\\nend
when_word=op refined when norm=a from input to output\\nend
no_from=op refined to output\\nend
no_to=op refined from input\\nend
order=op refined from a?,b to c\\nend
port=op refined from A to c\\nend
port_twice=op refined from a,a to c\\nend
port_mode=op refined from mode to c\\nend
port_empty=op refined from a, to c\\nend
attribute_twice=op refined from a to b k k\\nend
attribute_default=op refined from a to b k=1/0\\nend
attribute_node=op refined from a to b node\\nend
attribute_missing=op refined from input to output kernel\\n  smooth {node}.1 from {input} to {output} kernel={kernel}\\nend
attributes=op refined from input to output\\n  smooth {node}.1 from {input} to {output}\\nend
two_outputs=op refined from input to a,b\\n  smooth {node}.1 from {input} to {a},{b}\\nend
three_inputs=op refined from a,b,c to d\\n  smooth {node}.1 from {a} to {d}\\nend
itself=op refined from input to output\\n  refined {node}.1 from {input} to {output}\\nend
good=op refined from input to output\\n  smooth {node}.1 from {input} to {output} {attributes}\\nend
elsewhere=op refined from input to output\\n  smooth {node}.1 from {input}\\nend\\n#composite\\nop refined from a to b\\n  smooth {a} from {b}\\nend
parameter=op refined from input to output\\n  smooth {node}.1 from {input} to {output} k={w}\\nend
empty=op refined from input to output\\nend"""

def graph_seeds():
    seeds = {"statements": GRAPH, "blocks": BLOCKS, "blocks_train": "#train\n" + BLOCKS, "composite": COMPOSITE}
    seeds["set"] = "#set width=64\n" + GRAPH
    seeds["set_unknown"] = "#set depth=64\n" + GRAPH
    seeds["set_word"] = "#set width=wide\n" + GRAPH
    seeds["set_nothing"] = "#set width=\n" + GRAPH
    seeds["set_none"] = "#set q=1\nmodel m\ninput x [n]\nsmooth y from x\noutput y\n"
    seeds["carriage_returns"] = GRAPH.replace("\n", "\r\n")
    seeds["byte_order_mark"] = "\ufeff" + GRAPH
    seeds["param_form"] = "model m\nparam a b=1\n"
    seeds["param_default"] = "model m\nparam a\n"
    seeds["param_twice"] = "model m\nparam a=1\nparam a=1\n"
    seeds["param_long"] = "model m\nparam a=" + "b" * 1001 + "\n"
    seeds["multiple"] = "model m multiple=0\n"
    seeds["no_model"] = "input x [n]\nsmooth y from x\noutput y\n"
    seeds["no_node"] = "model m\ninput x [n]\noutput x\n"
    seeds["no_output"] = "model m\ninput x [n]\nsmooth y from x\n"
    seeds["later"] = "model m\ninput x [n]\nsmooth y from z\nsmooth z from x\noutput y\n"
    seeds["many_arguments"] = "model m\nblock q " + " ".join(f"a{i}" for i in range(65)) + "\nend\n"
    seeds["nested"] = HEAD + "block b0 a\nsmooth {a} from x\nend\n" + "".join(
        f"block b{i} a\nuse b{i - 1} a={{a}}\nend\n" for i in range(1, 40)) + "use b39 a=y\noutput y\n"
    seeds["doubling"] = HEAD + "block b0 a\nsmooth {a} from x\nend\n" + "".join(
        f"block b{i} a\nuse b{i - 1} a={{a}}0\nuse b{i - 1} a={{a}}1\nend\n" for i in range(1, 20)) + "use b19 a=y\noutput y0\n"
    seeds["long_name"] = HEAD + "block q a\nsmooth " + "{a}" * 300 + " from x\nend\nuse q a=" + "b" * 300 + "\n"
    seeds["growing"] = HEAD + "block q a\nsmooth {a} from x k={a+a+a}\nend\nuse q a=" + "(" * 70 + "1\n"
    seeds["empty"] = ""
    wrong = {name: HEAD.encode() + b"smooth y from x\n" + line + b"\noutput y\n" for name, line in lines_of(WRONG_LINES).items()}
    use = b"smooth y from x\nrefined z from y other=1\noutput z\n#composite\n"
    ops = {"op_" + name: HEAD.encode() + use + text for name, text in lines_of(WRONG_OPS).items()}
    return {**{name: text.encode() for name, text in seeds.items()}, **wrong, **ops}


RECIPE = """recipe r
param size=16
network g graph=g width=size/2 gain=1.4
data procedural size=size batch=2
mask brush strokes=1,2 vertices=2,4 width=2,4
mask rectangle size=size/2 delta=2
step first trains=g
  call g from image,mask
  loss l1 from g.filled,image loss=l1
  if {mode}=train loss more from g.made
  minimise l1 weight=2
  minimise more
  optimizer adam beta1=0.5
  learning_rate cosine 1e-3 steps=size
  clip norm=1
end
average decay=0.9
run steps=20 seed=3
log every=5
checkpoint every=10 keep=2
validate every=10 batches=2
sample every=10 count=2 network=g output=filled
"""
RECIPE_CHANGES = {
    "key": ("batch=2", "bacth=2"), "statement": ("average", "avarage"), "open": ("\nend", "\n"), "range": ("1,2", "2,1"),
    "tensor": ("g.filled", "g.fillet"), "network": ("trains=g", "trains=h"), "twice": ("\nlog", "\nlog\nlog"),
    "again": ("  loss l1", "  call g as=h\n  loss l1"), "same": ("  loss l1", "  call g\n  loss l1"),
    "no_rate": ("  learning_rate cosine 1e-3 steps=size\n", ""), "rate": ("cosine", "sometimes"), "division": ("size/2", "size/3"),
    "late_param": ("average decay=0.9", "param x=1"), "data_tensor": ("loss l1", "loss image"), "output": ("minimise more", "output more"),
    "pictures": ("procedural size=size", "pictures size=size,24 crop=random shorter=16,32 cache_mb=1 flip=true mask_per=sample"),
    "large": ("size=16", "size=99999999999999999999"), "control": ("recipe r", "recipe r\x01"), "units": ("from image,mask\n  loss", "from mask,image\n  loss"),
}


def recipe_seeds():
    seeds = {"good": RECIPE, "empty": "", **{name: RECIPE.replace(*change, 1) for name, change in RECIPE_CHANGES.items()}}
    return {name: text.encode() for name, text in seeds.items()}


def class_names_seeds():
    texts = {"shipped": "", "three": "cat, chair ,pizza\nChair", "number": "cat,chair\n1", "number_out": "cat,chair\n2",
             "number_negative": "cat,chair\n-1", "none": "\nx", "blank": " , \t,\n", "other_count": "a,b,c,d",
             "ten": "0123456789"[:10], "unknown": "cat,chair\ndog", "huge": "a\n99999999999999999999", "many": "a,b" * 40 + "\nB",
             "control": "cat,a\x1b[2J\nx"}
    return {name: text.encode() for name, text in texts.items()}


def targets():
    return {"graph": graph_seeds(), "names": names_seeds(), "class_names": class_names_seeds(), "recipe": recipe_seeds()}
