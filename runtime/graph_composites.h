// SPDX-License-Identifier: Apache-2.0
// Composite ops: which definition a node line means, and what the names in it stand for.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/graph.h"
#include "runtime/graph_definitions.h"
#include "runtime/graph_scope.h"

namespace sluice {

class GraphComposites {
 public:
  struct Op {
    const GraphLibrary *library;        // the text it stands in
    const GraphDefinition *definition;  // null: the op stays as it is
  };

  // `texts`: name -> text; may be null. Errors say "name.graph:line". `purpose`: "inference" or "training", what
  // conditions may ask besides attributes.
  GraphComposites(const std::map<std::string, std::string> *texts, const std::string &mode,
                  const std::string &purpose = "inference");

  bool contains(const std::string &op) const { return ops_.contains(op); }
  // The attributes that definitions of the op declare.
  std::set<std::string> attributes(const std::string &op) const;
  // The first definition of the node's op whose condition holds.
  Op find(const Node &node) const;

 private:
  void read(const std::string &name, const std::string &text, const std::string &mode);

  bool holds(const GraphDefinition &op, const Node &node) const;

  std::string purpose_;
  std::map<std::string, GraphLibrary> libraries_;
  std::map<std::string, std::vector<Op>> ops_;
};

// The names of the op's definition, for this node. Fails on what the op does not have and what it lacks.
GraphScope bind_composite(const GraphDefinition &op, const Node &node, const GraphPosition &position);

}  // namespace sluice
