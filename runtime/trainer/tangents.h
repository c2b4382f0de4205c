// SPDX-License-Identifier: Apache-2.0
// The derivative of one tensor of a graph with respect to another, along a direction, as nodes of the graph: forward
// mode. What they compute can be differentiated like everything else, which is how a gradient penalty gets its second
// derivatives (Pearlmutter, Fast Exact Multiplication by the Hessian, Neural Computation 6, 1994).
#pragma once
#include <map>
#include <string>
#include <vector>

#include "runtime/graph.h"

namespace sluice {

struct TangentLines {
  std::vector<std::string> lines;  // of the graph language
  std::string tangent;             // the tensor of the derivative
};

// Of tensor `of` with respect to `at` along tensor `direction`; the nodes and tensors are called `prefix`.<name>.
// `composites`: the definitions OP_tangent, as in generators/tangents.graph. Error bad_file, behind `where`, naming the
// node that has none, or where `of` does not depend on `at`.
TangentLines tangent_lines(const Graph &graph, const std::string &of, const std::string &at,
                           const std::string &direction, const std::string &prefix,
                           const std::map<std::string, std::string> &composites, const std::string &where);

// The tensors of the graph that tensors of `from`, or weights that begin with `prefixes`, lead to.
std::vector<std::string> tensors_behind(const Graph &graph, const std::vector<std::string> &from,
                                        const std::vector<std::string> &prefixes);

}  // namespace sluice
