// SPDX-License-Identifier: Apache-2.0
// One node line, its values evaluated; the ops that the runtime itself carries out are checked.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/graph.h"
#include "runtime/graph_text.h"

namespace sluice {

constexpr std::size_t kMaxGraphRank = 6;
constexpr int64_t kMaxGraphExtent = 1 << 24;

// `OP NAME from a,b [to c,d] [weights=PREFIX] [key=value ...]`, blocks and placeholders gone; without `to` it makes
// NAME. Names the node in `position`. `parameters`: as in graph_value().
Node read_node(const std::vector<std::string> &tokens, const GraphSettings *parameters, GraphPosition &position);

// concat, slice and reshape: number of tensors and keys. Sets `first` of a slice when it is not there.
void check_structural(Node &node, const GraphPosition &position);

}  // namespace sluice
