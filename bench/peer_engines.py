# SPDX-License-Identifier: Apache-2.0
"""The peers. Each has forms of a row of which the fastest counts, and runs in a process of its own (bench/peer_process.py).

package: what to import before memory is counted; forms(row): what to try; why_not(row): why
it can't run one, or None; prepare(row, form, folder, threads); run(): what is timed; arrays(result): name to NumPy array.
"""
import importlib
import os

import numpy as np
import peer_machine

LAYOUTS = ("channels_last", "contiguous")
PACKINGS = ("packed", "plain")  # of ncnn
AS_IT_IS = 1  # ncnn's output without conversion
# Environment variables that keep PyTorch, oneDNN and OpenVINO to some instructions.
LIMITS = {"avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}}


def has_parts(row):
    """Whether there are two sums to be told apart."""
    return row.is_gated or row.kind in ("guided", "inpainting", "depth") or row.keys.get("graph") == "sketchfill_appearance"


def parts_of(row):
    """Forms of bench/peer_modules.py."""
    return ["whole", "apart"] if has_parts(row) else ["whole"]


class Engine:
    package = ""
    needs_onnx = False
    heeds_limits = True  # LIMITS

    @classmethod
    def why_not(cls, row):
        return None

    @classmethod
    def forms(cls, row):
        return parts_of(row)

    def load(self):
        importlib.import_module(self.package)


class Torch(Engine):
    """Eager. A form is of bench/peer_modules.py and a memory format."""
    package = "torch"
    in_place = True

    @classmethod
    def forms(cls, row):
        forms = [f"whole {layout}" for layout in LAYOUTS]
        if row.kind in ("guided", "depth"):
            forms += [f"{parts} {layout}" for parts in ("apart", "unfold") for layout in LAYOUTS]
        elif row.kind == "sketch" and has_parts(row):
            forms += [f"apart {layout}" for layout in LAYOUTS]
        return forms

    def prepare(self, row, form, folder, threads):
        import peer_modules
        import torch
        torch.set_num_threads(threads)
        parts, layout = form.split()
        built = peer_modules.build(row, parts, self.in_place)
        self.call = built.module
        inputs = peer_modules.passed_inputs(row, built)
        built.weights.clear()  # else the memory of a second copy would be counted
        if layout == "channels_last":
            formats = {4: torch.channels_last, 5: torch.channels_last_3d}
            self.call = self.call.to(memory_format=formats[next(iter(inputs.values())).dim()])
            inputs = {name: value.to(memory_format=formats.get(value.dim(), torch.preserve_format)) for name, value in inputs.items()}
        self.inputs, self.outputs = list(inputs.values()), built.outputs

    def run(self):
        import torch
        with torch.inference_mode():
            return self.call(*self.inputs)

    def arrays(self, result):
        values = result if isinstance(result, (tuple, list)) else [result]
        return {name: value.contiguous().numpy() for name, value in zip(self.outputs, values)}


class TorchCompile(Torch):
    in_place = False

    @classmethod
    def forms(cls, row):
        """A network takes minutes to compile: in the format that is faster there."""
        if row.is_network:
            return [f"{parts} channels_last" for parts in (parts_of(row) if row.kind == "sketch" else ["whole"])]
        return [f"whole {layout}" for layout in LAYOUTS] + (["apart channels_last"] if has_parts(row) else [])

    def prepare(self, row, form, folder, threads):
        super().prepare(row, form, folder, threads)
        import torch
        import torch._inductor.config as inductor
        inductor.freezing = True
        if os.environ.get("ATEN_CPU_CAPABILITY") == "avx2":
            inductor.cpp.simdlen = 256
        self.call = torch.compile(self.call, dynamic=False)

    def run(self):
        import torch
        with torch.no_grad():
            return self.call(*self.inputs)


def read_inputs(folder):
    from safetensors.numpy import load_file
    return load_file(folder / "input.safetensors")


class OnnxRuntime(Engine):
    package = "onnxruntime"
    heeds_limits = False
    needs_onnx = True

    def prepare(self, row, form, folder, threads):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.session = onnxruntime.InferenceSession(str(folder / f"{form}.onnx"), options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()  # outputs stay where they are: no new memory a run
        inputs = read_inputs(folder)
        for port in self.session.get_inputs():
            self.binding.bind_cpu_input(port.name, inputs[port.name])
        self.kept = {port.name: np.empty(port.shape, np.float32) for port in self.session.get_outputs()}
        for name, value in self.kept.items():
            self.binding.bind_output(name, "cpu", 0, np.float32, value.shape, value.ctypes.data)

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def arrays(self, result):
        return self.kept


class OpenVino(Engine):
    """A form is of bench/peer_modules.py and the memory format of inputs and outputs, which OpenVINO would else reorder for a
    layer by itself."""
    package = "openvino"
    needs_onnx = True

    @classmethod
    def forms(cls, row):
        layouts = LAYOUTS if not row.is_network and row.kind != "attention" else ("contiguous",)
        return [f"{form} {layout}" for form in parts_of(row) for layout in layouts]

    def prepare(self, row, form, folder, threads):
        import openvino
        parts, layout = form.split()
        options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        core = openvino.Core()
        model = core.read_model(folder / f"{parts}.onnx")
        self.channels_last = layout == "channels_last"
        inputs = read_inputs(folder)
        if self.channels_last:
            model = self.with_channels_last(model)
            inputs = {name: np.ascontiguousarray(np.moveaxis(value, 1, -1)) for name, value in inputs.items()}
        model = core.compile_model(model, "CPU", options)
        self.inputs = {port.get_any_name(): inputs[port.get_any_name()] for port in model.inputs}
        self.request = model.create_infer_request()

    @staticmethod
    def with_channels_last(model):
        from openvino.preprocess import PrePostProcessor
        given = PrePostProcessor(model)
        ports = [(given.input(i), port) for i, port in enumerate(model.inputs)]
        for there, port in [*ports, *((given.output(i), port) for i, port in enumerate(model.outputs))]:
            depth = "D" if len(port.shape) == 5 else ""
            there.tensor().set_layout(openvino_layout(f"N{depth}HWC"))
            there.model().set_layout(openvino_layout(f"NC{depth}HW"))
        return given.build()

    def run(self):
        return self.request.infer(self.inputs, share_inputs=True, share_outputs=True)

    def arrays(self, result):
        named = {port.get_any_name(): np.array(value) for port, value in result.items()}
        return {name: np.moveaxis(value, -1, 1) if self.channels_last else value for name, value in named.items()}


def openvino_layout(text):
    import openvino
    return openvino.Layout(text)


class Ncnn(Engine):
    """A form is of bench/peer_modules.py, and whether inputs and outputs have their channels packed, as between two layers."""
    package = "ncnn"
    heeds_limits = False

    @classmethod
    def why_not(cls, row):
        import peer_ncnn
        return peer_ncnn.why_not(row)

    @classmethod
    def forms(cls, row):
        return [f"{parts} {packing}" for parts in (parts_of(row) if row.is_gated else ["whole"]) for packing in PACKINGS]

    def prepare(self, row, form, folder, threads):
        import ncnn
        import peer_ncnn
        from safetensors.numpy import load_file
        parts, packing = form.split()
        peer_ncnn.write(row, load_file(folder / "weights.safetensors"), parts, folder)
        self.net = ncnn.Net()
        options = self.net.opt
        options.num_threads, options.use_vulkan_compute = threads, False
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = options.use_bf16_storage = False
        self.pools = ncnn.PoolAllocator(), ncnn.PoolAllocator()
        options.blob_allocator, options.workspace_allocator = self.pools
        if self.net.load_param(str(folder / f"ncnn_{parts}.param")) or self.net.load_model(str(folder / f"ncnn_{parts}.bin")):
            raise RuntimeError("ncnn does not take the files")
        inputs = read_inputs(folder)
        # A Mat borrows the memory of its array: clone() takes a copy of its own.
        self.inputs = {name: ncnn.Mat(np.ascontiguousarray(inputs[name][0])).clone() for name in row.input_names}
        self.packed = packing == "packed"
        if self.packed:
            widest = 16 if "avx512f" in peer_machine.processor_flags() else 8
            for name, value in self.inputs.items():
                pack = next(pack for pack in (widest, 8, 4, 1) if value.c % pack == 0)
                self.inputs[name] = ncnn.convert_packing(value, pack)

    def run(self):
        extractor = self.net.create_extractor()
        for name, value in self.inputs.items():
            extractor.input(name, value)
        return extractor.extract("out", AS_IT_IS if self.packed else 0)[1]

    def arrays(self, result):
        import ncnn
        return {"out": np.array(ncnn.convert_packing(result, 1))[None]}


ENGINES = {"torch": Torch, "torch-compile": TorchCompile, "onnxruntime": OnnxRuntime, "openvino": OpenVino, "ncnn": Ncnn}


def why_too_large(row):
    """The peers' attention holds the scores of all pairs of positions, twice at least while their diagonals are added."""
    scores_gb = 4e-9 * (row.shapes[0][2] // 2 * (row.shapes[0][3] // 2)) ** 2
    memory_gb = peer_machine.memory_gb()
    if 2 * scores_gb > memory_gb:
        return f"two matrices of scores of {scores_gb:.1f} GB each do not fit in {memory_gb:.1f} GB of memory"
    return None


def why_not(peer, row, isa):
    """Why an engine can't run a row with these instructions (None: any), or None."""
    if row.kind == "attention" and why_too_large(row):
        return why_too_large(row)
    if isa and not ENGINES[peer].heeds_limits:
        return f"it can't be told to keep to {isa}"
    return ENGINES[peer].why_not(row)
