// SPDX-License-Identifier: Apache-2.0
// Fuzz target: graph files, with the shipped composite ops. A first line "#train" reads for training, "#set NAME=VALUE"
// replaces a parameter's default; what follows a line "#composite" defines composite ops in place of the shipped ones.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "fuzz/examine.h"
#include "runtime/graph_file.h"
#include "runtime/graph_node.h"

namespace {

using namespace sluice;
using fuzz::require;
using Texts = std::map<std::string, std::string>;

const Texts &shipped_composites() {
  static const Texts texts = [] {
    Texts result;
    for (const auto &entry : std::filesystem::directory_iterator(SLUICE_SOURCE_DIR "/generators")) {
      if (entry.path().extension() != ".graph") continue;
      std::ifstream file(entry.path());
      result[entry.path().stem().string()] = std::string(std::istreambuf_iterator<char>(file), {});
    }
    require(!result.empty(), "there are shipped composite ops");
    return result;
  }();
  return texts;
}

// Reading all definitions takes far longer than reading a small graph, so they are given only to one that may use them.
bool may_use_composites(const std::string &text) {
  static const std::vector<std::string> ops = [] {
    std::vector<std::string> result;
    for (const auto &[file, definitions] : shipped_composites()) {
      std::istringstream lines(definitions);
      for (std::string word, name; lines >> word;) {
        if (word == "op" && lines >> name) result.push_back(name + " ");
      }
    }
    return result;
  }();
  return std::any_of(ops.begin(), ops.end(), [&](const std::string &op) { return text.find(op) != std::string::npos; });
}

void check(const Graph &graph) {
  require(!graph.model.empty() && !graph.nodes.empty() && !graph.outputs.empty(), "a graph has model, nodes, outputs");
  require(graph.multiple >= 1 && graph.multiple <= 4096, "multiple is within its limits");
  std::set<std::string> made;
  for (const GraphInput &input : graph.inputs) {
    require(made.insert(input.name).second, "a tensor is made once");
    require(!input.shape.empty() && input.shape.size() <= kMaxGraphRank, "an input has 1 to 6 dimensions");
    for (const Dimension &dimension : input.shape) {
      require(!dimension.symbol.empty() || (dimension.extent >= 1 && dimension.extent <= kMaxGraphExtent),
              "an extent is a symbol or within its limits");
    }
  }
  for (const Node &node : graph.nodes) {
    for (const std::string &tensor : node.inputs) require(made.contains(tensor), "a node reads what is made above it");
    for (const std::string &tensor : node.outputs) require(made.insert(tensor).second, "a tensor is made once");
    require(!node.outputs.empty() && !node.weights.empty(), "a node makes something, and its weights have a prefix");
  }
  for (const GraphOutput &output : graph.outputs) require(made.contains(output.from), "an output is made");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, std::size_t size) {
  constexpr const char *kSet = "#set ", *kTrain = "#train", *kComposite = "\n#composite\n";
  std::string text(reinterpret_cast<const char *>(data), size);
  const std::string first = text.substr(0, text.find('\n'));
  ParseOptions options;
  options.mode = first == kTrain ? "train" : "eval";
  if (const std::size_t equals = first.find('='); first.starts_with(kSet) && equals != std::string::npos) {
    options.overrides[first.substr(5, equals - 5)] = first.substr(equals + 1);
  }
  // With definitions of its own it doesn't see the shipped ones: messages then name a part of the input.
  Texts own;
  for (std::size_t mark = text.rfind(kComposite); mark != std::string::npos; mark = text.rfind(kComposite)) {
    own[fmt::format("{} {}", fuzz::kInputName, own.size())] = text.substr(mark + std::string(kComposite).size());
    text.resize(mark);
  }
  options.composites = own.empty() && may_use_composites(text) ? &shipped_composites() : &own;
  Graph graph;
  if (fuzz::is_accepted(size, [&] { graph = parse_graph<ParseOptions>(text, fuzz::kInputName, options); },
                        {.codes = {ErrorCode::bad_file, ErrorCode::usage}})) {
    check(graph);
  }
  return 0;
}
