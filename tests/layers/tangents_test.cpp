// SPDX-License-Identifier: Apache-2.0
// The rules of generators/tangents.graph in double: a network of every op that has one, and its penalty's gradients,
// from the plain-loop references of the layers. Then the same in float32, as training runs it; and what is refused.
#include "runtime/trainer/gradient_penalty.h"

#include <gtest/gtest.h>

#include "runtime/graph_file.h"
#include "runtime/structural.h"
#include "runtime/trainer/tangents.h"
#include "runtime/training/gradients.h"
#include "tests/layers/layer_problem.h"
#include "tests/support/fixture.h"

namespace sluice::testing {
namespace {

constexpr double kStep = 1e-30;  // of complex derivatives, which are exact for any

const std::string kNetwork = R"(model all
input image [n 2 4 4]
input label [n]
input scale [n 1] value=0.3
conv2d a from image kernel=3 channels=6 padding=same
activation b from a activation=leaky_relu
conv2d c from b kernel=3 channels=6 padding=1 padding_mode=reflect spectral_norm=eval
instance_norm2d d from c
activation e from d activation=relu
gated_residual f from e,a,scale operation=add
avg_pool2d g from f kernel=3 stride=2 padding=1,1,1,1
resize h from image mode=nearest_floor scale=1.0/2
conv2d i from h kernel=1 channels=6
elementwise j from g,i operation=sub
slice k from j channels=3
slice l from j first=3 channels=3
activation m from k activation=tanh
activation o from l activation=sigmoid
elementwise p from m,o operation=mul
concat q from p,k
softmax r from q
pad2d s from r padding=1
elementwise t from s,r2 operation=add
conv2d u from t kernel=3 stride=2 channels=4 activation=leaky_relu negative_slope=0.1
elementwise v from u,gate operation=mul
resize w from v mode=bilinear scale=2
global_avg_pool2d x from w
reshape y from x shape=0,4
pick_channel score from y,label
output score
)";

// Two lines that read tensors of other places.
std::string network_text() {
  std::string text = kNetwork;
  const auto put = [&](const std::string &before, const std::string &line) { text.insert(text.find(before), line); };
  put("elementwise t ", "conv2d r2 from s kernel=1 channels=6\n");
  put("elementwise v ", "conv2d gate from u kernel=1 channels=1 activation=sigmoid\n");
  return text;
}

template <typename T>
using Tensors = std::map<std::string, Array<T>>;

template <typename T>
Array<T> reference_of(const LayerReference &reference, const Attributes &attributes, const Operands<T> &operands) {
  if constexpr (std::is_same_v<T, double>) return reference.value(attributes, operands);
  if constexpr (!std::is_same_v<T, double>) return reference.derivative(attributes, operands);
}

template <typename T>
Array<T> structural(const Node &node, const Tensors<T> &tensors) {
  const Array<T> &first = tensors.at(node.inputs[0]);
  if (node.op == "reshape") return first.reshaped({first.shape[0], first.shape[1]});
  std::vector<int64_t> shape = first.shape;
  const auto number = [&](const char *key) {
    const auto found = node.attributes.find(key);
    return found == node.attributes.end() ? 0 : std::stoll(found->second.text());
  };
  int64_t begin = 0;
  std::vector<const Array<T> *> parts;
  if (node.op == "slice") begin = number("first"), shape[1] = number("channels"), parts = {&first};
  if (node.op == "concat") {
    shape[1] = 0;
    for (const std::string &input : node.inputs)
      parts.push_back(&tensors.at(input)), shape[1] += parts.back()->shape[1];
  }
  Array<T> result(shape);
  int64_t channel = 0;
  for (const Array<T> *part : parts) {
    const int64_t count = node.op == "slice" ? shape[1] : part->shape[1];
    for (int64_t n = 0; n < shape[0]; n++) {
      for (int64_t c = 0; c < count; c++) {
        for (int64_t y = 0; y < shape[2]; y++) {
          for (int64_t x = 0; x < shape[3]; x++) result.at(n, channel + c, y, x) = part->at(n, begin + c, y, x);
        }
      }
    }
    channel += count;
  }
  return result;
}

// Every tensor of the graph, by the references.
template <typename T>
Tensors<T> evaluate(const Graph &graph, Tensors<T> tensors, const Tensors<T> &weights) {
  for (const Node &node : graph.nodes) {
    if (is_structural(node.op)) {
      tensors[node.outputs[0]] = structural(node, tensors);
      continue;
    }
    const LayerNode layer(graph, node, KernelTable::linked(), "cpu");
    Operands<T> operands;
    for (size_t i = 0; i < node.inputs.size(); i++)
      operands[layer.schema().inputs[i].name] = tensors.at(node.inputs[i]);
    for (const SchemaPort *port : layer.schema().stored()) {
      const auto found = weights.find(layer.weight_name(*port));
      if (found != weights.end()) operands[port->name] = found->second;
    }
    if (operands.contains("weight") && !operands.contains("bias"))
      operands["bias"] = Array<T>({operands.at("weight").shape[0]});
    if (node.op == "gated_residual") operands["beta"] = Array<T>(tensors.at(node.inputs[2]).shape);
    std::string keys;
    for (const auto &[key, value] : node.attributes) keys += key + "=" + value.text() + " ";
    if (node.op == "conv2d" && keys.find("bias=false") != std::string::npos)
      operands["bias"] = Array<T>({operands.at("weight").shape[0]});
    tensors[node.outputs[0]] = reference_of<T>(references().at(node.op), Attributes(keys), operands);
  }
  return tensors;
}

template <typename T>
T sum_of(const Array<T> &array) {
  T sum(0);
  for (const T &v : array.values) sum += v;
  return sum;
}

Tensors<Complex> complex_of(const Tensors<double> &tensors) {
  Tensors<Complex> result;
  for (const auto &[name, tensor] : tensors) {
    Array<Complex> &to = result[name] = Array<Complex>(tensor.shape);
    std::copy(tensor.values.begin(), tensor.values.end(), to.values.begin());
  }
  return result;
}

class GradientPenaltyRules : public ::testing::Test {
 protected:
  void SetUp() override {
    register_training();
    for (const char *layer : {"conv2d", "softmax_derivative", "pick_channel", "resize"}) {
      if (references().count(layer) == 0) GTEST_SKIP() << "this build is without " << layer << " (SLUICE_ONLY_LAYERS)";
    }
    load.purpose = "training";
    load.algorithm = "direct";
    const ParseOptions options = parse_options(load);
    plain = parse_graph(network_text(), "all.graph", options);
    const TangentLines derivative =
        tangent_lines(plain, "score", "image", "gp.direction", "gp", *options.composites, "here");
    std::string text = network_text() + "activation gp.direction from image activation=none\n";
    for (const std::string &line : derivative.lines) text += line + "\n";
    tangent = derivative.tangent;
    whole = parse_graph(text + "output penalised from " + tangent + "\n", "all.graph", options);
    draw();
  }

