// SPDX-License-Identifier: Apache-2.0
// The expansion, with limits on everything that a file could blow up.
#include "runtime/graph_statements.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "runtime/graph_composites.h"
#include "runtime/graph_definitions.h"
#include "runtime/graph_node.h"
#include "runtime/graph_scope.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr int kMaxDepth = 32;              // of blocks and composite ops
constexpr uint64_t kMaxRepeats = 10000;    // of all loops together
constexpr std::size_t kLineOverhead = 16;  // bytes that an expanded line counts besides its text

class Expander {
 public:
  Expander(GraphPosition &position, const GraphExpansion &expansion,
           const std::function<void(const GraphStatement &)> &run)
      : position_(position),
        run_(run),
        placeholders_(expansion.mode, position),
        composites_(expansion.composites, expansion.mode, expansion.purpose),
        reader_(library_, position, expansion.parameters, placeholders_) {
    file_.library = &library_;
    file_.scope.parameters = expansion.parameters;
  }

  void read(std::string_view text) {
    for_each_line(text, position_, [this](const auto &tokens, const auto &line) { read_line(tokens, line); });
    reader_.finish();
  }

 private:
  // What is being expanded; the file itself at first.
  struct Frame {
    const GraphLibrary *library = nullptr;        // where `use` looks
    const GraphDefinition *definition = nullptr;  // null: the file
    std::string composite;                        // the op whose text the lines are of; empty: the file's
    GraphScope scope;
    int node_line = 0;  // of the composite op's node, in the file
    std::string trail;  // where the definition was used
    int depth = 0;
    int line = 0;  // the one at work
  };
  using Tokens = std::span<const std::string>;

  void read_line(const std::vector<std::string> &tokens, const std::string &text) {
    const std::string &first = tokens[0];
    if (reader_.is_open()) return reader_.add(tokens);
    file_.line = position_.line;
    // A composite op may be called `loss`; then a node has `from`.
    const bool is_node = composites_.contains(first) && tokens.size() > 2 && tokens[2] == "from";
    if (first == "loss" && !is_node) return run_({tokens, text, file_.scope.parameters});
    if (first == "block") return reader_.begin(tokens);
    if (first == "end") position_.fail("'end' without a block");
    if (first == "op") position_.fail("an op is not defined in a graph file");
    if (is_conditional_port(tokens)) return read_conditional_port(tokens, text);
    if (first == "if" || first == "for") check_prefixes(tokens, "after 'if' or 'for'", position_);
    if (first != "loss" && is_outer_word(first)) {
      return run_({placeholders_.replace_all(tokens, file_.scope), text, file_.scope.parameters});
    }
    execute(tokens, file_);
  }

  // `if A=B input ...`: inputs and outputs that only some settings of a network have.
  static bool is_conditional_port(Tokens tokens) {
    size_t at = 0;
    while (at + 2 < tokens.size() && tokens[at] == "if") at += 2;
    return at > 0 && (tokens[at] == "input" || tokens[at] == "output");
  }
  void read_conditional_port(Tokens tokens, const std::string &text) {
    for (; tokens[0] == "if"; tokens = tokens.subspan(2)) {
      if (!placeholders_.holds(tokens[1], file_.scope)) return;
    }
    run_({placeholders_.replace_all(tokens, file_.scope), text, file_.scope.parameters});
  }

  void execute(Tokens tokens, Frame &frame) {
    if (tokens[0] == "if") {
      if (placeholders_.holds(tokens[1], frame.scope)) execute(tokens.subspan(2), frame);
      return;
    }
    if (tokens[0] == "for") return repeat(tokens, frame);
    const std::vector<std::string> statement = placeholders_.replace_all(tokens, frame.scope);
    if (statement.empty()) position_.fail("a statement is missing");
    const std::string &first = statement[0];
    const bool is_word = is_outer_word(first) || first == "if" || first == "for";
    if (is_word && tokens[0] != "loss") {
      position_.fail(fmt::format("'{}' cannot stand inside a block", first));
    }
    if (first == "use") return use(statement, frame);
    node(statement, frame);
  }

  void repeat(Tokens tokens, Frame &frame) {
    const GraphLoop loop = read_loop(tokens[1], position_);
    GraphScope &scope = frame.scope;
    const bool is_parameter = scope.parameters != nullptr && scope.parameters->contains(loop.variable);
    if (is_parameter || scope.values.contains(loop.variable)) {
      position_.fail(fmt::format("the loop variable '{}' is also a {}", loop.variable,
                                 is_parameter ? "parameter" : "name of what surrounds it"));
    }
    const int64_t first = placeholders_.integer(fmt::format("the first '{}'", loop.variable), loop.first, scope);
    const int64_t last = placeholders_.integer(fmt::format("the last '{}'", loop.variable), loop.last, scope);
    if (first > last) return;
    const uint64_t more = static_cast<uint64_t>(last) - static_cast<uint64_t>(first);  // repeats besides one
    if (more >= kMaxRepeats - repeats_) position_.fail(fmt::format("loops repeat more than {} times", kMaxRepeats));
    repeats_ += more + 1;
    for (uint64_t i = 0; i <= more; ++i) {
      scope.values[loop.variable] = fmt::format("{}", first + static_cast<int64_t>(i));
      placeholders_.count(kLineOverhead);
      go_to(frame);
      execute(tokens.subspan(2), frame);
    }
    scope.values.erase(loop.variable);
  }

