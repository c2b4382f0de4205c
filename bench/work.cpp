// SPDX-License-Identifier: Apache-2.0
// Reading and evaluating the work formulas.
#include "bench/work.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "runtime/expression.h"
#include "weights_io/error.h"

namespace sluice::bench {
namespace {

int64_t weight_elements(const LayerNode &layer, const std::map<std::string, Extents> &inputs) {
  int64_t total = 0;
  for (const SchemaPort *port : layer.parameters()) {
    const auto extents = layer.parameter_extents(*port, inputs);
    if (extents && extents->size() > 1) total += BufferView(nullptr, *extents).elements();
  }
  return total;
}

double gflop(const std::string &formula, const std::map<std::string, int64_t> &values) {
  const auto lookup = [&](const std::string &name) -> std::optional<std::string> {
    const auto value = values.find(name);
    if (value == values.end()) return std::nullopt;
    return std::to_string(value->second);
  };
  return 2e-9 * as_number(evaluate(formula, lookup)).value();
}

}  // namespace

WorkFormulas::WorkFormulas(const std::filesystem::path &file) {
  std::ifstream stream(file);
  if (!stream) throw Error(ErrorCode::not_found, fmt::format("{}: can't be opened", file.string()));
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string op;
    Formulas formulas;
    if (!(words >> op)) continue;
    if (!(words >> formulas.direct)) {
      throw Error(ErrorCode::bad_file, fmt::format("{}: {}: no formula", file.string(), op));
    }
    if (!(words >> formulas.reduced)) formulas.reduced = formulas.direct;
    formulas_[op] = formulas;
  }
}

Work WorkFormulas::of(const ExecutionPlan &plan, const PlannedStep &step) const {
  const auto formulas = formulas_.find(step.node->op);
  if (step.layer == nullptr || formulas == formulas_.end()) return {};
  const LayerSchema &schema = step.layer->schema();
  const std::map<std::string, Extents> inputs = plan.inputs_of(*step.layer);
  std::map<std::string, int64_t> values{{"weights", weight_elements(*step.layer, inputs)}};
  const auto add = [&](const SchemaPort &port, int tensor) {
    const BufferView whole(nullptr, plan.tensors()[static_cast<size_t>(tensor)].extents);
    const Extents extents = port_view(whole, port, schema, step.layer->where()).extents;
    for (size_t d = 0; d < port.axes.size(); d++) values[port.name + "." + port.axes[d].name] = extents[d];
  };
  for (size_t i = 0; i < step.inputs.size(); i++) add(schema.inputs[i], step.inputs[i]);
  for (size_t i = 0; i < step.outputs.size(); i++) add(schema.outputs[i], step.outputs[i]);
  return {gflop(formulas->second.direct, values), gflop(formulas->second.reduced, values)};
}

Work WorkFormulas::of(const ExecutionPlan &plan) const {
  Work total;
  for (const PlannedStep &step : plan.steps()) {
    const Work work = of(plan, step);
    total.direct_gflop += work.direct_gflop;
    total.reduced_gflop += work.reduced_gflop;
  }
  return total;
}

}  // namespace sluice::bench
