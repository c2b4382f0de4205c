// SPDX-License-Identifier: Apache-2.0
// Sizes of a call, told to a generator as it asks for them.
#include "bench/estimates.h"

#include <fmt/format.h>

#include "runtime/layer_call.h"
#include "weights_io/error.h"

namespace sluice::bench {
namespace {

constexpr int kMostNames = 200;  // ports' axes and scalars of a kernel

// What the generator missed: "estimates: none of 'input.c'"; empty: something else went wrong.
std::string missing_name(const std::string &failure) {
  const std::string before = "estimates: none of '";
  const size_t start = failure.find(before);
  if (start == std::string::npos) return "";
  const std::string rest = failure.substr(start + before.size());
  return rest.substr(0, rest.find('\''));
}

// Axes are asked for in order: the next one of the port.
double value_of(const CallSizes &sizes, const std::string &name, std::map<std::string, size_t> &asked) {
  if (const auto scalar = sizes.scalars.find(name); scalar != sizes.scalars.end()) return scalar->second;
  const std::string port = name.substr(0, name.find('.'));
  const auto extents = sizes.ports.find(port);
  if (extents == sizes.ports.end() || asked[port] >= extents->second.size())
    throw Error(ErrorCode::input_failed, fmt::format("an autoscheduler asks for '{}', which the call has not", name));
  return static_cast<double>(extents->second[asked[port]++]);
}

}  // namespace

CallSizes sizes_of(const ExecutionPlan &plan, const PlannedStep &step, const LayerNode &layer) {
  CallSizes sizes;
  const LayerSchema &schema = layer.schema();
  sizes.ports = plan.inputs_of(layer);
  for (const SchemaPort &port : schema.inputs) sizes.ports.emplace(port.name, neutral_input(port).extents);
  for (size_t i = 0; i < step.outputs.size(); i++) {
    const BufferView whole(nullptr, plan.tensors()[static_cast<size_t>(step.outputs[i])].extents);
    sizes.ports[schema.outputs[i].name] = port_view(whole, schema.outputs[i], schema, layer.where()).extents;
  }
  if (!schema.parameters.empty()) {
    const auto plain = parameter_extents(layer, plan.inputs_of(layer));
    for (const auto &[name, extents] : packed_extents(layer, layer.kernel("pack"), plain)) sizes.ports[name] = extents;
  }
  KernelCall call(layer.kernel("forward"), layer.where());
  layer.bind_scalars(call);
  for (const std::string &name : call.scalars()) sizes.scalars[name] = call.scalar(name);
  return sizes;
}

tuning::BuiltCandidate build_autoscheduled(const tuning::Workshop &workshop, const Kernel &kernel, CallSizes &sizes,
                                           const std::vector<std::string> &words) {
  std::map<std::string, size_t> asked;
  for (int i = 0; i < kMostNames; i++) {
    tuning::Candidate candidate{kernel.layer, kernel.variant, {}, words};
    candidate.more.push_back("estimates=" + (sizes.asked_for.empty() ? "none:0" : sizes.asked_for));
    const tuning::BuiltCandidate built = build_candidates(workshop, {candidate})[0];
    const std::string name = missing_name(built.failure);
    if (name.empty()) return built;
    sizes.asked_for += fmt::format("{}{}:{}", sizes.asked_for.empty() ? "" : ",", name, value_of(sizes, name, asked));
  }
  throw Error(ErrorCode::input_failed, "an autoscheduler asks for more than a kernel has");
}

}  // namespace sluice::bench
