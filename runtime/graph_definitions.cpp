// SPDX-License-Identifier: Apache-2.0
// Headers of blocks and ops, and the checks that need no values.
#include "runtime/graph_definitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxArguments = 64;
constexpr std::size_t kMaxPrefixes = 8;
constexpr std::size_t kMaxBlocks = 1000;
constexpr std::size_t kMaxBodies = 4u << 20;  // bytes; a token of one letter takes many more

bool is_prefix(std::string_view word) { return word == "if" || word == "for"; }

}  // namespace

bool is_outer_word(std::string_view word) {
  constexpr std::string_view kWords[] = {"model", "param", "input", "output", "loss", "block", "op", "end"};
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

GraphLoop read_loop(const std::string &range, const GraphPosition &position) {
  const std::size_t equals = range.find('='), dots = range.find("..");
  if (equals == std::string::npos || dots == std::string::npos || dots < equals) {
    position.fail("a loop is written 'for i=FIRST..LAST', got " + in_quotes(range));
  }
  GraphLoop loop{range.substr(0, equals), range.substr(equals + 1, dots - equals - 1), range.substr(dots + 2)};
  if (!is_graph_key(loop.variable)) position.fail("bad loop variable " + in_quotes(loop.variable));
  if (loop.variable == "mode") position.fail("'mode' is the mode of the run, not a loop variable");
  return loop;
}

std::size_t check_prefixes(std::span<const std::string> tokens, const std::string &where,
                           const GraphPosition &position) {
  std::size_t at = 0;
  for (; is_prefix(tokens[at]); at += 2) {
    if (at + 2 >= tokens.size()) {
      position.fail(fmt::format("'{}' is followed by a {} and a statement", tokens[at],
                                tokens[at] == "if" ? "condition" : "range"));
    }
    if (at >= 2 * kMaxPrefixes) position.fail(fmt::format("more than {} 'if' and 'for' in a line", kMaxPrefixes));
    if (tokens[at] == "for") read_loop(tokens[at + 1], position);
  }
  if (is_outer_word(tokens[at])) position.fail(fmt::format("'{}' cannot stand {}", tokens[at], where));
  return at;
}

void GraphDefinitionReader::begin(const std::vector<std::string> &tokens) {
  GraphDefinition definition;
  definition.kind = tokens[0];
  definition.name = take_name(tokens, tokens[0], position_);
  definition.line = position_.line;
  definition.order = library_.blocks.size();
  const bool is_op = definition.kind == "op";
  if (library_.blocks.size() == kMaxBlocks) position_.fail(fmt::format("more than {} blocks", kMaxBlocks));
  if (const auto other = library_.blocks.find(definition.name); !is_op && other != library_.blocks.end()) {
    position_.fail(fmt::format("already defined at line {}", other->second.line));
  }
  if (is_op) {
    begin_op(tokens, definition);
  } else {
    take_arguments(tokens, 2, definition);
  }
  scope_ = {is_op ? GraphScope::Kind::op : GraphScope::Kind::block, {}, is_op ? nullptr : parameters_};
  if (is_op) scope_.values = {{"node", ""}, {"weights", ""}, {"norm_weights", ""}, {"attributes", ""}, {"rename", ""}};
  for (const GraphPort &port : definition.inputs) add_name("port", port.name);
  for (const std::string &port : definition.outputs) add_name("port", port);
  for (const GraphArgument &argument : definition.arguments) add_name(is_op ? "attribute" : "argument", argument.name);
  open_ = std::move(definition);
}

void GraphDefinitionReader::add_name(const std::string &what, const std::string &name) {
  if (!is_graph_key(name)) position_.fail(fmt::format("bad {} name {}", what, in_quotes(name)));
  if (name == "mode") position_.fail(fmt::format("no {} is called 'mode': {{mode}} is the mode of the run", what));
  if (!scope_.values.emplace(name, "").second) position_.fail(fmt::format("{} '{}' twice", what, name));
}

// `op NAME [when key=a|b,key=a] from p1,p2? to q1,q2 attribute attribute=default`
void GraphDefinitionReader::begin_op(const std::vector<std::string> &tokens, GraphDefinition &op) const {
  constexpr const char *kReserved[] = {"if", "for", "use", "from", "to"};
  const bool is_reserved = std::find(std::begin(kReserved), std::end(kReserved), op.name) != std::end(kReserved) ||
                           (is_outer_word(op.name) && op.name != "loss");
  if (!is_graph_key(op.name) || is_reserved) position_.fail("not a name for an op");
  std::size_t at = 2;
  const auto follows = [&](const char *word) {
    if (at + 1 >= tokens.size() || tokens[at] != word) return false;
    at += 2;
    return true;
  };
  if (follows("when")) {
    for (const std::string &condition : split_at(tokens[at - 1], ',')) {
      const std::size_t equals = condition.find('=');
      const std::string attribute = condition.substr(0, equals);
      if (equals == std::string::npos || !is_graph_key(attribute)) {
        position_.fail("'when' is followed by attribute=value|value,attribute=value, got " + in_quotes(tokens[at - 1]));
      }
      op.when[attribute] = split_at(placeholders_.replace(condition.substr(equals + 1), {}), '|');
    }
  }
  if (!follows("from")) position_.fail("'from' and the names of what it reads are expected after the name");
  for (std::string name : split_at(tokens[at - 1], ',')) {
    const bool optional = name.ends_with('?');
    if (optional) name.pop_back();
    if (!optional && !op.inputs.empty() && op.inputs.back().optional) {
      position_.fail(fmt::format("port {} stands behind an optional one", in_quotes(name)));
    }
    op.inputs.push_back({name, optional});
  }
  if (!follows("to")) position_.fail("'to' and the names of what it makes are expected after 'from'");
  op.outputs = split_at(tokens[at - 1], ',');
  take_arguments(tokens, at, op);
}

void GraphDefinitionReader::take_arguments(const std::vector<std::string> &tokens, std::size_t first,
                                           GraphDefinition &definition) const {
  if (tokens.size() - first > kMaxArguments) position_.fail(fmt::format("more than {} arguments", kMaxArguments));
  for (std::size_t i = first; i < tokens.size(); ++i) {
    const std::size_t equals = tokens[i].find('=');
    GraphArgument argument{tokens[i].substr(0, equals), std::nullopt};
    if (equals != std::string::npos) {
      argument.fallback = placeholders_.replace(tokens[i].substr(equals + 1), {});
    }
    definition.arguments.push_back(std::move(argument));
  }
}

void GraphDefinitionReader::add(const std::vector<std::string> &tokens) {
  position_.subject = open_->kind + " " + in_quotes(open_->name);
  if (tokens[0] == "end") {
    if (tokens.size() > 1) position_.fail(fmt::format("unexpected {} after 'end'", in_quotes(tokens[1])));
    return close();
  }
  const bool is_op = open_->kind == "op";
  const std::size_t prefixes = check_prefixes(tokens, is_op ? "inside an op" : "inside a block", position_);
  std::vector<std::string> variables;  // of the line's loops: names until its end
  bytes_ += sizeof(GraphLine);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string &token = tokens[i];
    bytes_ += sizeof(std::string) + token.size();
    check_placeholders(token, scope_, position_);
    if (i < prefixes && i % 2 == 1 && tokens[i - 1] == "for") {
      const auto [at, fresh] = scope_.values.emplace(read_loop(token, position_).variable, "");
      if (fresh) variables.push_back(at->first);
    }
    if (is_op && token == "rename={rename}") open_->takes_rename = true;
    if (!is_op || token.find("{attributes}") == std::string::npos) continue;
    if (token != "{attributes}") position_.fail("{attributes} stands by itself, got " + in_quotes(token));
    open_->takes_attributes = true;
  }
  for (const std::string &variable : variables) scope_.values.erase(variable);
  if (bytes_ > kMaxBodies) position_.fail("the blocks take more than 4 MB");
  open_->body.push_back({tokens, position_.line});
}

void GraphDefinitionReader::close() {
  if (open_->body.empty()) position_.fail(fmt::format("the {} is empty", open_->kind));
  if (open_->kind == "op") {
    library_.ops.push_back(*std::exchange(open_, std::nullopt));
  } else {
    library_.blocks.emplace(open_->name, *open_);
    open_.reset();
  }
}

void GraphDefinitionReader::finish() {
  if (!open_) return;
  position_.line = open_->line;
  position_.subject = open_->kind + " " + in_quotes(open_->name);
  position_.fail(fmt::format("no 'end' to this {}", open_->kind));
}

}  // namespace sluice