  void use(const std::vector<std::string> &tokens, const Frame &frame) {
    const GraphDefinition &block = find_block(take_name(tokens, "use", position_), frame);
    GraphSettings values = take_settings(tokens, 2, position_);
    std::vector<std::string> names;
    names.reserve(block.arguments.size());
    for (const GraphArgument &argument : block.arguments) names.push_back(argument.name);
    check_keys(values, names, "argument", position_);
    for (const GraphArgument &argument : block.arguments) {
      if (argument.fallback) values.emplace(argument.name, *argument.fallback);
      if (!values.contains(argument.name)) position_.fail(fmt::format("argument '{}' is missing", argument.name));
    }
    Frame inner;
    inner.library = frame.library;
    inner.definition = &block;
    inner.composite = frame.composite;
    inner.scope = {GraphScope::Kind::block, std::move(values), frame.scope.parameters};
    inner.trail = fmt::format(" (block {}, used at line {}){}", in_quotes(block.name), frame.line, frame.trail);
    run_body(inner, frame);
  }

  const GraphDefinition &find_block(const std::string &name, const Frame &frame) const {
    const auto &blocks = frame.library->blocks;
    const auto found = blocks.find(name);
    if (found == blocks.end()) {
      std::vector<std::string> names;
      names.reserve(blocks.size());
      for (const auto &[known, unused] : blocks) names.push_back(known);
      position_.fail("no such block above this line" + suggestion(name, names));
    }
    if (frame.definition != nullptr && found->second.order >= frame.definition->order) {
      position_.fail("a block uses only blocks defined before it");
    }
    return found->second;
  }

  void node(std::vector<std::string> tokens, const Frame &frame) {
    if (frame.definition != nullptr) {
      std::erase_if(tokens, [](const std::string &token) {
        return token.ends_with('=') && is_graph_key(token.substr(0, token.size() - 1));
      });
    }
    if (composites_.contains(tokens[0])) {
      const Node node = read_node(tokens, frame.scope.parameters, position_);
      const GraphComposites::Op op = composites_.find(node);
      if (op.definition != nullptr) return expand(op, node, frame);
      if (node.op == "loss") position_.fail("no definition of loss has these attributes");
    }
    position_.subject.clear();
    run_({std::move(tokens), "", frame.scope.parameters});
  }

  void expand(const GraphComposites::Op &op, const Node &node, const Frame &frame) {
    if (frame.composite.empty()) {
      const auto [other, fresh] = composite_nodes_.emplace(node.name, node.line);
      if (!fresh) position_.fail(fmt::format("a node of this name is already at line {}", other->second));
    }
    Frame inner;
    inner.library = op.library;
    inner.definition = op.definition;
    inner.composite = op.definition->name;
    inner.scope = bind_composite(*op.definition, node, position_);
    inner.trail = position_.trail;
    run_body(inner, frame);
  }

  // The lines of inner.definition, used where `position_` is.
  void run_body(Frame &inner, const Frame &outer) {
    inner.depth = outer.depth + 1;
    if (inner.depth > kMaxDepth) position_.fail(fmt::format("blocks and composite ops nest deeper than {}", kMaxDepth));
    inner.node_line = position_.line;
    const GraphPosition from = position_;
    for (const GraphLine &line : inner.definition->body) {
      inner.line = line.line;
      go_to(inner);
      placeholders_.count(position_.trail.size() + kLineOverhead);
      execute(line.tokens, inner);
    }
    position_ = from;
  }

  void go_to(const Frame &frame) {
    const bool is_file = frame.definition == nullptr;
    position_.subject = is_file ? "" : frame.definition->kind + " " + in_quotes(frame.definition->name);
    position_.line = frame.composite.empty() ? frame.line : frame.node_line;
    position_.trail = frame.trail;
    if (frame.composite.empty()) return;
    position_.trail = fmt::format(" (composite '{}', line {}){}", frame.composite, frame.line, frame.trail);
  }

  GraphPosition &position_;
  const std::function<void(const GraphStatement &)> &run_;
  GraphPlaceholders placeholders_;
  GraphComposites composites_;
  GraphLibrary library_;
  GraphDefinitionReader reader_;
  Frame file_;
  std::map<std::string, int> composite_nodes_;  // those that the file itself has, and their lines
  uint64_t repeats_ = 0;
};

}  // namespace

void for_each_statement(std::string_view text, GraphPosition &position, const GraphExpansion &expansion,
                        const std::function<void(const GraphStatement &)> &run) {
  Expander(position, expansion, run).read(text);
}

}  // namespace sluice