  void draw() {
    const std::pair<const char *, std::vector<int64_t>> shapes[] = {
        {"a.weight", {6, 2, 3, 3}},    {"a.bias", {6}},   {"c.weight_orig", {6, 6, 3, 3}}, {"c.weight_u", {6}},
        {"c.weight_v", {54}},          {"c.bias", {6}},   {"i.weight", {6, 2, 1, 1}},      {"i.bias", {6}},
        {"r2.weight", {6, 6, 1, 1}},   {"r2.bias", {6}},  {"u.weight", {4, 6, 3, 3}},      {"u.bias", {4}},
        {"gate.weight", {1, 4, 1, 1}}, {"gate.bias", {1}}};
    uint32_t seed = 1;
    for (const auto &[name, shape] : shapes) weights[name] = random_like(shape, seed++);
    inputs["image"] = random_like({2, 2, 4, 4}, seed);
    inputs["label"] = Array<double>({2});
    inputs["label"].values = {1, 3};
    inputs["scale"] = Array<double>({2, 1});
    inputs["scale"].values = {0.3f, 0.3f};
  }

  double score_along(const Array<double> &v, const Tensors<double> &at) const {
    Tensors<Complex> moved = complex_of(inputs);
    for (size_t i = 0; i < v.values.size(); i++) moved["image"].values[i] += Complex(0, kStep * v.values[i]);
    return sum_of(evaluate(plain, moved, complex_of(at)).at("score")).imag() / kStep;
  }

  Array<double> input_gradient(const Tensors<double> &at) const {
    Array<double> gradient(inputs.at("image").shape), one = gradient;
    for (size_t i = 0; i < one.values.size(); i++) {
      one.values[i] = 1;
      gradient.values[i] = score_along(one, at);
      one.values[i] = 0;
    }
    return gradient;
  }

  static std::vector<double> norms(const Array<double> &gradient) {
    std::vector<double> norms;
    const size_t size = gradient.values.size() / static_cast<size_t>(gradient.shape[0]);
    for (size_t i = 0; i < gradient.values.size(); i++) {
      if (i % size == 0) norms.push_back(0);
      norms.back() += gradient.values[i] * gradient.values[i];
    }
    for (double &norm : norms) norm = std::sqrt(norm);
    return norms;
  }

