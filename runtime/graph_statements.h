// SPDX-License-Identifier: Apache-2.0
// The statements of a graph file in order, with blocks, loops, conditions and composite ops expanded. What the
// statements mean is graph_file.cpp's matter.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/graph_text.h"

namespace sluice {

struct GraphStatement {
  std::vector<std::string> tokens;            // never empty
  std::string text;                           // the line as written, for statements at the top of the file
  const GraphSettings *parameters = nullptr;  // what its values may name; null in an op's definition
};

struct GraphExpansion {
  std::string mode = "eval";                                       // {mode}
  const GraphSettings *parameters = nullptr;                       // of the graph, as far as they were read
  const std::map<std::string, std::string> *composites = nullptr;  // name -> text
  std::string purpose = "inference";                               // of composite ops: or "training"
};

// Calls `run` for every statement, with `position` at it. `block`, `end`, `use`, `if`, `for` and nodes of composite ops
// are consumed.
void for_each_statement(std::string_view text, GraphPosition &position, const GraphExpansion &expansion,
                        const std::function<void(const GraphStatement &)> &run);

}  // namespace sluice
