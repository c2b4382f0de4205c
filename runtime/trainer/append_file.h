// SPDX-License-Identifier: Apache-2.0
// A file that only grows, a record at a time.
#pragma once
#include <filesystem>
#include <string_view>

namespace sluice {

class AppendFile {
 public:
  // Opened for appending; made where it is not there. Error input_failed.
  explicit AppendFile(std::filesystem::path path);
  ~AppendFile();
  AppendFile(const AppendFile &) = delete;
  AppendFile &operator=(const AppendFile &) = delete;

  // All of it, in one call of the system where that takes it. Error input_failed: the file then ends where it did
  // before.
  void append(std::string_view bytes);
  const std::filesystem::path &path() const { return path_; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace sluice
