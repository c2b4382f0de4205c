// SPDX-License-Identifier: Apache-2.0
// Arithmetic of graph files: + - * / % ( ) and unary minus over integers, reals and named values.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace sluice {

// The canonical decimal text of the value. `lookup` gives the text of a named value, or nothing when there is no such
// name. Integers stay integers (64 bits, overflow is an error). Between two integers '/' is exact: a remainder is an
// error; write one of them with a point (1.0/3) for a real quotient. Throws Error(bad_file) with the reason, without
// file or line.
std::string evaluate(const std::string &expression,
                     const std::function<std::optional<std::string>(const std::string &)> &lookup);

// The whole text as a decimal integer or as a finite decimal number; nothing otherwise.
std::optional<int64_t> as_integer(const std::string &text);
std::optional<double> as_number(const std::string &text);

}  // namespace sluice
