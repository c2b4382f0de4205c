// SPDX-License-Identifier: Apache-2.0
// Shape inference by asking the kernels, concat as views, lifetimes, placement.
#include "runtime/execution_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "runtime/layer_call.h"
#include "runtime/structural.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

// Sums of the sizes of all tensors must stay within 64 bits; and extents are 32-bit numbers to kernels.
void check_extents(const std::string &name, const Extents &extents) {
  constexpr int64_t kMostBytes = int64_t{1} << 42;
  int64_t bytes = sizeof(float);
  for (const int64_t extent : extents) {
    if (extent <= INT32_MAX && !__builtin_mul_overflow(bytes, extent, &bytes) && bytes <= kMostBytes) continue;
    throw Error(ErrorCode::input_failed, fmt::format("tensor '{}' would have {} elements, more than any memory holds",
                                                     name, fmt::join(extents.rbegin(), extents.rend(), " x ")));
  }
}

}  // namespace

ExecutionPlan::ExecutionPlan(const Graph &graph, const std::vector<LayerNode> &layers,
                             const std::map<std::string, Extents> &input_extents, const PlanOptions &options) {
  for (const GraphInput &input : graph.inputs) add_tensor(input.name, input_extents.at(input.name), 0);
  size_t next_layer = 0;
  int step = 0;
  for (const Node &node : graph.nodes) {
    step++;
    if (is_structural(node.op)) {
      add_structural(graph, node, step, options);
    } else {
      add_layer(layers[next_layer++], step);
    }
  }
  settle_lifetimes(graph, options);
  place(options);
}

int ExecutionPlan::add_tensor(const std::string &name, const Extents &extents, int step) {
  check_extents(name, extents);
  PlannedTensor tensor;
  tensor.name = name;
  tensor.extents = extents;
  tensor.first = tensor.last = step;
  tensors_.push_back(tensor);
  return index_[name] = static_cast<int>(tensors_.size()) - 1;
}

int ExecutionPlan::tensor(const std::string &name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) throw Error(ErrorCode::not_found, fmt::format("the graph has no tensor '{}'", name));
  return found->second;
}

int ExecutionPlan::step(const std::string &node) const {
  const auto found =
      std::find_if(steps_.begin(), steps_.end(), [&](const PlannedStep &one) { return one.node->name == node; });
  if (found == steps_.end()) throw Error(ErrorCode::not_found, fmt::format("the plan has no node '{}'", node));
  return static_cast<int>(found - steps_.begin());
}

std::vector<Extents> ExecutionPlan::extents_of(const std::vector<std::string> &names) const {
  std::vector<Extents> extents;
  extents.reserve(names.size());
  for (const std::string &name : names) extents.push_back(tensors_[static_cast<size_t>(tensor(name))].extents);
  return extents;
}

std::map<std::string, Extents> ExecutionPlan::inputs_of(const LayerNode &layer) const {
  return port_extents(layer, extents_of(layer.node().inputs));
}

void ExecutionPlan::add_layer(const LayerNode &layer, int step) {
  PlannedStep planned{&layer.node(), &layer, {}, {}};
  for (const std::string &name : layer.node().inputs) planned.inputs.push_back(tensor(name));
  const std::vector<Extents> made = output_extents(layer, extents_of(layer.node().inputs));
  for (size_t i = 0; i < layer.node().outputs.size(); i++) {
    planned.outputs.push_back(add_tensor(layer.node().outputs[i], made[i], step));
  }
  steps_.push_back(planned);
}

void ExecutionPlan::add_structural(const Graph &graph, const Node &node, int step, const PlanOptions &options) {
  if (node.op == "concat") return add_concat(graph, node, step);
  const int input = tensor(node.inputs[0]);
  Extents extents = tensors_[static_cast<size_t>(input)].extents;
  const bool is_slice = node.op == "slice";
  const ChannelRange range = is_slice ? slice_range(node, extents, graph.model) : ChannelRange();
  if (is_slice) {
    extents[0] = range.count;
  } else if (node.op == "all_gather") {
    extents.back() *= options.processes;
  } else {
    const Extents like = node.inputs.size() > 1 ? extents_of({node.inputs[1]})[0] : Extents();
    extents = reshaped_extents(node, extents, like, graph.model);
  }
  const int output = add_tensor(node.outputs[0], extents, step);
  if (is_slice) {
    tensors_[static_cast<size_t>(output)].parent = input;
    tensors_[static_cast<size_t>(output)].channel = range.first;
  }
  steps_.push_back({&node, nullptr, {input}, {output}});
}

