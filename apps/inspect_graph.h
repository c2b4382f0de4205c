// SPDX-License-Identifier: Apache-2.0
// What `sluice inspect` says of a graph: shapes, parameters, multiply-adds and memory at a picture size.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "apps/console.h"
#include "runtime/input_shapes.h"

namespace sluice {

struct GraphQuestion {
  std::filesystem::path graph, weights;  // weights may be empty: shapes then come from the attributes
  std::map<std::string, std::string> parameters;
  OpenExtents open;
  std::string mode = "eval";  // or "train"
  bool kernels = false;
  std::vector<std::string> devices;  // with `kernels`: those of these devices, too
};

// One object; print_graph makes the text of it.
Json describe_graph(const GraphQuestion &question);
void print_graph(const Json &graph);

}  // namespace sluice
