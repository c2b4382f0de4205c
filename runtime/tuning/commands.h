// SPDX-License-Identifier: Apache-2.0
// Other programs, several at a time.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace sluice::tuning {

struct Command {
  std::vector<std::string> words;  // the program, found in PATH where it has no folder, and its arguments
  std::filesystem::path log;       // takes what it prints
};

// Runs all, `jobs` at a time, and says of each why it failed; empty: it ended with 0. One that takes longer than
// `seconds` is ended. Error interrupted when `stopped` says so: those that run are ended first.
std::vector<std::string> run_commands(const std::vector<Command> &commands, int jobs, double seconds,
                                      const std::function<bool()> &stopped = {});

}  // namespace sluice::tuning
