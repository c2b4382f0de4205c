// SPDX-License-Identifier: Apache-2.0
// Reading a file in a process of its own, to measure what that takes.
#pragma once
#include <string>

namespace sluice::hostile {

struct Cost {
  std::string outcome;  // "read", "refused", "no_memory"; otherwise how the process ended
  double milliseconds = 0;
  long kilobytes = 0;  // by which it grew at most
  std::string message;
};

// `kind`: see reader.cpp.
Cost cost_of(const std::string &kind, const std::string &path);

// Sanitizers multiply time and memory: then only the outcomes mean anything.
constexpr bool is_sanitized() {
#ifdef __SANITIZE_ADDRESS__
  return true;
#else
  return false;
#endif
}

}  // namespace sluice::hostile
