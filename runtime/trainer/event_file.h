// SPDX-License-Identifier: Apache-2.0
// A log that TensorBoard shows: numbers and pictures by step. The format is that of TFRecord files with Event messages
// (RustingSword/tensorboard_logger: proto/).
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "runtime/trainer/append_file.h"

namespace sluice {

class EventFile {
 public:
  // Makes <folder>/events.out.tfevents.<seconds>.<host>.<process>. Error input_failed.
  explicit EventFile(const std::filesystem::path &folder);

  void add_numbers(int64_t step, const std::map<std::string, double> &numbers);
  // `png`: the bytes of a file.
  void add_picture(int64_t step, const std::string &tag, int width, int height, std::span<const std::byte> png);

  const std::filesystem::path &path() const { return file_.path(); }

 private:
  void add(const std::string &event);

  AppendFile file_;
};

}  // namespace sluice
