// SPDX-License-Identifier: Apache-2.0
// tests/fixtures/layers: a one-layer graph is written from a file's attributes. For tests that link the runtime.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "runtime/graph_file.h"
#include "runtime/kernel_table.h"
#include "tests/support/fixture.h"

namespace sluice::testing {

inline std::vector<std::string> layer_fixture_names() {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(fixture_path("layers"))) {
    names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

inline Archive read_layer_fixture(const std::string &name) {
  return read_safetensors(fixture_path("layers/" + name + ".safetensors"));
}

inline std::string attribute_text(const nlohmann::json &value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const auto &item : value) text += (text.empty() ? "" : ",") + attribute_text(item);
  return text;
}

// The layer as node `node`, its tensors under the names of its ports.
inline Graph one_layer_graph(const Archive &fixture, const KernelTable &table) {
  // Attributes that say how others came to be, or belong to a norm the case does not have.
  const std::set<std::string> information{"norm_eps", "norm_momentum", "norm_position"};
  const std::string &layer = fixture.metadata.at("layer");
  std::string text = "model fixture\n", from;
  for (const SchemaPort &port : table.schema(layer).inputs) {
    const auto &shape = fixture.tensors.at("in." + port.name).shape;
    text += fmt::format("input {} [{} {} {} {}]\n", port.name, shape[0], shape[1], shape[2], shape[3]);
    from += (from.empty() ? "" : ",") + port.name;
  }
  text += fmt::format("{} node from {} to output", layer, from);
  const auto attributes = nlohmann::json::parse(fixture.metadata.at("attributes"));
  for (const auto &[key, value] : attributes.items()) {
    if (information.count(key) == 0) text += fmt::format(" {}={}", key, attribute_text(value));
  }
  return parse_graph(text + "\noutput output\n", layer + ".graph");
}

inline TensorMap one_layer_weights(const Archive &fixture) {
  TensorMap weights;
  for (const auto &[name, tensor] : with_prefix(fixture.tensors, "param.")) weights["node." + name] = tensor;
  return weights;
}

}  // namespace sluice::testing
