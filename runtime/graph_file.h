// SPDX-License-Identifier: Apache-2.0
// Reads the text graph format of docs/graph_format.md into a Graph, and refuses what is wrong with one clear line.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <type_traits>

#include "runtime/graph.h"

namespace sluice {

struct ParseOptions {
  std::map<std::string, std::string> overrides;                    // replace the defaults of `param` lines
  std::string mode = "eval";                                       // {mode}: "eval" or "train"
  const std::map<std::string, std::string> *composites = nullptr;  // op name -> text of its generators/<op>.graph
  std::string purpose = "inference";  // or "training": layers in the forms whose gradients are fast
};

// Throws Error(bad_file) with "file:line: ...", or Error(usage) when an override names no parameter of the graph.
// It is a template only to rank behind the overload below, so that {{"width", "8"}} still means overrides.
template <typename Options = ParseOptions>
Graph parse_graph(const std::string &text, const std::string &file_name, const std::type_identity_t<Options> &options);
template <>
Graph parse_graph<ParseOptions>(const std::string &text, const std::string &file_name, const ParseOptions &options);
Graph parse_graph(const std::string &text, const std::string &file_name,
                  const std::map<std::string, std::string> &overrides = {});

// The same from a file; Error(not_found) when it cannot be opened.
template <typename Options = ParseOptions>
Graph read_graph(const std::filesystem::path &path, const std::type_identity_t<Options> &options);
template <>
Graph read_graph<ParseOptions>(const std::filesystem::path &path, const ParseOptions &options);
Graph read_graph(const std::filesystem::path &path, const std::map<std::string, std::string> &overrides = {});

}  // namespace sluice
