// SPDX-License-Identifier: Apache-2.0
// A weight of any shape is worked through in blocks of rows, each made beside it and copied over it: no kernel is asked
// to write where it reads.
#include "runtime/training/optimizer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "runtime/layer_node.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr int64_t kRow = 1024, kRowsOfBlock = 64;  // a block's results stay in the second cache
const std::string kParameter = "parameter", kGradient = "gradient", kRate = "learning_rate", kStep = "step",
                  kNew = "new_", kDecay = "weight_decay";

[[noreturn]] void refuse(const std::string &message) { throw Error(ErrorCode::usage, message); }

template <typename Items>
bool has_port(const Items &ports, const std::string &name) {
  return std::any_of(ports.begin(), ports.end(), [&](const SchemaPort &port) { return port.name == name; });
}

bool is_rule(const LayerSchema &schema) {
  return has_port(schema.inputs, kParameter) && has_port(schema.inputs, kGradient) && has_port(schema.inputs, kRate) &&
         has_port(schema.outputs, kNew + kParameter);
}

Node node_of(const OptimizerOptions &options, const KernelTable &table) {
  std::vector<std::string> rules;
  for (const auto &[name, schema] : table.schemas()) {
    if (is_rule(schema)) rules.push_back(name);
  }
  if (std::find(rules.begin(), rules.end(), options.rule) == rules.end())
    refuse(fmt::format("optimizer: no rule '{}'; there are: {}", options.rule, fmt::join(rules, " ")));
  const LayerSchema &schema = table.schema(options.rule);
  Node node;
  node.op = node.name = options.rule;
  for (const SchemaPort &port : schema.inputs) node.inputs.push_back(port.name);
  for (const SchemaPort &port : schema.outputs) node.outputs.push_back(port.name);
  std::vector<std::string> known;
  for (const SchemaAttribute &attribute : schema.attributes) known.push_back(attribute.name);
  for (const auto &[name, value] : options.attributes) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      refuse(fmt::format("optimizer: {} has no attribute '{}'; it has: {}", options.rule, name, fmt::join(known, " ")));
    node.attributes[name] = AttributeValue{{value}};
  }
  return node;
}

std::string mismatch(const std::string &name, const std::vector<int64_t> &expected, const StoredTensor &got) {
  return fmt::format("{}: expected float32 {}, got {} {}", name, shape_text(expected), sluice::name(got.dtype),
                     shape_text(got.shape));
}

bool is_like(const StoredTensor &tensor, const StoredTensor &other) {
  return tensor.dtype == other.dtype && tensor.shape == other.shape;
}

std::string state_name(const std::string &weight, const std::string &port) {
  return fmt::format("{}.{}", weight, port);
}

}  // namespace

class Optimizer::Rule {
 public:
  explicit Rule(const OptimizerOptions &options)
      : node_(node_of(options, KernelTable::linked())), layer_(make_layer(node_)), kernel_(layer_.kernel("forward")) {
    for (const SchemaPort &port : layer_.schema().outputs) {
      const std::string name = port.name.substr(kNew.size());
      const auto &inputs = layer_.schema().inputs;
      const auto input = std::find_if(inputs.begin(), inputs.end(), [&](const auto &one) { return one.name == name; });
      if (name != kParameter && layer_.holds(input->when)) state_.push_back(name);
    }
  }

  // Ports of the state that a rule of these attributes keeps.
  const std::vector<std::string> &state() const { return state_; }

  // tensors: `elements` numbers behind each of parameter, gradient and the state that is kept.
  void update(const std::map<std::string, float *> &tensors, int64_t elements, float rate, int64_t step) const {
    std::map<std::string, std::vector<float>> made;
    for (int64_t first = 0; first < elements;) {
      const int64_t rest = elements - first, rows = std::min(rest / kRow, kRowsOfBlock);
      const Extents extents = rows > 0 ? Extents{kRow, 1, rows, 1} : Extents{rest, 1, 1, 1};
      update_block(tensors, first, extents, {rate, static_cast<float>(step)}, made);
      first += extents[0] * extents[2];
    }
  }

