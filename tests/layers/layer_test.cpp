// SPDX-License-Identifier: Apache-2.0
// Every case of every layer: values against plain loops in double, whole numbers without a differing bit, derived
// gradients in double against complex-step derivatives of the reference, the same bits for any number of threads.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>

#include "runtime/graph_file.h"
#include "runtime/model.h"
#include "runtime/training/gradients.h"
#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

constexpr double kGradientBound = 1e-6;

// A case made concrete: graph, operands.
class Problem {
 public:
  Problem(const LayerCase &one, bool whole_numbers)
      : case_(one), attributes_(one.attributes), schema_(KernelTable::linked().schema(one.layer)) {
    std::string text = "model " + one.layer + "\n", from;
    for (size_t i = 0; i < schema_.inputs.size(); i++) {
      const auto &shape = one.inputs.at(i);
      text += fmt::format("input {} [{} {} {} {}]\n", schema_.inputs[i].name, shape[0], shape[1], shape[2], shape[3]);
      from += (i == 0 ? "" : ",") + schema_.inputs[i].name;
    }
    graph_ = parse_graph(
        text + fmt::format("{} node from {} to output {}\noutput output\n", one.layer, from, one.attributes),
        one.layer + ".graph");
    const LayerNode node(graph_, graph_.nodes[0], KernelTable::linked(), "cpu");
    std::map<std::string, Extents> extents;
    for (size_t i = 0; i < schema_.inputs.size(); i++) {
      const auto &s = one.inputs[i];
      extents[schema_.inputs[i].name] = {s[1], s[3], s[2], s[0]};
      fill(schema_.inputs[i].name, s, whole_numbers);
    }
    for (const SchemaPort &port : schema_.parameters) {
      const Extents e = node.parameter_extents(port, extents).value();
      fill(port.name, {e.rbegin(), e.rend()}, whole_numbers);
    }
    for (const SchemaPort &port : schema_.parameters) {
      const auto present = node.parameters();
      if (std::find(present.begin(), present.end(), &port) == present.end()) {
        std::fill(operands_[port.name].values.begin(), operands_[port.name].values.end(), 0.0);
        absent_.push_back(port.name);
      }
    }
  }

  const LayerSchema &schema() const { return schema_; }
  const Attributes &attributes() const { return attributes_; }
  const Graph &graph() const { return graph_; }
  const Operands<double> &operands() const { return operands_; }
  const LayerReference &reference() const { return references().at(case_.layer); }

  TensorMap tensors(bool parameters) const {
    TensorMap result;
    for (const auto &ports : {parameters ? schema_.parameters : schema_.inputs}) {
      for (const SchemaPort &port : ports) {
        if (std::find(absent_.begin(), absent_.end(), port.name) != absent_.end()) continue;
        const Array<double> &array = operands_.at(port.name);
        const std::vector<float> values(array.values.begin(), array.values.end());
        result[(parameters ? "node." : "") + port.name] = StoredTensor::of_f32(array.shape, values.data());
      }
    }
    return result;
  }

 private:
  // Values exact in float32, away from kinks; whole numbers small enough for sums without rounding.
  void fill(const std::string &name, const std::vector<int64_t> &shape, bool whole_numbers) {
    Array<double> array(shape);
    std::mt19937 random(static_cast<uint32_t>(std::hash<std::string>{}(case_.layer + case_.name + name)));
    std::normal_distribution<float> normal;
    std::uniform_int_distribution<int> whole(-4, 4), bit(0, 5);
    const bool is_mask = std::find(case_.masks.begin(), case_.masks.end(), name) != case_.masks.end();
    const auto constant = case_.constants.find(name);
    for (double &v : array.values) {
      v = whole_numbers ? static_cast<double>(whole(random)) : static_cast<double>(normal(random));
      if (is_mask) v = bit(random) == 0 ? 1 : 0;
      if (constant != case_.constants.end()) v = constant->second;
    }
    operands_[name] = array;
  }

  LayerCase case_;
  Attributes attributes_;
  const LayerSchema &schema_;
  Graph graph_;
  Operands<double> operands_;
  std::vector<std::string> absent_;
};

Array<double> run_kernel(const Problem &problem) {
  const Model model(problem.graph(), problem.tensors(true));
  const StoredTensor output = model.run(problem.tensors(false)).at("output");
  Array<double> array(output.shape);
  std::copy(output.f32(), output.f32() + output.elements(), array.values.begin());
  return array;
}

// A reference that is mostly zeros, or constant, proves nothing.
void expect_telling(const Array<double> &reference) {
  const auto zeros = std::count(reference.values.begin(), reference.values.end(), 0.0);
  EXPECT_LE(static_cast<double>(zeros), 0.7 * static_cast<double>(reference.values.size()));
  EXPECT_NE(*std::min_element(reference.values.begin(), reference.values.end()),
            *std::max_element(reference.values.begin(), reference.values.end()));
}

class LayerTest : public ::testing::TestWithParam<LayerCase> {};
class ExactLayerTest : public LayerTest {};  // the cases whose whole-number results have no rounding

