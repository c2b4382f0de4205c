// SPDX-License-Identifier: Apache-2.0
// Look-up of ports with one message for all tasks.
#include "runtime/tasks/task_ports.h"

#include <fmt/format.h>

#include <algorithm>

#include "weights_io/error.h"

namespace sluice {
namespace {

template <typename Port>
const Port &find_port(const Graph &graph, const std::vector<Port> &ports, const char *kind, const std::string &name,
                      const std::string &purpose) {
  const auto port = std::find_if(ports.begin(), ports.end(), [&](const Port &p) { return p.name == name; });
  if (port != ports.end()) return *port;
  throw Error(ErrorCode::usage, fmt::format("model {} cannot {}: it has no {} '{}'", graph.model, purpose, kind, name));
}

}  // namespace

const GraphInput &find_input(const Graph &graph, const std::string &name, const std::string &purpose) {
  return find_port(graph, graph.inputs, "input", name, purpose);
}

const GraphOutput &find_output(const Graph &graph, const std::string &name, const std::string &purpose) {
  return find_port(graph, graph.outputs, "output", name, purpose);
}

void to_given_units(const GraphInput &input, StoredTensor &tensor) {
  if (input.scale == 1 && input.offset == 0) return;
  float *values = tensor.f32();
  std::transform(values, values + tensor.elements(), values,
                 [&](float value) { return (value - input.offset) / input.scale; });
}

}  // namespace sluice
