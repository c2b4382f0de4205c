// SPDX-License-Identifier: Apache-2.0
// Tables of malformed files: each with the exact text by which it is refused. A table prints how many it has tried.
#pragma once
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <initializer_list>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "weights_io/error.h"

namespace sluice::hostile {

struct Malformed {
  std::string what;     // names the row; unique in its table
  std::string file;     // its bytes
  std::string message;  // the whole of it
};

using Rows = std::vector<Malformed>;
using Pairs = std::initializer_list<std::pair<const char *, const char *>>;  // what differs, and the reason

inline Rows joined(const std::vector<Rows> &tables) {
  Rows all;
  for (const Rows &table : tables) all.insert(all.end(), table.begin(), table.end());
  return all;
}

// The text `count` times, {} in it as 0, 1, ...
inline std::string repeated(int count, const std::string &format) {
  std::string text;
  for (int i = 0; i < count; ++i) text += fmt::format(fmt::runtime(format), i);
  return text;
}

inline std::vector<std::byte> bytes_of(const std::string &text) {
  std::vector<std::byte> bytes(text.size());
  std::transform(text.begin(), text.end(), bytes.begin(), [](char c) { return static_cast<std::byte>(c); });
  return bytes;
}

// Every row is refused as a bad file, with its message and no other. No row and no file stands in the table twice, and
// the table has the rows that SECURITY.md speaks of.
inline void expect_refusals(const std::string &kind, size_t at_least, const Rows &rows,
                            const std::function<void(const std::string &)> &read) {
  std::set<std::string> names, files;
  EXPECT_GE(rows.size(), at_least);
  for (const Malformed &row : rows) {
    SCOPED_TRACE(row.what);
    EXPECT_TRUE(names.insert(row.what).second) << "two rows of one name";
    EXPECT_TRUE(files.insert(row.file).second) << "the file of another row";
    try {
      read(row.file);
      ADD_FAILURE() << "not refused, expected: " << row.message;
    } catch (const Error &error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_file);
      EXPECT_EQ(error.what(), row.message);
    }
  }
  std::printf("malformed %s: %zu files, each refused with its text\n", kind.c_str(), rows.size());
}

}  // namespace sluice::hostile