TEST_P(LayerTest, ValuesWithinBound) {
  const Problem problem(GetParam(), false);
  const Array<double> output = run_kernel(problem),
                      reference = problem.reference().value(problem.attributes(), problem.operands());
  ASSERT_EQ(output.shape, reference.shape);
  const bool constant_result = GetParam().constants.count("mask") != 0;
  if (!constant_result) expect_telling(reference);
  double largest = 0;
  for (const double v : reference.values) largest = std::max(largest, std::fabs(v));
  Array<double> bound(reference.shape);
  if (problem.reference().bound) {
    bound = problem.reference().bound(problem.attributes(), problem.operands());
  } else {
    std::fill(bound.values.begin(), bound.values.end(), 4e-6 * std::max(largest, 1e-30));
  }
  for (size_t i = 0; i < output.values.size(); i++) {
    ASSERT_LE(std::fabs(output.values[i] - reference.values[i]), bound.values[i])
        << "element " << i << " is " << output.values[i] << ", expected " << reference.values[i];
  }
}

TEST_P(ExactLayerTest, WholeNumbersExact) {
  const Problem problem(GetParam(), true);
  const Array<double> output = run_kernel(problem),
                      reference = problem.reference().value(problem.attributes(), problem.operands());
  ASSERT_EQ(output.shape, reference.shape);
  expect_telling(reference);
  for (size_t i = 0; i < output.values.size(); i++) ASSERT_EQ(output.values[i], reference.values[i]) << "element " << i;
}

TEST_P(LayerTest, SameBitsForAnyThreadCount) {
  const Problem problem(GetParam(), false);
  set_threads(1);
  const std::vector<double> once = run_kernel(problem).values;
  for (const int count : {2, 4, 1, 3}) {
    set_threads(count);
    ASSERT_EQ(run_kernel(problem).values, once) << count << " threads";
  }
}

// A kernel called on dense double buffers in the kernels' own order.
class DoubleCall {
 public:
  DoubleCall(const Problem &problem, const Kernel &kernel) : problem_(problem), call_(kernel, problem.graph().model) {}

  void bind(const std::string &port, const Array<double> &array, bool tensor) {
    Stored &stored = stored_[port];
    stored.array = array;
    stored.tensor = tensor;
    const auto &s = array.shape;
    stored.values.resize(array.values.size());
    if (!tensor) {
      stored.values = array.values;
      stored.extents = {s.rbegin(), s.rend()};
    } else {
      stored.extents = {s[1], s[3], s[2], s[0]};
      for_each(s, [&](size_t from, size_t to) { stored.values[to] = array.values[from]; });
    }
    call_.bind(port, BufferView(stored.values.data(), stored.extents, halide_type_of<double>()));
  }
  Array<double> read(const std::string &port) const {
    const Stored &stored = stored_.at(port);
    Array<double> array(stored.array.shape);
    if (!stored.tensor) {
      array.values = stored.values;
    } else {
      for_each(array.shape, [&](size_t file, size_t memory) { array.values[file] = stored.values[memory]; });
    }
    return array;
  }
  void bind_raw(const std::string &port, std::vector<double> &values, const Extents &extents) {
    call_.bind(port, BufferView(values.data(), extents, halide_type_of<double>()));
  }
  KernelCall &call() { return call_; }

 private:
  struct Stored {
    Array<double> array;
    bool tensor = true;
    std::vector<double> values;
    Extents extents;
  };
  // Index in n c h w order, index in n h w c order.
  template <typename Visit>
  static void for_each(const std::vector<int64_t> &s, Visit visit) {
    for (int64_t n = 0; n < s[0]; n++) {
      for (int64_t c = 0; c < s[1]; c++) {
        for (int64_t y = 0; y < s[2]; y++) {
          for (int64_t x = 0; x < s[3]; x++) {
            visit(static_cast<size_t>(((n * s[1] + c) * s[2] + y) * s[3] + x),
                  static_cast<size_t>(((n * s[2] + y) * s[3] + x) * s[1] + c));
          }
        }
      }
    }
  }
  const Problem &problem_;
  KernelCall call_;
  std::map<std::string, Stored> stored_;
};

Array<double> random_like(const std::vector<int64_t> &shape, uint32_t seed, bool whole_numbers = false) {
  Array<double> array(shape);
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::uniform_int_distribution<int> whole(-3, 3);
  for (double &v : array.values) v = whole_numbers ? whole(random) : normal(random);
  return array;
}