  double penalty(double centre, const Tensors<double> &at) const {
    double sum = 0;
    const auto all = norms(input_gradient(at));
    for (const double norm : all) sum += (norm - centre) * (norm - centre) / static_cast<double>(all.size());
    return sum;
  }

  // What PenaltyGradients writes.
  Array<double> direction(double centre) const {
    Array<double> v = input_gradient(weights);
    const std::vector<double> all = norms(v);
    const size_t size = v.values.size() / all.size();
    for (size_t i = 0; i < v.values.size(); i++)
      v.values[i] *= 2 * (1 - centre / all[i / size]) / static_cast<double>(all.size());
    return v;
  }

  // d (derivative of the score along v) / d weight, by the nodes of the rules.
  Array<double> rule_gradient(const Array<double> &v, const std::string &name) {
    Graph from_direction = whole;  // the direction is given, not copied
    std::erase_if(from_direction.nodes, [](const Node &node) { return node.name == "gp.direction"; });
    Tensors<Complex> given = complex_of(inputs), at = complex_of(weights);
    given["gp.direction"] = complex_of({{"v", v}}).at("v");
    Array<double> gradient(weights.at(name).shape);
    for (size_t i = 0; i < gradient.values.size(); i++) {
      Complex &value = at.at(name).values[i];
      value += Complex(0, kStep);
      gradient.values[i] = sum_of(evaluate(from_direction, given, at).at(tangent)).imag() / kStep;
      value = value.real();
    }
    return gradient;
  }

  static bool learns(const std::string &name) { return !name.ends_with("_u") && !name.ends_with("_v"); }

  LoadOptions load;
  Graph plain, whole;
  std::string tangent;
  Tensors<double> weights, inputs;
};

TEST_F(GradientPenaltyRules, AreTheDerivativesInDouble) {
  constexpr double kDifference = 1e-5;
  for (const double centre : {0.0, 1.0}) {
    const Array<double> v = direction(centre);
    uint32_t seed = 100;
    for (const auto &[name, weight] : weights) {
      if (!learns(name)) continue;
      const Array<double> made = rule_gradient(v, name), way = random_like(weight.shape, seed++);
      double along = 0, length = 0;
      Tensors<double> above = weights, below = weights;
      for (size_t i = 0; i < way.values.size(); i++) {
        along += made.values[i] * way.values[i];
        length += std::fabs(made.values[i] * way.values[i]);
        above[name].values[i] += kDifference * way.values[i];
        below[name].values[i] -= kDifference * way.values[i];
      }
      const double expected = (penalty(centre, above) - penalty(centre, below)) / (2 * kDifference);
      EXPECT_NEAR(along, expected, 1e-6 * std::max(length, 1e-3)) << name << ", centre " << centre;
    }
  }
}

TEST_F(GradientPenaltyRules, AndInFloat32AsTrainingRunsThem) {
  const auto stored = [](const Tensors<double> &tensors) {
    TensorMap result;
    for (const auto &[name, tensor] : tensors) {
      const std::vector<float> values(tensor.values.begin(), tensor.values.end());
      result[name] = StoredTensor::of_f32(tensor.shape, values.data());
    }
    return result;
  };
  const Model model(whole, stored(weights), load);
  TensorMap given = stored(inputs);
  given.erase("scale");
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const auto &[name, tensor] : given) shapes[name] = tensor.shape;
  constexpr double centre = 1;
  {
    const std::vector<GradientPenalty> penalties = {{"gp", "score", "image", "gp.direction", tangent, centre, 1}};
    PassOptions options;
    PenaltyGradients::want(penalties, options);
    TrainingPass pass(model, shapes, options);
    PenaltyGradients gradients(penalties, pass);
    RunOptions run;
    run.progress = [&](int step, int, const std::string &) { gradients.before_step(step); };
    pass.forward(given, run);
    const double expected = penalty(centre, weights);
    EXPECT_NEAR(gradients.value("gp"), expected, 1e-5 * expected);
    pass.backward(gradients.seeds());
    for (const auto &[name, weight] : weights) {
      if (!learns(name)) continue;
      const Array<double> reference = rule_gradient(direction(centre), name);
      const std::vector<float> values(reference.values.begin(), reference.values.end());
      EXPECT_LE(
          relative_error(pass.weight_gradients().at(name), StoredTensor::of_f32(weight.shape, values.data()), 1e-3),
          1e-4)
          << name << ", centre " << centre;
    }
  }
}

}  // namespace
}  // namespace sluice::testing
