// SPDX-License-Identifier: Apache-2.0
// How many cases a parameterised suite has, whatever its tables are called.
#pragma once
#include <gtest/gtest.h>

#include <string>

namespace sluice::test {

inline int table_size(const std::string &suite) {
  const auto &all = *::testing::UnitTest::GetInstance();
  int count = 0;
  for (int i = 0; i < all.total_test_suite_count(); i++) {
    const std::string name = all.GetTestSuite(i)->name();
    if (name.ends_with("/" + suite)) count += all.GetTestSuite(i)->total_test_count();
  }
  return count;
}

}  // namespace sluice::test
