// SPDX-License-Identifier: Apache-2.0
// Lookups in the table of compiled kernels.
#include "runtime/kernel_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "runtime/graph_text.h"
#include "weights_io/error.h"

namespace sluice {

// Weak: a program whose networks bring tables of their own is linked without the kernels of all layers.
__attribute__((weak)) void register_kernels(KernelTable &table);

std::vector<const SchemaPort *> LayerSchema::stored() const {
  std::vector<const SchemaPort *> ports;
  for (const SchemaPort &port : parameters) ports.push_back(&port);
  for (const SchemaPort &port : state) ports.push_back(&port);
  return ports;
}

bool LayerSchema::has_gradient() const {
  const auto differentiable = [](const SchemaPort &port) { return port.differentiable; };
  return std::any_of(inputs.begin(), inputs.end(), differentiable) ||
         std::any_of(parameters.begin(), parameters.end(), differentiable);
}

const LayerSchema &KernelTable::schema(const std::string &layer) const {
  const auto found = schemas_.find(layer);
  if (found != schemas_.end()) return found->second;
  std::vector<std::string> known;
  for (const auto &entry : schemas_) known.push_back(entry.first);
  throw Error(ErrorCode::not_found,
              fmt::format("no layer '{}'; built: {}{}", layer, fmt::join(known, " "), suggestion(layer, known)));
}

const Kernel *KernelTable::find(const std::string &layer, const std::string &direction, const std::string &device,
                                const std::map<std::string, std::string> &values) const {
  const Kernel *best = nullptr;
  for (const Kernel &kernel : kernels_) {
    if (kernel.layer != layer || kernel.direction != direction || kernel.device != device) continue;
    bool matches = true;
    for (const auto &[name, value] : kernel.variant) {
      const auto said = values.find(name);
      matches = matches && said != values.end() && said->second == value;
    }
    if (matches && (best == nullptr || kernel.variant.size() > best->variant.size())) best = &kernel;
  }
  return best;
}

KernelTable &KernelTable::linked() {
  static KernelTable table = [] {
    KernelTable inference;
    if (register_kernels != nullptr) register_kernels(inference);
    return inference;
  }();
  return table;
}

}  // namespace sluice
