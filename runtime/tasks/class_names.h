// SPDX-License-Identifier: Apache-2.0
// Classes of a conditional network by name.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/graph.h"

namespace sluice {

// How many classes the graph says it has, by its parameter `classes`; 0 when it does not say.
int64_t class_count(const Graph &graph);

// The names of a network's classes, in the order of their numbers: those that the metadata `classes` of its weights
// lists ("cat,chair,pizza"), else, for 10 classes, the ones of the published Scribble models (arnabgho/iSketchNFill:
// main_gui_shadow_draw_color.py), else none. Error(bad_file) when the list has another length than `count`, 0 =
// unknown.
std::vector<std::string> class_names(const std::string &metadata, int64_t count);

// The number of a class given by its name, in any case of letters, or by its number, from 0 on. Error(usage) with the
// names, or with the range of numbers, for anything else.
int64_t class_number(const std::string &given, const std::vector<std::string> &names, int64_t count);

}  // namespace sluice
