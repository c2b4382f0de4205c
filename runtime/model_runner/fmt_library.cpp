// SPDX-License-Identifier: Apache-2.0
// The compiled part of fmt, for projects that build the runner from its sources (sluice_add_model): they need not have
// libfmt for the processor they compile for, and the runner's other files compile in half the time of a header-only
// fmt.
#define FMT_HEADER_ONLY
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

namespace sluice {

// One use of every function that is not inline elsewhere brings it in.
std::string use_of_fmt(const std::vector<std::string> &words, double real, float single, long long whole) {
  return fmt::format("{} {:.3f} {} {:08x} {:>{}}", fmt::join(words, " "), real, single, whole, words.size(), 4);
}

}  // namespace sluice
