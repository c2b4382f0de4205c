// SPDX-License-Identifier: Apache-2.0
// Blocks and composite ops: what stands between `block` or `op` and `end`, read and checked, not yet expanded.
#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/graph_scope.h"
#include "runtime/graph_text.h"

namespace sluice {

struct GraphLine {
  std::vector<std::string> tokens;
  int line = 0;
};

// An argument of a block, or an attribute of an op.
struct GraphArgument {
  std::string name;
  std::optional<std::string> fallback;  // none: it must be given
};

struct GraphPort {
  std::string name;
  bool optional = false;
};

struct GraphDefinition {
  std::string kind, name;  // kind: "block" or "op"
  std::vector<GraphArgument> arguments;
  std::vector<GraphLine> body;
  int line = 0;
  std::size_t order = 0;  // number of blocks above it: it uses only those

  // Of an op.
  std::map<std::string, std::vector<std::string>> when;  // it holds if every attribute is one of its values
  std::vector<GraphPort> inputs;                         // optional ones last
  std::vector<std::string> outputs;
  bool takes_attributes = false;  // the body says {attributes}
  bool takes_rename = false;      // ... rename={rename}: the node's names of parameters are those of a node in it
};

// The definitions of one text.
struct GraphLibrary {
  std::map<std::string, GraphDefinition> blocks;
  std::vector<GraphDefinition> ops;
};

// Fills a library line by line.
class GraphDefinitionReader {
 public:
  // `parameters`: what lines of blocks may name besides arguments; may be null. All must outlive it.
  GraphDefinitionReader(GraphLibrary &library, GraphPosition &position, const GraphSettings *parameters,
                        GraphPlaceholders &placeholders)
      : library_(library), position_(position), parameters_(parameters), placeholders_(placeholders) {}

  void begin(const std::vector<std::string> &tokens);  // a `block` or `op` line
  bool is_open() const { return open_.has_value(); }
  void add(const std::vector<std::string> &tokens);  // a line of the open definition, `end` too
  void finish();                                     // at the end of the text: fails when a definition is open

 private:
  void begin_op(const std::vector<std::string> &tokens, GraphDefinition &op) const;
  void take_arguments(const std::vector<std::string> &tokens, std::size_t first, GraphDefinition &definition) const;
  void add_name(const std::string &what, const std::string &name);
  void close();

  GraphLibrary &library_;
  GraphPosition &position_;
  const GraphSettings *parameters_;
  GraphPlaceholders &placeholders_;
  std::optional<GraphDefinition> open_;
  GraphScope scope_;       // of open_: its names, each empty
  std::size_t bytes_ = 0;  // that all bodies take
};

// `if` and `for` before a statement: how many tokens. Fails when they are incomplete, when nothing follows, or what
// follows cannot stand there. `where`: "inside a block".
std::size_t check_prefixes(std::span<const std::string> tokens, const std::string &where,
                           const GraphPosition &position);

struct GraphLoop {
  std::string variable, first, last;  // as written
};
GraphLoop read_loop(const std::string &range, const GraphPosition &position);  // "i=FIRST..LAST"

// Words that begin statements which stand by themselves at the top of a file.
bool is_outer_word(std::string_view word);

}  // namespace sluice
