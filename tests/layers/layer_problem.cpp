// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_problem.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "runtime/graph_file.h"
#include "runtime/layer_call.h"
#include "runtime/training/gradients.h"

namespace sluice::testing {
namespace {

// Index in n c s.. order, index in n s.. c order.
template <typename Visit>
void permute(const std::vector<int64_t> &s, Visit visit) {
  int64_t space = 1;
  for (size_t d = 2; d < s.size(); d++) space *= s[d];
  for (int64_t n = 0; n < s[0]; n++) {
    for (int64_t c = 0; c < s[1]; c++) {
      for (int64_t p = 0; p < space; p++)
        visit(static_cast<size_t>((n * s[1] + c) * space + p), static_cast<size_t>((n * space + p) * s[1] + c));
    }
  }
}

template <typename List, typename Value>
bool contains(const List &list, const Value &value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

DoubleTensor::DoubleTensor(const Array<double> &array, bool tensor) : values(array.values) {
  extents = {array.shape.rbegin(), array.shape.rend()};
  if (!tensor || array.shape.size() < 2) return;
  extents = {array.shape[1]};
  extents.insert(extents.end(), array.shape.rbegin(), array.shape.rend() - 2);
  extents.push_back(array.shape[0]);
  permute(array.shape, [&](size_t file, size_t memory) { values[memory] = array.values[file]; });
}

Array<double> DoubleTensor::read(const std::vector<int64_t> &shape, bool tensor) const {
  Array<double> array(shape);
  array.values = values;
  if (tensor && shape.size() >= 2)
    permute(shape, [&](size_t file, size_t memory) { array.values[file] = values[memory]; });
  return array;
}

// Winograd's transforms round whole numbers.
static std::string only_direct_sums_are_exact(const LayerCase &one, const LayerSchema &schema) {
  const bool has_choice = std::any_of(schema.attributes.begin(), schema.attributes.end(),
                                      [](const SchemaAttribute &attribute) { return attribute.name == "algorithm"; });
  return one.exact && has_choice ? " algorithm=direct" : "";
}

std::string graph_text(const LayerCase &one, bool symbols) {
  const LayerSchema &schema = KernelTable::linked().schema(one.layer);
  std::string text = "model " + one.layer + "\n";
  std::vector<std::string> from, to;
  for (size_t i = 0; i < one.inputs.size(); i++) {
    from.push_back(schema.inputs.at(i).name);
    std::vector<std::string> shape;
    for (size_t d = 0; d < one.inputs[i].size(); d++)
      shape.push_back(symbols ? fmt::format("{}{}", static_cast<char>('a' + d), i) : std::to_string(one.inputs[i][d]));
    text += fmt::format("input {} [{}]\n", from.back(), fmt::join(shape, " "));
  }
  for (const SchemaPort &port : schema.outputs) to.push_back(port.name);
  text += fmt::format("{} node from {} to {} {}{}\n", one.layer, fmt::join(from, ","), fmt::join(to, ","),
                      one.attributes, only_direct_sums_are_exact(one, schema));
  for (const std::string &name : to) text += fmt::format("output {}\n", name);
  return text;
}

Problem::Problem(const LayerCase &one, bool whole_numbers, int64_t most_elements)
    : case_(one),
      whole_numbers_(whole_numbers),
      most_elements_(most_elements),
      attributes_(one.attributes),
      schema_(KernelTable::linked().schema(one.layer)),
      graph_(parse_graph(graph_text(one), one.layer + ".graph", ParseOptions{})) {
  node_.emplace(graph_, graph_.nodes[0], KernelTable::linked(), "cpu");
  std::vector<Extents> extents;
  for (size_t i = 0; i < one.inputs.size(); i++) {
    const std::string &name = schema_.inputs[i].name;
    fill(name, one.inputs[i]);
    extents.push_back(DoubleTensor(operands_.at(name), true).extents);
  }
  const auto stored = parameter_extents(*node_, port_extents(*node_, extents));
  for (const SchemaPort *port : schema_.stored()) {
    const Extents &e = stored.at(port->name);
    fill(port->name, {e.rbegin(), e.rend()});
    if (node_->holds(port->when)) continue;
    auto &values = operands_[port->name].values;
    std::fill(values.begin(), values.end(), static_cast<double>(port->neutral));
    absent_.push_back(port->name);
  }
}

bool Problem::is_input(const std::string &port) const {
  return std::any_of(schema_.inputs.begin(), schema_.inputs.end(), [&](const auto &p) { return p.name == port; });
}

TensorMap Problem::tensors(bool parameters) const {
  TensorMap result;
  for (const auto &[name, array] : operands_) {
    if (is_input(name) == parameters || contains(absent_, name)) continue;
    const std::vector<float> values(array.values.begin(), array.values.end());
    const std::string key = parameters ? node_->weight_name(*argument_port(schema_, name)) : name;
    result[key] = StoredTensor::of_f32(array.shape, values.data());
  }
  return result;
}

// Values exact in float32, away from kinks; whole numbers small enough for sums without rounding.
void Problem::fill(const std::string &name, const std::vector<int64_t> &shape) {
  double elements = 1;
  for (const int64_t extent : shape) elements *= static_cast<double>(extent);
  if (elements > static_cast<double>(most_elements_)) throw std::length_error(name + " is too large for a test");
  Array<double> array(shape);
  std::mt19937 random(static_cast<uint32_t>(std::hash<std::string>{}(case_.layer + case_.name + name)));
  std::normal_distribution<float> normal;
  std::uniform_int_distribution<int> whole(-4, 4), bit(0, 5);
  const bool is_mask = contains(case_.masks, name);
  const auto constant = case_.constants.find(name);
  const auto label = case_.labels.find(name);
  for (double &v : array.values) {
    v = whole_numbers_ ? static_cast<double>(whole(random)) : static_cast<double>(normal(random));
    if (name.ends_with("_var")) v = static_cast<double>(static_cast<float>(std::fabs(v) + 0.5));
    if (is_mask) v = bit(random) == 0 ? 1 : 0;
    if (label != case_.labels.end()) v = static_cast<double>(random() % static_cast<uint32_t>(label->second));
    if (constant != case_.constants.end()) v = constant->second;
  }
  operands_[name] = array;
}

Array<double> to_array(const StoredTensor &tensor) {
  Array<double> array(tensor.shape);
  std::copy(tensor.f32(), tensor.f32() + tensor.elements(), array.values.begin());
  return array;
}

std::map<std::string, Array<double>> run_kernels(const Problem &problem) {
  const Model model(problem.graph(), problem.tensors(true));
  std::map<std::string, Array<double>> outputs;
  for (const auto &[name, tensor] : model.run(problem.tensors(false))) outputs[name] = to_array(tensor);
  return outputs;
}

Array<double> run_kernel(const Problem &problem, const std::string &output) {
  return run_kernels(problem).at(output.empty() ? problem.schema().outputs[0].name : output);
}

Array<double> allowed_error(const Problem &problem, const Array<double> &reference) {
  double largest = 1e-30;
  for (const double v : reference.values) largest = std::max(largest, std::fabs(v));
  Array<double> bound(reference.shape);
  std::fill(bound.values.begin(), bound.values.end(), 4e-6 * largest);
  if (problem.reference().bound) bound = problem.reference().bound(problem.attributes(), problem.operands());
  return bound;
}

bool is_telling(const Array<double> &reference) {
  if (reference.values.empty()) return false;
  const auto zeros = std::count(reference.values.begin(), reference.values.end(), 0.0);
  const auto [least, most] = std::minmax_element(reference.values.begin(), reference.values.end());
  const bool differ = reference.values.size() == 1 || *least != *most;
  return static_cast<double>(zeros) <= 0.7 * static_cast<double>(reference.values.size()) && differ;
}

Array<double> random_like(const std::vector<int64_t> &shape, uint32_t seed, bool whole_numbers) {
  Array<double> array(shape);
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::uniform_int_distribution<int> whole(-3, 3);
  for (double &v : array.values) v = whole_numbers ? whole(random) : normal(random);
  return array;
}

namespace {

// The backward kernel in double with everything it reads.
class DoubleBackward {
 public:
  DoubleBackward(const Problem &problem, const Array<double> &grad_output) : problem_(problem) {
    for (const auto &[name, array] : problem.operands())
      given_.emplace(name, DoubleTensor(array, problem.is_input(name)));
    given_.emplace("grad_" + problem.schema().outputs[0].name, DoubleTensor(grad_output, true));
  }

  Operands<double> run() {
    const Kernel &backward = problem_.node().kernel("backward", {{"element", "float64"}});
    call_layer(problem_.node(), backward, [this](const std::string &argument, int64_t group) {
      return argument.starts_with("saved_") ? save(argument, group) : operand(argument);
    });
    Operands<double> gradients;
    for (const auto &[port, tensor] : made_) {
      const auto array = problem_.operands().find(port);
      const bool present = problem_.node().holds(argument_port(problem_.schema(), port)->when);
      if (present && array != problem_.operands().end())
        gradients[port] = tensor.read(array->second.shape, problem_.is_input(port));
    }
    return gradients;
  }

 private:
  BufferView operand(const std::string &argument) {
    const auto found = given_.find(argument);
    if (found != given_.end()) return found->second.view();
    if (!argument.starts_with("grad_"))
      return neutral_input(*argument_port(problem_.schema(), argument), halide_type_of<double>());
    const std::string port = argument.substr(5);
    const auto array = problem_.operands().find(port);
    // The gradient of an input that the case leaves out.
    if (array == problem_.operands().end())
      return made_.emplace(port, DoubleTensor(Array<double>({1, 1, 1, 1}), true)).first->second.view();
    return made_.emplace(port, DoubleTensor(Array<double>(array->second.shape), problem_.is_input(port)))
        .first->second.view();
  }

  // A stage of forward that backward takes as an input.
  BufferView save(const std::string &name, int64_t group) {
    const std::string stage = name.substr(6);
    const LayerNode &node = problem_.node();
    DoubleTensor &saved =
        given_.emplace(fmt::format("{} {}", name, group), DoubleTensor(Array<double>({0}), false)).first->second;
    return make_saved(
        node, node.kernel("saved", {{"element", "float64"}, {"stage", stage}}), stage, group,
        [&](const std::string &argument, int64_t) { return operand(argument); },
        [&](const Extents &extents) {
          saved.extents = extents;
          saved.values.resize(static_cast<size_t>(BufferView(nullptr, extents).elements()));
          return saved.view();
        });
  }

  const Problem &problem_;
  std::map<std::string, DoubleTensor> given_, made_;
};

}  // namespace

Operands<double> derived_gradients(const Problem &problem, const Array<double> &grad_output) {
  if (!problem.schema().has_gradient()) return {};
  return DoubleBackward(problem, grad_output).run();
}

LoadOptions for_training(LoadOptions options) {
  options.purpose = "training";
  return options;
}

double relative_distance(const Array<double> &value, const Array<double> &reference) {
  double difference = 0, length = 1e-60;
  for (size_t i = 0; i < value.values.size(); i++) {
    difference += std::pow(value.values[i] - reference.values[i], 2);
    length += std::pow(reference.values[i], 2);
  }
  return std::sqrt(difference / length);
}

double derivative_along(const Problem &problem, const Array<double> &grad_output, const std::string &port,
                        const Array<double> &direction) {
  constexpr double kStep = 1e-30;
  Operands<Complex> moved;
  for (const auto &[name, array] : problem.operands()) {
    moved[name] = Array<Complex>(array.shape);
    for (size_t i = 0; i < array.values.size(); i++)
      moved[name].values[i] = Complex(array.values[i], name == port ? kStep * direction.values[i] : 0);
  }
  const Array<Complex> result = problem.reference().derivative(problem.attributes(), moved);
  double sum = 0;
  for (size_t i = 0; i < result.values.size(); i++) sum += result.values[i].imag() / kStep * grad_output.values[i];
  return sum;
}

Operands<double> float_gradients(const Problem &problem, const Array<double> &grad_output, const LoadOptions &options) {
  const std::string layer = problem.layer_case().layer;
  const Model model(parse_graph(graph_text(problem.layer_case()), layer + ".graph", parse_options(options)),
                    problem.tensors(true), options);
  const std::vector<float> values(grad_output.values.begin(), grad_output.values.end());
  const std::string output = problem.schema().outputs[0].name;
  const TensorMap made =
      gradients(model, problem.tensors(false), {{output, StoredTensor::of_f32(grad_output.shape, values.data())}});
  Operands<double> result;
  for (const auto &entry : problem.operands()) {
    const std::string &port = entry.first;
    const auto ours =
        made.find(problem.is_input(port) ? port : problem.node().weight_name(*argument_port(problem.schema(), port)));
    if (ours != made.end()) result[port] = to_array(ours->second);
  }
  return result;
}

}  // namespace sluice::testing
