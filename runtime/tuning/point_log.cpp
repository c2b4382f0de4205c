// SPDX-License-Identifier: Apache-2.0
// Appending and reading back.
#include "runtime/tuning/point_log.h"

#include <fmt/format.h>

#include <sstream>

#include "weights_io/error.h"

namespace sluice::tuning {
namespace {

namespace fs = std::filesystem;

// `POINT -> ok NUMBERS` or `POINT -> failed REASON`
constexpr const char *kArrow = " -> ";

}  // namespace

std::string Point::text() const {
  return fmt::format("{} {} {} {}", node, algorithm, parameters_text(schedule), fresh ? "confirm" : "try");
}

PointLog::PointLog(const fs::path &file, const std::string &run) : path_(file) {
  const bool begun = read(run);
  file_.open(file, std::ios::app);
  if (!begun) file_ << run << "\n" << std::flush;
  if (!file_) throw Error(ErrorCode::input_failed, fmt::format("{}: cannot be written", file.string()));
}

bool PointLog::read(const std::string &run) {
  if (!fs::exists(path_)) return false;
  std::ostringstream whole;
  whole << std::ifstream(path_).rdbuf();
  std::string text = whole.str();
  const size_t lines_end = text.rfind('\n') + 1;                    // 0 where there is no line
  if (lines_end != text.size()) fs::resize_file(path_, lines_end);  // the machine went down in the middle of a line
  text.resize(lines_end);
  if (text.empty()) return false;
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  if (line != run) {
    throw Error(ErrorCode::bad_file, fmt::format("{}: the state of another run ({}; this is {}): take another --work",
                                                 path_.string(), line, run));
  }
  for (int number = 2; std::getline(lines, line); number++) {
    const size_t arrow = line.find(kArrow);
    std::istringstream words(arrow == std::string::npos ? "" : line.substr(arrow + std::string(kArrow).size()));
    std::string kind, rest;
    words >> kind >> std::ws;
    std::getline(words, rest);
    if (kind != "ok" && kind != "failed")
      throw Error(ErrorCode::bad_file, fmt::format("{}:{}: not a point: {}", path_.string(), number, line));
    outcomes_[line.substr(0, arrow)] = kind == "ok" ? Outcome{from_line(rest), ""} : Outcome{{}, rest};
  }
  return true;
}

std::optional<Outcome> PointLog::find(const Point &point) const {
  const auto found = outcomes_.find(point.text());
  if (found == outcomes_.end()) return std::nullopt;
  return found->second;
}

void PointLog::add(const Point &point, const Outcome &outcome) {
  outcomes_[point.text()] = outcome;
  file_ << point.text() << kArrow
        << (outcome.failure.empty() ? "ok " + to_line(outcome.comparison) : "failed " + outcome.failure) << "\n"
        << std::flush;
  if (!file_) throw Error(ErrorCode::input_failed, fmt::format("{}: cannot be written", path_.string()));
}

}  // namespace sluice::tuning
