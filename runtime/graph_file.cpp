// SPDX-License-Identifier: Apache-2.0
// Statements to a Graph, then the checks across nodes.
#include "runtime/graph_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <set>
#include <span>
#include <utility>

#include "runtime/expression.h"
#include "runtime/graph_node.h"
#include "runtime/graph_scope.h"
#include "runtime/graph_statements.h"
#include "runtime/graph_text.h"
#include "weights_io/error.h"
#include "weights_io/input_file.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxFile = 4u << 20;  // bytes
constexpr std::size_t kMaxNodes = 10000;
constexpr int64_t kMaxMultiple = 4096;
constexpr std::size_t kMaxWord = 1000, kMaxValues = 8u << 20;  // bytes; a long parameter could be used many times
constexpr std::size_t kMaxPorts = 1000;                        // inputs, outputs, losses, parameters: of each kind
constexpr std::size_t kItemBytes = 48, kTensorBytes = 256;     // what a list's item and a tensor take besides text

class GraphParser {
 public:
  GraphParser(const std::string &file, const ParseOptions &options) : options_(options) {
    graph_.file = position_.file = file;
  }

  Graph parse(const std::string &text) {
    if (options_.mode != "eval" && options_.mode != "train") {
      fail("mode is eval or train, got " + in_quotes(options_.mode), ErrorCode::usage);
    }
    for_each_statement(text, position_, {options_.mode, &graph_.parameters, options_.composites, options_.purpose},
                       [this](const GraphStatement &statement) { run(statement); });
    position_ = {graph_.file, 0, "", ""};
    check_overrides();
    if (graph_.nodes.empty()) position_.fail("the graph is empty: no node");
    if (graph_.model.empty()) position_.fail("there is no 'model' line");
    if (graph_.outputs.empty()) position_.fail("there is no 'output' line");
    check_reads();
    check_outputs();
    return std::move(graph_);
  }

 private:
  using Tokens = std::vector<std::string>;
  struct Producer {
    std::string what;  // "input 'x'" or "node 'x'"
    int line = 0;
    std::size_t order = 0;  // number of nodes that had been read then, this one included; 0 for inputs
  };

  [[noreturn]] void fail(const std::string &message, ErrorCode code = ErrorCode::bad_file) const {
    position_.fail(message, code);
  }

  void run(const GraphStatement &statement) {
    const Tokens &tokens = statement.tokens;
    if (tokens[0] == "model") return model(tokens);
    if (tokens[0] == "param") return param(tokens);
    if (tokens[0] == "input") return input(tokens);
    if (tokens[0] == "output") return output(tokens);
    if (tokens[0] == "loss") return loss(statement.text);
    node(statement);
  }

  // ---- statements

  void model(const Tokens &tokens) {
    const std::string name = take_name(tokens, "model", position_);
    if (!graph_.model.empty()) fail(fmt::format("the model is already named '{}'", graph_.model));
    graph_.model = name;
    const GraphSettings given = settings(tokens, 2, {"multiple"});
    if (given.contains("multiple")) {
      graph_.multiple = integer("multiple", value(given.at("multiple")), kMaxMultiple);
    }
  }

  void param(const Tokens &tokens) {
    if (tokens.size() != 2) fail("a parameter is written 'param NAME=default'");
    const std::size_t equals = tokens[1].find('=');
    const std::string name = take_name({tokens[0], tokens[1].substr(0, equals)}, "param", position_);
    if (equals == std::string::npos || equals + 1 == tokens[1].size()) fail("the default is missing");
    if (graph_.parameters.contains(name)) fail("already defined");
    check_number(graph_.parameters.size(), "parameters");
    if (!graph_.inputs.empty() || !graph_.nodes.empty() || !graph_.outputs.empty()) {
      fail("parameters stand before the first input, node and output");
    }
    std::string result = value(tokens[1].substr(equals + 1));
    if (const auto given = options_.overrides.find(name); given != options_.overrides.end()) {
      const bool is_number = as_number(result).has_value();
      result = value(given->second, ErrorCode::usage);
      if (is_number && !as_number(result)) fail("a number is expected, got " + in_quotes(result), ErrorCode::usage);
    }
    if (result.size() > kMaxWord) fail(fmt::format("the value is longer than {} bytes", kMaxWord));
    graph_.parameters[name] = result;
  }

  void input(const Tokens &tokens) {
    GraphInput in;
    in.name = take_name(tokens, "input", position_);
    in.line = position_.line;
    std::size_t at = 2;
    in.shape = shape(tokens, at);
    if (in.shape.empty()) fail("a shape such as [n 3 h w] is expected after the name");
    const GraphSettings given = settings(tokens, at, {"scale", "offset", "order", "pad", "value", "range"});
    picture_settings(given, in);
    if (given.contains("pad")) in.pad = one_of("pad", given.at("pad"), {"zero", "edge"});
    if (given.contains("value")) in.value = real("value", given.at("value"));
    if (given.contains("range")) in.range = range(given.at("range"));
    define(in.name, {position_.subject, in.line, 0});
    check_number(graph_.inputs.size(), "inputs");
    graph_.inputs.push_back(std::move(in));
  }

