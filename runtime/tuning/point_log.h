// SPDX-License-Identifier: Apache-2.0
// The state of a tuning run, so that one that was stopped goes on there: a text file, a line for every point.
#pragma once
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include "runtime/tuning/paired_timing.h"
#include "runtime/tuning/tuning_file.h"

namespace sluice::tuning {

// What was measured: a node (that stands for all like it), and what its kernel was made with.
struct Point {
  std::string node, algorithm;
  Parameters schedule;  // those that differ from the shipped ones
  bool fresh = false;   // measured once more, to confirm

  std::string text() const;  // "node algorithm schedule try|confirm"
};

struct Outcome {
  Comparison comparison;
  std::string failure;  // empty: measured
};

class PointLog {
 public:
  // `run`: one line that says what this is the state of. Error bad_file where the file is of another run, and for a
  // line that is none; a last line that was cut short is as if it had not been written.
  PointLog(const std::filesystem::path &file, const std::string &run);

  std::optional<Outcome> find(const Point &point) const;
  void add(const Point &point, const Outcome &outcome);
  const std::map<std::string, Outcome> &all() const { return outcomes_; }

 private:
  bool read(const std::string &run);  // false: nothing there

  std::filesystem::path path_;
  std::ofstream file_;
  std::map<std::string, Outcome> outcomes_;  // by text()
};

}  // namespace sluice::tuning