// Gradients of sum(output * grad_output) by the derived kernel in double.
Operands<double> derived_gradients(const Problem &problem, const Array<double> &grad_output) {
  const LayerNode node(problem.graph(), problem.graph().nodes[0], KernelTable::linked(), "cpu");
  const std::map<std::string, std::string> in_double{{"element", "float64"}};
  DoubleCall backward(problem, node.kernel("backward", in_double));
  std::map<std::string, std::vector<double>> saved;
  const auto bind_operands = [&](DoubleCall &call, bool parameters) {
    for (const SchemaPort &port : problem.schema().inputs) call.bind(port.name, problem.operands().at(port.name), true);
    if (parameters) {
      for (const SchemaPort &port : problem.schema().parameters)
        call.bind(port.name, problem.operands().at(port.name), false);
    }
    node.bind_scalars(call.call());
  };
  bind_operands(backward, true);
  for (const std::string &name : backward.call().inputs()) {
    if (!name.starts_with("saved_")) continue;
    const std::string stage = name.substr(6);
    DoubleCall recompute(problem, node.kernel("saved", {{"element", "float64"}, {"stage", stage}}));
    bind_operands(recompute, false);
    const Extents extents = recompute.call().query().at(stage);
    saved[name].resize(static_cast<size_t>(BufferView(nullptr, extents).elements()));
    recompute.bind_raw(stage, saved[name], extents);
    recompute.call().run();
    backward.bind_raw(name, saved[name], extents);
  }
  backward.bind("grad_" + problem.schema().outputs[0].name, grad_output, true);
  Operands<double> gradients;
  for (const std::string &name : backward.call().outputs()) {
    const std::string port = name.substr(5);
    backward.bind(name, Array<double>(problem.operands().at(port).shape),
                  problem.operands().at(port).shape.size() == 4 && !port.ends_with("weight"));
  }
  backward.call().run();
  for (const std::string &name : backward.call().outputs()) gradients[name.substr(5)] = backward.read(name);
  return gradients;
}

TEST_P(LayerTest, DerivedGradientIsTheDerivative) {
  const Problem problem(GetParam(), false);
  const Array<double> value = problem.reference().value(problem.attributes(), problem.operands());
  const Array<double> grad_output = random_like(value.shape, 7);
  const Operands<double> gradients = derived_gradients(problem, grad_output);
  constexpr double kStep = 1e-30;
  for (const auto &[port, gradient] : gradients) {
    for (uint32_t direction = 0; direction < 3; direction++) {
      const Array<double> along = random_like(gradient.shape, 100 + direction);
      Operands<Complex> moved;
      for (const auto &[name, array] : problem.operands()) {
        moved[name] = Array<Complex>(array.shape);
        for (size_t i = 0; i < array.values.size(); i++)
          moved[name].values[i] = Complex(array.values[i], name == port ? kStep * along.values[i] : 0);
      }
      const Array<Complex> result = problem.reference().derivative(problem.attributes(), moved);
      double expected = 0, scale = 0, got = 0;
      for (size_t i = 0; i < result.values.size(); i++)
        expected += result.values[i].imag() / kStep * grad_output.values[i];
      for (size_t i = 0; i < along.values.size(); i++) {
        got += gradient.values[i] * along.values[i];
        scale += std::fabs(gradient.values[i] * along.values[i]);
      }
      EXPECT_LE(std::fabs(got - expected), kGradientBound * std::max(scale, 1e-12))
          << port << ", direction " << direction << ": " << got << " vs " << expected;
    }
  }
}

// The float32 backward kernel does on whole numbers what the one in double does.
TEST_P(ExactLayerTest, WholeNumberGradientsExact) {
  const Problem problem(GetParam(), true);
  const Array<double> value = problem.reference().value(problem.attributes(), problem.operands());
  const Array<double> grad_output = random_like(value.shape, 9, true);
  const Operands<double> expected = derived_gradients(problem, grad_output);
  const Model model(problem.graph(), problem.tensors(true));
  const std::vector<float> values(grad_output.values.begin(), grad_output.values.end());
  const TensorMap made =
      gradients(model, problem.tensors(false), {{"output", StoredTensor::of_f32(grad_output.shape, values.data())}});
  for (const auto &[port, gradient] : expected) {
    const auto ours = made.count(port) != 0 ? made.find(port) : made.find("node." + port);
    if (ours == made.end()) continue;  // bias=false
    for (size_t i = 0; i < gradient.values.size(); i++) {
      ASSERT_EQ(static_cast<double>(ours->second.f32()[i]), gradient.values[i]) << port << " element " << i;
    }
  }
}

std::string case_name(const ::testing::TestParamInfo<LayerCase> &test) {
  return test.param.layer + "_" + test.param.name;
}

std::vector<LayerCase> exact_cases() {
  std::vector<LayerCase> exact;
  std::copy_if(cases().begin(), cases().end(), std::back_inserter(exact),
               [](const LayerCase &one) { return one.exact; });
  return exact;
}

INSTANTIATE_TEST_SUITE_P(All, LayerTest, ::testing::ValuesIn(cases()), case_name);
INSTANTIATE_TEST_SUITE_P(All, ExactLayerTest, ::testing::ValuesIn(exact_cases()), case_name);

}  // namespace
}  // namespace sluice::testing

int main(int argc, char **argv) {
  ::testing::InitGoogleTest(&argc, argv);
  sluice::register_training();
  sluice::register_test_kernels(sluice::KernelTable::linked());
  return RUN_ALL_TESTS();
}