 private:
  Node node_;
  LayerNode layer_;
  const Kernel &kernel_;
  std::vector<std::string> state_;

  static LayerNode make_layer(const Node &node) {
    Graph graph;
    graph.file = graph.model = "optimizer";
    try {
      LayerNode layer(graph, node, KernelTable::linked(), "cpu");
      std::map<std::string, Extents> one;
      for (const SchemaPort &port : layer.schema().inputs) one[port.name] = Extents(port.axes.size(), 1);
      layer.check_requirements(one);
      return layer;
    } catch (const Error &error) {
      refuse(error.what());
    }
  }

  struct Scalars {
    float rate, step;
  };

  // made: room for the results, by port.
  void update_block(const std::map<std::string, float *> &tensors, int64_t first, const Extents &extents,
                    Scalars scalars, std::map<std::string, std::vector<float>> &made) const {
    const auto size = static_cast<size_t>(extents[0] * extents[2]);
    std::vector<float> &nothing = made["nothing"];  // state that is not kept
    nothing.resize(size);
    KernelCall call(kernel_, layer_.where());
    for (const SchemaPort &port : layer_.schema().inputs) {
      const auto tensor = tensors.find(port.name);
      if (port.name == kRate || port.name == kStep) {
        call.bind(port.name, BufferView(port.name == kRate ? &scalars.rate : &scalars.step, {1}));
      } else {
        call.bind(port.name, BufferView(tensor == tensors.end() ? nothing.data() : tensor->second + first, extents));
      }
    }
    for (const SchemaPort &port : layer_.schema().outputs) {
      std::vector<float> &values = made[port.name];
      values.resize(size);
      call.bind(port.name, BufferView(values.data(), extents));
    }
    layer_.bind_scalars(call);
    call.run();
    for (const auto &[name, numbers] : tensors) {
      const auto result = made.find(kNew + name);
      if (result != made.end()) std::copy(result->second.begin(), result->second.end(), numbers + first);
    }
  }
};

Optimizer::Optimizer(const OptimizerOptions &options, const TensorMap &weights)
    : rule_(std::make_unique<const Rule>(options)) {
  if (!options.decay_vectors) {
    OptimizerOptions without = options;
    without.attributes[kDecay] = "0";
    vector_rule_ = std::make_unique<const Rule>(without);
  }
  for (const auto &[name, weight] : weights) {
    if (weight.dtype != DType::f32) refuse("optimizer: weight " + mismatch(name, weight.shape, weight));
    for (const std::string &port : rule_->state()) state_[state_name(name, port)] = StoredTensor::of_f32(weight.shape);
  }
}

Optimizer::Optimizer(Optimizer &&) noexcept = default;
Optimizer &Optimizer::operator=(Optimizer &&) noexcept = default;
Optimizer::~Optimizer() = default;

const Optimizer::Rule &Optimizer::rule_of(const StoredTensor &weight) const {
  return vector_rule_ != nullptr && weight.shape.size() < 2 ? *vector_rule_ : *rule_;
}

