# SPDX-License-Identifier: Apache-2.0
"""The command line on tensors: run and grad, with graphs a user might write. Pictures and files: cli_test.py.

Needs SLUICE_BINARY and SLUICE_SOURCE_DIR in the environment.
"""
import json
import pathlib
import struct
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cli_support as cli  # noqa: E402

# y = max(2 x + 1, 0) where m is 1, 2 x + 1 elsewhere
GRAPH = """model tiny
input x [n 2 h w] scale=2 offset=1
input m [n 1 h w]
activation bend from x to bent activation=relu
blend mix from bent,x,m
output y from mix [n 2 h w]
"""
X = [-3.0, -0.5, 0.25, 7.0, -0.75, 1.0, -2.0, 3.0, 0.0, 5.0, -1.0, 0.5]  # [1, 2, 2, 3]
M = [1.0, 0.0, 1.0, 1.0, 1.0, 0.0]  # [1, 1, 2, 3]
SCALED = [2 * x + 1 for x in X]
EXPECTED = [max(s, 0.0) if M[i % 6] else s for i, s in enumerate(SCALED)]


class TensorTestCase(cli.CliTestCase):
    def setUp(self):
        super().setUp()
        self.graph = self.write_text("tiny.graph", GRAPH)
        self.input, self.out = self.path("in.safetensors"), self.path("out.safetensors")
        cli.write_safetensors(self.input, {"x": cli.floats([1, 2, 2, 3], X), "m": cli.floats([1, 1, 2, 3], M)})

    def results(self):
        return cli.read_safetensors(self.out)[0]

    def run_graph(self, *more):
        return self.succeed("run", self.graph, "--input", self.input, "--output", self.out, *more)

    def run_fails(self, code, *more, says=()):
        return self.fail_with(code, "run", self.graph, "--input", self.input, "--output", self.out, *more, says=says,
                              out="out.safetensors")


class RunTest(TensorTestCase):
    def test_outputs(self):
        result = self.run_graph()
        self.assertEqual((result.stdout, result.stderr), ("", ""))
        self.assertEqual(set(self.results()), {"y"})
        self.assertEqual(self.results()["y"][1], [1, 2, 2, 3])
        self.assertEqual(cli.values(self.results()["y"]), EXPECTED)

    def test_modes_threads_and_device(self):
        self.run_graph()
        plain = self.out.read_bytes()
        for more in (["--mode", "eval"], ["--mode", "train"], ["--threads", "2"], ["--device", "cpu"], ["--no-prepack"]):
            self.run_graph(*more)
            self.assertEqual(self.out.read_bytes(), plain)

    def test_keep_by_node_and_by_tensor(self):
        bent = [max(s, 0.0) for s in SCALED]
        for more, names in ((["--keep", "bend"], {"bend"}), (["--keep", "bent"], {"bent"}), (["--keep", "bend,mix"], {"bend", "mix"}),
                            (["--keep", "bend", "--keep", "bent,x"], {"bend", "bent", "x"})):
            self.run_graph(*more)
            self.assertEqual(set(self.results()), names | {"y"})
            for name in names & {"bend", "bent"}:
                self.assertEqual(cli.values(self.results()[name]), bent)

    def test_keep_of_nothing(self):
        self.run_fails(2, "--keep", "nonsense", says="nonsense")

    def test_other_element_types(self):
        x = [3, 0, 250, 7, 8, 9, 1, 2, 4, 5, 6, 255]
        outputs = []
        for dtype, letter in (("U8", "B"), ("I64", "q"), ("F32", "f")):
            cli.write_safetensors(self.input, {"x": (dtype, [1, 2, 2, 3], struct.pack(f"<12{letter}", *x)),
                                               "m": cli.floats([1, 1, 2, 3], M)})
            self.run_graph()
            outputs.append(cli.values(self.results()["y"]))
        self.assertEqual(outputs[0], [2.0 * v + 1 for v in x])
        self.assertEqual(outputs[1:], [outputs[0]] * 2)

    def test_batch(self):
        cli.write_safetensors(self.input, {"x": cli.floats([2, 2, 2, 3], X + X[::-1]), "m": cli.floats([1, 1, 2, 3], M)})
        self.run_graph()
        self.assertEqual(self.results()["y"][1], [2, 2, 2, 3])
        self.assertEqual(cli.values(self.results()["y"])[:12], EXPECTED)

    def test_state_output(self):
        state = self.path("state.safetensors")
        self.run_graph("--state-output", state)
        self.assertEqual(cli.read_safetensors(state), ({}, {}))
        self.out.unlink()
        state.unlink()
        state.mkdir()
        self.run_fails(1, "--state-output", state)
        self.run_fails(1, "--state-output", self.path("nowhere/state.safetensors"))

    def test_json(self):
        item = json.loads(self.run_graph("--json").stdout)
        self.assertEqual((item["output"], item["tensors"]), (str(self.out), {"y": [1, 2, 2, 3]}))

    def test_settings(self):
        text = GRAPH.replace("model tiny\n", "model tiny\nparam factor=2\n").replace("scale=2", "scale=factor")
        self.write_text("tiny.graph", text)
        self.run_graph("--set", "factor=4")
        self.assertEqual(cli.values(self.results()["y"])[3], 29)
        self.out.unlink()
        self.run_fails(2, "--set", "power=4", says="power")


