// SPDX-License-Identifier: Apache-2.0
// What the tests of this folder share: expecting an Error, a temporary folder, whole files.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "weights_io/error.h"

namespace sluice::test {

using Bytes = std::vector<std::byte>;

// Runs it, expects an Error of this code, gives its message.
inline std::string message_of(ErrorCode code, const std::function<void()> &run) {
  try {
    run();
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return {};
}

// An empty folder, removed at the end of the test.
class Folder {
 public:
  Folder() {
    std::string path = (std::filesystem::path(::testing::TempDir()) / "sluice_XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = path;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder &) = delete;
  Folder &operator=(const Folder &) = delete;

  std::filesystem::path operator/(const std::string &name) const { return path_ / name; }
  const std::filesystem::path &path() const { return path_; }
  std::size_t entries() const {
    namespace fs = std::filesystem;
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(path_), fs::directory_iterator()));
  }

 private:
  std::filesystem::path path_;
};

inline void put(const std::filesystem::path &path, const void *bytes, std::size_t size) {
  std::ofstream(path, std::ios::binary).write(static_cast<const char *>(bytes), static_cast<std::streamsize>(size));
}
inline void put(const std::filesystem::path &path, const Bytes &bytes) { put(path, bytes.data(), bytes.size()); }
inline void put(const std::filesystem::path &path, const std::string &text) { put(path, text.data(), text.size()); }

inline std::filesystem::path source_dir() { return SLUICE_SOURCE_DIR; }

}  // namespace sluice::test
