// SPDX-License-Identifier: Apache-2.0
// What does not fit, by kind, in one message.
#pragma once
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

struct NameProblems {
  std::vector<std::string> missing, unexpected, misshapen, unequal;

  bool empty() const { return missing.empty() && unexpected.empty() && misshapen.empty() && unequal.empty(); }
  std::string text() const {
    std::vector<std::string> kinds;
    append("missing", missing, kinds);
    append("unexpected", unexpected, kinds);
    append("misshapen", misshapen, kinds);
    append("unequal", unequal, kinds);
    return fmt::format("{}", fmt::join(kinds, "; "));
  }

 private:
  static void append(const char *kind, const std::vector<std::string> &names, std::vector<std::string> &into) {
    constexpr std::size_t kMost = 200;
    if (names.empty()) return;
    const std::size_t shown = std::min(names.size(), kMost);
    std::string text =
        fmt::format("{} {}: {}", names.size(), kind, fmt::join(names.data(), names.data() + shown, ", "));
    if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
    into.push_back(std::move(text));
  }
};

}  // namespace sluice
