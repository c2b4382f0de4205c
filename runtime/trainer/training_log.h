// SPDX-License-Identifier: Apache-2.0
// What a training writes down as it goes: a table of numbers (log.csv) and an event file for TensorBoard.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "runtime/image/picture.h"
#include "runtime/trainer/append_file.h"
#include "runtime/trainer/event_file.h"

namespace sluice {

class TrainingLog {
 public:
  using Row = std::vector<std::pair<std::string, double>>;  // column, number

  // `columns` behind `step`. Rows that <folder>/log.csv has for steps after `step` are dropped, others kept where the
  // columns are the same. Error input_failed.
  TrainingLog(const std::filesystem::path &folder, std::vector<std::string> columns, int64_t step);

  // One number a column, in their order.
  void add(int64_t step, const std::vector<double> &numbers);
  // <folder>/samples/step-<number>.png
  std::filesystem::path add_picture(int64_t step, const Picture &picture);
  // Only for TensorBoard.
  void add_number(int64_t step, const std::string &tag, double number) { events_.add_numbers(step, {{tag, number}}); }

 private:
  std::filesystem::path folder_;
  std::vector<std::string> columns_;
  AppendFile table_;
  EventFile events_;
};

}  // namespace sluice
