# SPDX-License-Identifier: Apache-2.0
"""The peers. Each has forms of a row of which the fastest counts, and runs in a process of its own (bench/peer_process.py).

package: what to import before memory is counted; forms(row): what to try; why_not(row): why
it can't run one, or None; prepare(row, form, folder, threads); run(): what is timed; arrays(result): name to NumPy array.
"""
import importlib

import numpy as np

LAYOUTS = ("channels_last", "contiguous")


def has_parts(row):
    """Whether there are two sums to be told apart."""
    return row.is_gated or row.kind in ("guided", "inpainting", "depth")


class Engine:
    package = ""
    needs_onnx = False

    @classmethod
    def why_not(cls, row):
        return None

    @classmethod
    def forms(cls, row):
        return ["whole", "apart"] if has_parts(row) else ["whole"]

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
            forms += [f"apart {layout}" for layout in LAYOUTS] + ["unfold contiguous", "unfold channels_last"]
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
            rank = next(iter(inputs.values())).dim()
            self.call = self.call.to(memory_format=formats[rank])
            inputs = {name: value.to(memory_format=formats[rank]) for name, value in inputs.items()}
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
            return ["whole channels_last"]
        return [f"whole {layout}" for layout in LAYOUTS] + (["apart channels_last"] if has_parts(row) else [])

    def prepare(self, row, form, folder, threads):
        super().prepare(row, form, folder, threads)
        import torch
        import torch._inductor.config as inductor
        inductor.freezing = True
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
    package = "openvino"
    needs_onnx = True

    def prepare(self, row, form, folder, threads):
        import openvino
        options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        core = openvino.Core()
        model = core.compile_model(core.read_model(folder / f"{form}.onnx"), "CPU", options)
        inputs = read_inputs(folder)
        self.inputs = {port.get_any_name(): inputs[port.get_any_name()] for port in model.inputs}
        self.request = model.create_infer_request()

    def run(self):
        return self.request.infer(self.inputs, share_inputs=True, share_outputs=True)

    def arrays(self, result):
        return {port.get_any_name(): np.array(value) for port, value in result.items()}


class Ncnn(Engine):
    package = "ncnn"

    @classmethod
    def why_not(cls, row):
        import peer_ncnn
        return peer_ncnn.why_not(row)

    @classmethod
    def forms(cls, row):
        return ["whole", "apart"] if row.is_gated else ["whole"]

    def prepare(self, row, form, folder, threads):
        import ncnn
        import peer_ncnn
        from safetensors.numpy import load_file
        peer_ncnn.write(row, load_file(folder / "weights.safetensors"), form, folder)
        self.net = ncnn.Net()
        options = self.net.opt
        options.num_threads, options.use_vulkan_compute = threads, False
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = options.use_bf16_storage = False
        self.pools = ncnn.PoolAllocator(), ncnn.PoolAllocator()
        options.blob_allocator, options.workspace_allocator = self.pools
        if self.net.load_param(str(folder / f"ncnn_{form}.param")) or self.net.load_model(str(folder / f"ncnn_{form}.bin")):
            raise RuntimeError("ncnn does not take the files")
        self.batch = row.shapes[0][:1]
        inputs = read_inputs(folder)
        # A Mat borrows the memory of its array: clone() takes a copy of its own.
        self.inputs = {name: ncnn.Mat(np.ascontiguousarray(inputs[name][0])).clone() for name in row.input_names}

    def run(self):
        extractor = self.net.create_extractor()
        for name, value in self.inputs.items():
            extractor.input(name, value)
        return extractor.extract("out")[1]

    def arrays(self, result):
        return {"out": np.array(result)[None]}


ENGINES = {"torch": Torch, "torch-compile": TorchCompile, "onnxruntime": OnnxRuntime, "openvino": OpenVino, "ncnn": Ncnn}