class BadInputTest(TensorTestCase):
    def test_inputs(self):
        x, m = cli.floats([1, 2, 2, 3], X), cli.floats([1, 1, 2, 3], M)
        for tensors, says in (({"x": x}, "m"), ({}, "x"), ({"x": x, "m": m, "more": m}, "more"),
                              ({"x": x, "m": m, "bent": cli.floats([1], [1])}, "bent"),
                              ({"x": cli.floats([12], X), "m": m}, "x"), ({"x": cli.floats([1, 3, 2, 2], X), "m": m}, "x"),
                              ({"x": x, "m": cli.floats([1, 1, 3, 2], M)}, "m"), ({"x": cli.floats([1, 2, 0, 3], []), "m": m}, "x"),
                              ({"x": x, "m": ("F64", [1, 1, 2, 3], struct.pack("<6d", *M))}, "F64")):
            cli.write_safetensors(self.input, tensors)
            with self.subTest(tensors=list(tensors), says=says):
                self.run_fails(1, says=says)

    def test_input_files(self):
        whole = self.input.read_bytes()
        for content in (b"", whole[:20], whole[:-1], whole + b"\0"):
            self.input.write_bytes(content)
            self.run_fails(4, says="in.safetensors")
        self.input.unlink()
        self.run_fails(3, says="in.safetensors")

    def test_weights_for_a_graph_without_parameters(self):
        weights = self.path("weights.safetensors")
        cli.write_safetensors(weights, {"bend.weight": cli.floats([1], [1])})
        self.run_fails(4, "--weights", weights, says="bend.weight")

    def test_graphs(self):
        def changed(old, new):
            self.assertIn(old, GRAPH)
            return GRAPH.replace(old, new)

        for text, code, says in (
                ("", 4, "empty"), ("\0\1\2", 4, "tiny.graph:1"), ("model tiny\n", 4, "empty"),
                (changed("from x to bent", "from mix to bent"), 4, "cycle"), (changed("activation bend", "nonsense bend"), 3, "nonsense"),
                (changed("from x to bent", "from z to bent"), 4, "z"), (changed("activation=relu", "activation=nonsense"), 3, "nonsense"),
                (changed("activation=relu", "activation=relu colour=red"), 4, "colour"), (changed("activation=relu", ""), 4, "activation"),
                (changed("bent,x,m", "bent,x"), 4, "mix"), (changed("output y from mix [n 2 h w]\n", ""), 4, "output"),
                (changed("[n 2 h w] scale=2", "[n 2 h w] scale=2/0"), 4, "tiny.graph:2"),
                (changed("blend mix", "blend bend"), 4, "bend")):
            self.write_text("tiny.graph", text)
            with self.subTest(text=text):
                self.run_fails(code, says=["tiny.graph", says])
        self.graph = self.path("none.graph")
        self.run_fails(3, says="none.graph")


class GradTest(TensorTestCase):
    def setUp(self):
        super().setUp()
        self.gradients = self.path("g.safetensors")
        self.upstream = [float(i + 1) for i in range(12)]
        cli.write_safetensors(self.gradients, {"y": cli.floats([1, 2, 2, 3], self.upstream)})

    def grad_fails(self, code, *more, says=()):
        return self.fail_with(code, "grad", self.graph, "--input", self.input, "--output", self.out, *more, says=says,
                              out="out.safetensors")

    def grad(self, *more):
        return self.succeed("grad", self.graph, "--input", self.input, "--grad-output", self.gradients, "--output", self.out, *more)

    def test_gradients_of_inputs(self):
        # d y / d x is 2 where the value passes; d y / d m sums bent - x over the channels. No weights here.
        expected = [2 * g * (1.0 if s > 0 or not M[i % 6] else 0.0) for i, (g, s) in enumerate(zip(self.upstream, SCALED))]
        difference = [g * (max(s, 0.0) - s) for g, s in zip(self.upstream, SCALED)]
        self.grad()
        self.assertEqual(set(self.results()), {"x", "m"})
        self.assertEqual(cli.values(self.results()["x"]), expected)
        self.assertEqual(cli.values(self.results()["m"]), [difference[i] + difference[i + 6] for i in range(6)])

    def test_gradients_may_be_given_for_nodes(self):
        self.grad()
        plain = self.out.read_bytes()
        cli.write_safetensors(self.gradients, {"mix": cli.floats([1, 2, 2, 3], self.upstream)})
        for more in ([], ["--threads", "2"], ["--mode", "eval"]):
            self.grad(*more)
            self.assertEqual(self.out.read_bytes(), plain)
        cli.write_safetensors(self.gradients, {"bend": cli.floats([1, 2, 2, 3], self.upstream)})
        self.grad()
        self.assertEqual(cli.values(self.results()["x"]), [2 * g if s > 0 else 0 for g, s in zip(self.upstream, SCALED)])

    def test_json(self):
        self.assertEqual(json.loads(self.grad("--json").stdout)["tensors"], {"m": [1, 1, 2, 3], "x": [1, 2, 2, 3]})

    def test_errors(self):
        self.grad_fails(2, says="no loss lines")
        self.write_text("tiny.graph", GRAPH + "loss l1 of y\n")
        self.grad_fails(2, says="not built")
        given = ["--grad-output", self.gradients]
        for tensors, code, says in (({"z": cli.floats([1], [1])}, 2, "z"), ({"y": cli.floats([1, 2, 3, 2], X)}, 1, "y"),
                                    ({"y": cli.floats([12], X)}, 1, "y")):
            cli.write_safetensors(self.gradients, tensors)
            self.grad_fails(code, *given, says=says)
        self.gradients.write_bytes(b"")
        self.grad_fails(4, *given, says="g.safetensors")

    def test_bad_inputs(self):
        given = ["--grad-output", self.gradients]
        x, m = cli.floats([1, 2, 2, 3], X), cli.floats([1, 1, 2, 3], M)
        for tensors, says in (({"x": x}, "m"), ({"x": x, "m": m, "bent": cli.floats([1], [1])}, "bent"), ({}, "inputs")):
            cli.write_safetensors(self.input, tensors)
            self.grad_fails(1, *given, says=says)


if __name__ == "__main__":
    unittest.main()
