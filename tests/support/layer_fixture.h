// SPDX-License-Identifier: Apache-2.0
// tests/fixtures/layers: a one-layer graph is written from a file's attributes. For tests that link the runtime.
#pragma once
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

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

// What the definitions of an op read, or a layer's schema: names in order, each once.
inline std::vector<std::string> input_ports(const std::string &layer, const KernelTable &table) {
  std::vector<std::string> names;
  const auto composite = table.composites().find(layer);
  if (table.schemas().count(layer) != 0) {
    for (const SchemaPort &port : table.schema(layer).inputs) names.push_back(port.name);
  } else if (composite != table.composites().end()) {
    std::istringstream lines("\n" + composite->second);
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("op " + layer + " ")) continue;
      std::istringstream words(line);
      std::string word;
      while (words >> word && word != "from") continue;
      words >> word;
      std::istringstream ports(word);
      while (std::getline(ports, word, ',')) {
        const std::string name = word.substr(0, word.find('?'));
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
      }
    }
  }
  return names;
}

inline bool is_built(const std::string &layer, const KernelTable &table) { return !input_ports(layer, table).empty(); }

// An output that a file calls like an input (`mask`) is a tensor of another name in a graph, and port `new_mask`.
inline std::string output_tensor(const std::string &name, const TensorMap &inputs) {
  return inputs.count(name) != 0 ? "new_" + name : name;
}

// The layer as node `node`, its tensors under the names of its ports.
inline std::string one_layer_text(const Archive &fixture, const KernelTable &table) {
  const std::string &layer = fixture.metadata.at("layer");
  std::string text = "model fixture\n", from, to;
  for (const std::string &port : input_ports(layer, table)) {
    const auto given = fixture.tensors.find("in." + port);
    if (given == fixture.tensors.end()) continue;
    text += fmt::format("input {} [{}]\n", port, fmt::join(given->second.shape, " "));
    from += (from.empty() ? "" : ",") + port;
  }
  std::vector<std::string> outputs;
  for (const auto &[name, tensor] : with_prefix(fixture.tensors, "out.")) outputs.push_back(name);
  if (table.schemas().count(layer) != 0) {
    outputs.clear();
    for (const SchemaPort &port : table.schema(layer).outputs) outputs.push_back(port.name);
  }
  text += fmt::format("{} node from {} to {}", layer, from, fmt::join(outputs, ","));
  const auto attributes = nlohmann::json::parse(fixture.metadata.at("attributes"));
  for (const auto &[key, value] : attributes.items()) {
    const std::string value_text = attribute_text(value);
    const bool is_prose = value_text.find(' ') != std::string::npos;  // says which axis is which
    if (!is_prose) text += fmt::format(" {}={}", key, value_text);
  }
  for (const std::string &name : outputs) text += "\noutput " + name;
  return text + "\n";
}

inline Graph one_layer_graph(const Archive &fixture, const KernelTable &table) {
  ParseOptions options;
  options.composites = &table.composites();
  return parse_graph(one_layer_text(fixture, table), fixture.metadata.at("layer") + ".graph", options);
}

inline TensorMap one_layer_weights(const Archive &fixture) {
  TensorMap weights;
  for (const char *prefix : {"param.", "state."}) {
    for (const auto &[name, tensor] : with_prefix(fixture.tensors, prefix)) weights["node." + name] = tensor;
  }
  return weights;
}

}  // namespace sluice::testing
