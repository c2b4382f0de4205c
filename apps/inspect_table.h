// SPDX-License-Identifier: Apache-2.0
// Text in columns.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace sluice {

// One line a row, columns as wide as their widest cell with two blanks between: the first `left` columns begin at one
// place, the others end at one. Rows may be shorter than others.
std::vector<std::string> table_lines(const std::vector<std::vector<std::string>> &rows, size_t left);

}  // namespace sluice
