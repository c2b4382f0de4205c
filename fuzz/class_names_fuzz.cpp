// SPDX-License-Identifier: Apache-2.0
// Fuzz target: the list of class names in a file's metadata, and a class given by its name.
#include "runtime/tasks/class_names.h"

#include <algorithm>
#include <string>

#include "fuzz/examine.h"

// The first line is the list, the second what is asked for; without a second line the number of names is not known.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, std::size_t size) {
  using namespace sluice;
  const std::string text(reinterpret_cast<const char *>(data), size);
  const std::size_t end = text.find('\n');
  const std::string list = text.substr(0, end);
  const bool is_asked = end != std::string::npos;
  const int64_t count = is_asked ? std::count(list.begin(), list.end(), ',') + 1 : static_cast<int64_t>(size % 16);
  std::vector<std::string> names;
  // These messages are about an option or about metadata, so the caller adds the file's name.
  const auto named = [&](const auto &read) {
    try {
      read();
    } catch (const Error &error) {
      throw Error(error.code(), std::string(fuzz::kInputName) + ": " + error.what());
    }
  };
  if (!fuzz::is_accepted(size, [&] { named([&] { names = class_names(list, count); }); })) return 0;
  fuzz::require(count == 0 || names.empty() || static_cast<int64_t>(names.size()) == count, "as many names as classes");
  if (!is_asked) return 0;
  int64_t number = -1;
  const auto ask = [&] { named([&] { number = class_number(text.substr(end + 1), names, count); }); };
  if (!fuzz::succeeds(size, ask, {.codes = {ErrorCode::usage}})) return 0;
  fuzz::require(number >= 0 && number < std::max<int64_t>(count, 1), "a class is one of those there are");
  return 0;
}
