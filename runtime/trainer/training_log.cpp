// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/training_log.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <sstream>

#include "runtime/expression.h"
#include "weights_io/atomic_file.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxTable = size_t{1} << 30;  // bytes

// The table as it is to go on: what is there up to `step`, or a new head.
fs::path prepared_table(const fs::path &folder, const std::vector<std::string> &columns, int64_t step) {
  fs::path file = folder / "log.csv";
  const std::string head = fmt::format("step,{}\n", fmt::join(columns, ","));
  std::string kept = head;
  std::error_code problem;
  if (step > 0 && fs::is_regular_file(file, problem)) {
    const std::vector<std::byte> bytes = read_file(file, kMaxTable);
    std::istringstream lines(std::string(reinterpret_cast<const char *>(bytes.data()), bytes.size()));
    std::string line;
    const bool same = std::getline(lines, line) && line + '\n' == head;
    while (same && std::getline(lines, line)) {
      const auto number = as_integer(line.substr(0, line.find(',')));
      if (number && *number <= step && !lines.eof()) kept += line + '\n';
    }
  }
  write_file_atomically(file, std::as_bytes(std::span(kept)));
  return file;
}

}  // namespace

TrainingLog::TrainingLog(const fs::path &folder, std::vector<std::string> columns, int64_t step)
    : folder_(folder), columns_(std::move(columns)), table_(prepared_table(folder, columns_, step)), events_(folder) {}

void TrainingLog::add(int64_t step, const std::vector<double> &numbers) {
  std::string line = std::to_string(step);
  std::map<std::string, double> tags;
  for (size_t i = 0; i < columns_.size(); i++) {
    line += fmt::format(",{:.6g}", numbers.at(i));
    tags[columns_[i]] = numbers[i];
  }
  table_.append(line + '\n');
  events_.add_numbers(step, tags);
}

fs::path TrainingLog::add_picture(int64_t step, const Picture &picture) {
  std::error_code problem;
  fs::create_directories(folder_ / "samples", problem);
  fs::path file = folder_ / "samples" / fmt::format("step-{:012}.png", step);
  write_picture(file, picture);
  events_.add_picture(step, "samples", picture.width, picture.height, read_file(file, kMaxTable));
  return file;
}

}  // namespace sluice
