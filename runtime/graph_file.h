// SPDX-License-Identifier: Apache-2.0
// Reads the text graph format of docs/graph_format.md into a Graph, and refuses what is wrong with one clear line.
#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "runtime/graph.h"

namespace sluice {

// `overrides` replace the defaults of `param` lines. Throws Error(bad_file) with "file:line: ...", or Error(usage) when
// an override names no parameter of the graph.
Graph parse_graph(const std::string &text, const std::string &file_name,
                  const std::map<std::string, std::string> &overrides = {});

// The same from a file; Error(not_found) when it cannot be opened.
Graph read_graph(const std::filesystem::path &path, const std::map<std::string, std::string> &overrides = {});

}  // namespace sluice
