// SPDX-License-Identifier: Apache-2.0
// The parameters of a graph that follow from the shapes of its tensors.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "weights_io/names/names.h"

namespace sluice {

using ShapeMap = std::map<std::string, std::vector<int64_t>>;

// Values by name. Throws Error(bad_file) where a shape gives no whole number above 0.
std::map<std::string, std::string> parameters_of(const NamesFile &names, const ShapeMap &shapes,
                                                 const std::string &source_name);

}  // namespace sluice
