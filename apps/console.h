// SPDX-License-Identifier: Apache-2.0
// What the program says and how it is stopped: data on stdout, everything else on stderr.
#pragma once
#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace sluice {

using Json = nlohmann::ordered_json;  // keys stay in the order they are written
Json as_object(const std::map<std::string, std::string> &entries);

// One line of JSON on stdout; bytes that are not UTF-8 are replaced.
void print_json(const Json &item);
// One line on stdout.
void print_line(const std::string &line);
// "sluice: <text>" on stderr, as one line whatever the text holds.
void print_message(const std::string &text);

// The text with control characters as \xNN: names from files cannot steer a terminal or break a line.
std::string printable(std::string_view text);

// From now on SIGINT (once) sets the flag instead of ending the program.
void catch_interrupts();
// The same for SIGTERM, for commands that have something to save.
void catch_terminations();
const std::atomic<bool> &interrupt_flag();
// Throws Error(interrupted) when the flag is set. Called before anything is written.
void check_interrupted();

// Error(input_failed) when the folder that `output` is to be written to does not exist: said before the work, not
// after.
void check_output_folder(const std::filesystem::path &output);

// A line on the terminal that overwrites itself and is gone at the end. Silent where stderr is no terminal.
class Progress {
 public:
  explicit Progress(bool wanted);
  ~Progress();
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;
  std::function<void(int, int, const std::string &)> callback();  // as RunOptions wants it; lives no longer than this

 private:
  bool shown_;
};

}  // namespace sluice