void ExecutionPlan::add_concat(const Graph &graph, const Node &node, int step) {
  PlannedStep planned{&node, nullptr, {}, {}};
  Extents joined;
  for (const std::string &name : node.inputs) {
    const int index = tensor(name);
    const Extents &extents = tensors_[static_cast<size_t>(index)].extents;
    planned.inputs.push_back(index);
    if (joined.empty()) {
      joined = extents;
      continue;
    }
    if (extents.size() < 2 || !std::equal(extents.begin() + 1, extents.end(), joined.begin() + 1, joined.end())) {
      throw Error(ErrorCode::input_failed,
                  fmt::format("model {}, node {}: '{}' has width, height, count {}, expected {} as '{}'", graph.model,
                              node.name, name, fmt::join(extents.begin() + 1, extents.end(), " "),
                              fmt::join(joined.begin() + 1, joined.end(), " "), node.inputs[0]));
    }
    joined[0] += extents[0];
  }
  const int output = add_tensor(node.outputs[0], joined, step);
  planned.outputs = {output};
  int64_t channel = 0;
  for (const int input : planned.inputs) {
    PlannedTensor &part = tensors_[static_cast<size_t>(input)];
    if (part.parent < 0) {  // a tensor that already lives elsewhere is copied
      part.parent = output;
      part.channel = channel;
    }
    channel += part.extents[0];
  }
  steps_.push_back(planned);
}

int ExecutionPlan::root(int tensor) const {
  while (tensors_[static_cast<size_t>(tensor)].parent >= 0) tensor = tensors_[static_cast<size_t>(tensor)].parent;
  return tensor;
}

void ExecutionPlan::settle_lifetimes(const Graph &graph, const PlanOptions &options) {
  const int end = static_cast<int>(steps_.size()) + 1;
  for (size_t s = 0; s < steps_.size(); s++) {
    for (const int input : steps_[s].inputs) tensors_[static_cast<size_t>(input)].last = static_cast<int>(s) + 1;
  }
  for (const GraphOutput &output : graph.outputs) tensors_[static_cast<size_t>(tensor(output.from))].last = end;
  for (const std::string &name : options.keep) tensors_[static_cast<size_t>(tensor(name))].last = end;
  for (size_t t = 0; t < tensors_.size(); t++) {
    if (options.keep_all) tensors_[t].last = end;
    PlannedTensor &whole = tensors_[static_cast<size_t>(root(static_cast<int>(t)))];
    whole.first = std::min(whole.first, tensors_[t].first);
    whole.last = std::max(whole.last, tensors_[t].last);
  }
}

void ExecutionPlan::place(const PlanOptions &options) {
  std::vector<size_t> roots;
  for (size_t t = 0; t < tensors_.size(); t++) {
    if (tensors_[t].parent >= 0) continue;
    roots.push_back(t);
    lifetimes_.push_back({tensors_[t].bytes(), tensors_[t].first, tensors_[t].last});
  }
  memory_ = plan_memory(lifetimes_, options.alignment);
  for (size_t i = 0; i < roots.size(); i++) tensors_[roots[i]].offset_bytes = memory_.offsets[i];
}

std::vector<MemoryRange> ExecutionPlan::free_ranges(const PlannedStep &step, int64_t least) const {
  const int number = static_cast<int>(&step - steps_.data()) + 1;  // inputs are there from step 0
  return sluice::free_ranges(lifetimes_, memory_, number, least);
}

void ExecutionPlan::bind(const std::string &name, const BufferView &outside) {
  const int index = tensor(name);
  if (root(index) != index || outside.extents != tensors_[static_cast<size_t>(index)].extents)
    throw Error(ErrorCode::input_failed, fmt::format("tensor '{}' cannot be outside of the plan's memory", name));
  outside_[index] = outside;
}

BufferView ExecutionPlan::view(int index, float *base) const {
  const PlannedTensor &tensor = tensors_[static_cast<size_t>(index)];
  int64_t channel = 0;
  for (int t = index; tensors_[static_cast<size_t>(t)].parent >= 0; t = tensors_[static_cast<size_t>(t)].parent) {
    channel += tensors_[static_cast<size_t>(t)].channel;
  }
  const int of = root(index);
  if (const auto bound = outside_.find(of); bound != outside_.end())
    return BufferView(static_cast<float *>(bound->second.data) + channel, tensor.extents, bound->second.strides);
  const PlannedTensor &whole = tensors_[static_cast<size_t>(of)];
  float *data = base + whole.offset_bytes / static_cast<int64_t>(sizeof(float)) + channel;
  return BufferView(data, tensor.extents, BufferView(nullptr, whole.extents).strides);
}

}  // namespace sluice
