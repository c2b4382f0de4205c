// SPDX-License-Identifier: Apache-2.0
// Binding a node's kernels to the tensors of a run.
#include "runtime/tuning/node_problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "runtime/layer_call.h"
#include "weights_io/error.h"

namespace sluice::tuning {
namespace {

constexpr double kMostRelativeL2 = 3e-6;  // of two results that are each within 1.5e-6 of the exact one

int64_t span_of(const BufferView &view) {
  int64_t last = 0;
  for (size_t d = 0; d < view.extents.size(); d++) last += (view.extents[d] - 1) * view.strides[d];
  return last + 1;
}

// Calls `visit` with every element of the view.
void each_element(const BufferView &view, const std::function<void(float &)> &visit) {
  std::vector<int64_t> at(view.extents.size(), 0);
  for (int64_t count = view.elements(); count > 0; count--) {
    int64_t offset = 0;
    for (size_t d = 0; d < at.size(); d++) offset += at[d] * view.strides[d];
    visit(static_cast<float *>(view.data)[offset]);
    for (size_t d = 0; d < at.size() && ++at[d] == view.extents[d]; d++) at[d] = 0;
  }
}

}  // namespace

NodeProblem::NodeProblem(const Model &model, const ExecutionPlan &plan, float *arena, const PlannedStep &step,
                         const std::string &algorithm)
    : model_(model), node_(std::make_unique<Node>(*step.node)) {
  if (algorithm == "direct") {
    node_->attributes["algorithm"] = AttributeValue{{algorithm}};
    layer_ = std::make_unique<LayerNode>(model.graph(), *node_, step.layer->table(), "cpu");
    layer_->infer_from(model.weights());
  } else {
    layer_ = std::make_unique<LayerNode>(*step.layer);
  }
  const LayerSchema &schema = layer_->schema();
  for (size_t i = 0; i < schema.inputs.size(); i++) {
    tensors_[schema.inputs[i].name] =
        i < step.inputs.size() ? plan.view(step.inputs[i], arena) : neutral_input(schema.inputs[i]);
  }
  for (size_t i = 0; i < step.outputs.size(); i++) {
    BufferView view = plan.view(step.outputs[i], arena);
    auto memory = std::make_unique<std::vector<float>>(static_cast<size_t>(span_of(view)));
    view.data = memory->data();
    tensors_[schema.outputs[i].name] = view;
    outputs_[schema.outputs[i].name] = std::move(memory);
  }
  if (!schema.parameters.empty()) pack();
}

void NodeProblem::pack() {
  const Kernel &kernel = layer_->kernel("pack");
  std::map<std::string, Extents> plain;
  for (const SchemaPort *port : layer_->schema().stored()) plain[port->name] = model_.parameter(*layer_, *port).extents;
  packed_extents_ = packed_extents(*layer_, kernel, plain);
  packed_.resize(static_cast<size_t>(layer_->groups()));
  for (auto &group : packed_) {
    for (const auto &[name, extents] : packed_extents_)
      group[name].resize(static_cast<size_t>(BufferView(nullptr, extents).elements()));
  }
  call_layer(*layer_, kernel, [this](const std::string &argument, int64_t group) {
    const SchemaPort *port = argument_port(layer_->schema(), argument);
    return port != nullptr ? model_.parameter(*layer_, *port) : operand(argument, group);
  });
}

BufferView NodeProblem::operand(const std::string &argument, int64_t group) const {
  if (const auto tensor = tensors_.find(argument); tensor != tensors_.end()) return tensor->second;
  if (static_cast<size_t>(group) < packed_.size()) {
    const auto &of_group = packed_[static_cast<size_t>(group)];
    if (const auto packed = of_group.find(argument); packed != of_group.end())
      return BufferView(const_cast<float *>(packed->second.data()), packed_extents_.at(argument));
  }
  throw Error(ErrorCode::input_failed, fmt::format("{}: nothing for port '{}'", layer_->where(), argument));
}

Kernel NodeProblem::other(const std::string &symbol, int (*call)(void **)) const {
  Kernel kernel = shipped();
  kernel.symbol = symbol;
  kernel.call = call;
  return kernel;
}

void NodeProblem::run(const Kernel &kernel) const {
  call_layer(*layer_, kernel, [this](const std::string &argument, int64_t group) { return operand(argument, group); });
}

void NodeProblem::spoil() const {
  for (const auto &entry : outputs_)
    std::fill(entry.second->begin(), entry.second->end(), std::numeric_limits<float>::quiet_NaN());
}

std::vector<float> NodeProblem::result() const {
  std::vector<float> values;
  for (const auto &entry : outputs_)
    each_element(tensors_.at(entry.first), [&](const float &value) { values.push_back(value); });
  return values;
}

std::string difference(const std::vector<float> &expected, const std::vector<float> &got, bool same_sums) {
  if (expected.size() != got.size()) return fmt::format("{} values instead of {}", got.size(), expected.size());
  size_t differing = 0;
  double error = 0, whole = 0;
  for (size_t i = 0; i < got.size(); i++) {
    if (std::memcmp(&expected[i], &got[i], sizeof(float)) != 0) differing++;
    const double distance = static_cast<double>(got[i]) - expected[i];
    error += distance * distance;
    whole += static_cast<double>(expected[i]) * expected[i];
  }
  const double relative = std::sqrt(error / std::max(whole, 1e-30));
  const bool close = error == 0 || relative <= kMostRelativeL2;  // false for NaN
  if (differing == 0 || (!same_sums && close)) return "";
  return fmt::format("another result: {} of {} values differ, relative L2 {:.2g}", differing, got.size(), relative);
}

}  // namespace sluice::tuning