  void output(const Tokens &tokens) {
    GraphOutput out;
    out.name = out.from = take_name(tokens, "output", position_);
    out.line = position_.line;
    std::size_t at = 2;
    if (at < tokens.size() && tokens[at] == "from") {
      if (at + 1 == tokens.size()) fail("a tensor is missing after 'from'");
      out.from = tokens[at + 1];
      if (!is_graph_name(out.from)) fail("bad tensor name " + in_quotes(out.from));
      at += 2;
    }
    out.shape = shape(tokens, at);
    picture_settings(settings(tokens, at, {"scale", "offset", "order"}), out);
    if (!output_names_.insert(out.name).second) fail("already defined");
    check_number(graph_.outputs.size(), "outputs");
    graph_.outputs.push_back(std::move(out));
  }

  void loss(const std::string &text) {
    check_number(graph_.losses.size(), "losses");
    graph_.losses.push_back(text);
  }

  void check_number(std::size_t already, const char *what) const {
    if (already == kMaxPorts) fail(fmt::format("more than {} {}", kMaxPorts, what));
  }

  // What a node takes of memory, about.
  static std::size_t bytes_of(const Node &node) {
    std::size_t bytes =
        kTensorBytes * (1 + node.outputs.size()) + kItemBytes * node.inputs.size() + node.weights.size();
    for (const std::string &tensor : node.inputs) bytes += tensor.size();
    for (const std::string &tensor : node.outputs) bytes += 2 * tensor.size();
    for (const auto &[port, name] : node.renamed) bytes += 2 * kItemBytes + port.size() + name.size();
    for (const auto &[key, value] : node.attributes) {
      bytes += 2 * kItemBytes + key.size();
      for (const std::string &item : value.items) bytes += kItemBytes + item.size();
    }
    return bytes;
  }

  void node(const GraphStatement &statement) {
    const std::string &op = statement.tokens[0];
    if (!is_graph_key(op) || op == "from" || op == "to") fail("unknown statement " + in_quotes(op));
    Node node = read_node(statement.tokens, statement.parameters, position_);
    check_structural(node, position_);
    if (graph_.nodes.size() == kMaxNodes) fail(fmt::format("more than {} nodes", kMaxNodes));
    node_bytes_ += bytes_of(node);
    if (node_bytes_ > kMaxValues) fail("the nodes take more than 8 MB");
    const auto [other, fresh] = node_lines_.emplace(node.name, node.line);
    if (!fresh) fail(fmt::format("a node of this name is already at line {}", other->second));
    const std::string subject = position_.subject;
    for (const std::string &tensor : node.outputs) define(tensor, {subject, node.line, graph_.nodes.size() + 1});
    graph_.nodes.push_back(std::move(node));
    positions_.push_back(position_);
  }

  void define(const std::string &tensor, Producer producer) {
    const auto [other, fresh] = producers_.emplace(tensor, std::move(producer));
    if (fresh) return;
    fail(fmt::format("tensor {} is already produced by {} at line {}", in_quotes(tensor), other->second.what,
                     other->second.line));
  }

  // ---- values

  GraphSettings settings(const Tokens &tokens, std::size_t first, const Tokens &allowed) const {
    GraphSettings given = take_settings(tokens, first, position_);
    check_keys(given, allowed, "key", position_);
    return given;
  }

  std::string value(const std::string &text, ErrorCode code = ErrorCode::bad_file) const {
    return graph_value(text, &graph_.parameters, position_, code);
  }

  int64_t integer(const std::string &what, const std::string &text, int64_t most) const {
    const auto result = as_integer(text);
    if (!result || *result < 1 || *result > most) {
      fail(fmt::format("{} is an integer from 1 to {}, got {}", what, most, in_quotes(text)));
    }
    return *result;
  }

  std::pair<int64_t, int64_t> range(const std::string &text) const {
    const Tokens ends = split_at(text, ',');
    if (ends.size() != 2) fail("range is FIRST,LAST, got " + in_quotes(text));
    const auto first = as_integer(value(ends[0])), last = as_integer(value(ends[1]));
    if (!first || !last) fail("range is two integers, got " + in_quotes(text));
    if (*first > *last) fail(fmt::format("range begins with {}, above its end {}", *first, *last));
    return {*first, *last};
  }

  float real(const std::string &key, const std::string &text) const {
    const std::string result = value(text);
    const auto number = as_number(result);
    if (!number) fail(fmt::format("{} is a number, got {}", key, in_quotes(result)));
    if (std::abs(*number) > static_cast<double>(std::numeric_limits<float>::max())) {
      fail(fmt::format("{}={} is too large", key, result));
    }
    return static_cast<float>(*number);
  }

