// SPDX-License-Identifier: Apache-2.0
// A file of the test's own, with this text.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace sluice::testing {

inline std::filesystem::path file_of(const std::string &name, const std::string &text) {
  const std::filesystem::path path = std::filesystem::path(::testing::TempDir()) / name;
  std::ofstream(path) << text;
  return path;
}

}  // namespace sluice::testing