void Optimizer::step(TensorMap &weights, const TensorMap &gradients, double learning_rate) {
  if (!(learning_rate >= 0) || !std::isfinite(static_cast<float>(learning_rate)))
    refuse(fmt::format("optimizer: the learning rate must be a number from 0, got {}", learning_rate));
  for (const auto &[name, weight] : weights) {
    const auto gradient = gradients.find(name);
    if (gradient == gradients.end()) continue;
    if (!is_like(gradient->second, weight))
      refuse("optimizer: gradient of " + mismatch(name, weight.shape, gradient->second));
    for (const std::string &port : rule_->state()) {
      const auto known = state_.find(state_name(name, port));
      if (known == state_.end()) refuse(fmt::format("optimizer: there is no state for weight '{}'", name));
      if (!is_like(known->second, weight)) refuse("optimizer: weight " + mismatch(name, known->second.shape, weight));
    }
  }
  for (auto &[name, weight] : weights) {
    const auto gradient = gradients.find(name);
    if (gradient == gradients.end()) continue;
    // Kernels only read what is bound to their inputs.
    std::map<std::string, float *> tensors{{kParameter, weight.f32()},
                                           {kGradient, const_cast<float *>(gradient->second.f32())}};
    for (const std::string &port : rule_->state()) tensors[port] = state_.at(state_name(name, port)).f32();
    rule_of(weight).update(tensors, weight.elements(), static_cast<float>(learning_rate), steps_ + 1);
  }
  steps_++;
}

void Optimizer::restore(TensorMap state, int64_t steps) {
  std::vector<std::string> problems;
  for (const auto &[name, tensor] : state_) {
    const auto given = state.find(name);
    if (given == state.end()) {
      problems.push_back("missing: " + name);
    } else if (!is_like(given->second, tensor)) {
      problems.push_back("misshapen: " + mismatch(name, tensor.shape, given->second));
    }
  }
  for (const auto &[name, tensor] : state) {
    if (state_.count(name) == 0) problems.push_back("unexpected: " + name);
  }
  if (steps < 0) problems.push_back(fmt::format("number of steps: expected 0 or more, got {}", steps));
  if (!problems.empty())
    throw Error(ErrorCode::bad_file, fmt::format("optimizer state: {}", fmt::join(problems, "; ")));
  state_ = std::move(state);
  steps_ = steps;
}

double clip_gradients(TensorMap &gradients, double max_norm) {
  if (!(max_norm > 0)) refuse(fmt::format("clip_gradients: the largest norm must be more than 0, got {}", max_norm));
  double sum = 0;
  for (const auto &[name, gradient] : gradients) {
    const float *values = gradient.f32();
    for (int64_t i = 0; i < gradient.elements(); i++) {
      const auto value = static_cast<double>(values[i]);
      sum += value * value;
    }
  }
  const double norm = std::sqrt(sum);
  if (!(norm > max_norm) || !std::isfinite(norm)) return norm;
  const double scale = max_norm / norm;
  for (auto &[name, gradient] : gradients) {
    float *values = gradient.f32();
    for (int64_t i = 0; i < gradient.elements(); i++)
      values[i] = static_cast<float>(static_cast<double>(values[i]) * scale);
  }
  return norm;
}

void update_average(TensorMap &average, const TensorMap &weights, double decay) {
  if (!(decay >= 0 && decay <= 1)) refuse(fmt::format("update_average: the decay is 0 to 1, got {}", decay));
  for (const auto &[name, weight] : weights) {
    const auto kept = average.find(name);
    if (kept == average.end()) refuse(fmt::format("update_average: there is no average of '{}'", name));
    if (!is_like(kept->second, weight)) refuse("update_average: " + mismatch(name, kept->second.shape, weight));
  }
  for (const auto &[name, weight] : weights) {
    StoredTensor &kept = average.at(name);
    if (!is_floating(weight.dtype)) {
      kept = weight;
      continue;
    }
    const float *values = weight.f32();
    float *means = kept.f32();
    for (int64_t i = 0; i < weight.elements(); i++)
      means[i] =
          static_cast<float>(decay * static_cast<double>(means[i]) + (1 - decay) * static_cast<double>(values[i]));
  }
}

std::string first_non_finite(const TensorMap &tensors) {
  for (const auto &[name, tensor] : tensors) {
    if (tensor.dtype != DType::f32) continue;
    const float *values = tensor.f32();
    if (!std::all_of(values, values + tensor.elements(), [](float v) { return std::isfinite(v); })) return name;
  }
  return "";
}

}  // namespace sluice