  std::string one_of(const std::string &key, const std::string &text, const Tokens &words) const {
    std::string result = value(text);
    if (std::find(words.begin(), words.end(), result) == words.end()) {
      fail(fmt::format("{} is {}, got {}", key, fmt::join(words, " or "), in_quotes(result)));
    }
    return result;
  }

  // `[n 3 h w]` at tokens[at], which then stands behind it; empty where no bracket opens.
  std::vector<Dimension> shape(const Tokens &tokens, std::size_t &at) const {
    std::vector<Dimension> result;
    if (at == tokens.size() || tokens[at] != "[") return result;
    for (++at; at < tokens.size() && tokens[at] != "]"; ++at) {
      if (result.size() == kMaxGraphRank) fail(fmt::format("more than {} dimensions", kMaxGraphRank));
      const std::string extent = value(tokens[at]);
      if (is_graph_name(extent)) {
        result.push_back({extent, 0});
      } else {
        result.push_back({"", integer("a dimension", extent, kMaxGraphExtent)});
      }
    }
    if (at == tokens.size()) fail("']' is missing");
    if (result.empty()) fail("the shape is empty");
    ++at;
    return result;
  }

  template <typename InputOrOutput>
  void picture_settings(const GraphSettings &given, InputOrOutput &to) const {
    if (given.contains("scale")) to.scale = real("scale", given.at("scale"));
    if (given.contains("offset")) to.offset = real("offset", given.at("offset"));
    if (to.scale == 0) fail("scale must not be 0");
    if (!given.contains("order")) return;
    to.order = one_of("order", given.at("order"), {"rgb", "bgr"});
    if (to.shape.size() >= 2 && to.shape[1].symbol.empty() && to.shape[1].extent != 3) {
      fail(fmt::format("order={} needs 3 channels, got {}", to.order, to.shape[1].extent));
    }
  }

  // ---- checks of the whole

  void check_overrides() const {
    for (const auto &[name, text] : options_.overrides) {
      if (graph_.parameters.contains(name)) continue;
      std::string known = graph_.parameters.empty() ? "there is none" : "known:";
      for (const auto &[parameter, unused] : graph_.parameters) known += (known.back() == ':' ? " " : ", ") + parameter;
      fail(fmt::format("unknown parameter {}; {}", in_quotes(name), known), ErrorCode::usage);
    }
  }

  std::string no_tensor(const std::string &tensor) const {
    Tokens names;
    for (const auto &[name, unused] : producers_) names.push_back(name);
    return fmt::format("no input and no node produces tensor {}{}", in_quotes(tensor), suggestion(tensor, names));
  }

  void check_reads() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      for (const std::string &tensor : graph_.nodes[i].inputs) {
        const auto found = producers_.find(tensor);
        if (found != producers_.end() && found->second.order <= i) continue;
        position_ = positions_[i];
        if (found == producers_.end()) fail(no_tensor(tensor));
        if (found->second.order == i + 1) fail(fmt::format("cycle: it reads its own output {}", in_quotes(tensor)));
        fail(fmt::format("cycle or use before definition: tensor {} is produced later, by {} at line {}",
                         in_quotes(tensor), found->second.what, found->second.line));
      }
    }
  }

  void check_outputs() {
    for (const GraphOutput &out : graph_.outputs) {
      if (producers_.contains(out.from)) continue;
      position_ = {graph_.file, out.line, "output " + in_quotes(out.name), ""};
      fail(no_tensor(out.from));
    }
  }

  const ParseOptions &options_;
  Graph graph_;
  GraphPosition position_;
  std::vector<GraphPosition> positions_;  // of the nodes
  std::map<std::string, int> node_lines_;
  std::map<std::string, Producer> producers_;  // by tensor
  std::set<std::string> output_names_;
  std::size_t node_bytes_ = 0;  // that all nodes take
};

}  // namespace

template <>
Graph parse_graph<ParseOptions>(const std::string &text, const std::string &file_name, const ParseOptions &options) {
  return GraphParser(file_name, options).parse(text);
}

Graph parse_graph(const std::string &text, const std::string &file_name,
                  const std::map<std::string, std::string> &overrides) {
  return parse_graph<ParseOptions>(text, file_name, {.overrides = overrides});
}

template <>
Graph read_graph<ParseOptions>(const std::filesystem::path &path, const ParseOptions &options) {
  InputFile file(path);
  if (file.size() > kMaxFile) throw Error(ErrorCode::bad_file, file.name() + ": the file is larger than 4 MB");
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read_exactly(std::as_writable_bytes(std::span(text)));
  return parse_graph<ParseOptions>(text, file.name(), options);
}

Graph read_graph(const std::filesystem::path &path, const std::map<std::string, std::string> &overrides) {
  return read_graph<ParseOptions>(path, {.overrides = overrides});
}

}  // namespace sluice
