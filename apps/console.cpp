// SPDX-License-Identifier: Apache-2.0
// Standard streams and signals.
#include "apps/console.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "weights_io/error.h"

namespace sluice {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set by a signal handler");

constexpr const char *kClearLine = "\r\x1b[K";

void catch_once(int signal) {
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted.store(true); };
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // a second one ends the program at once
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

void print_line(const std::string &line) { std::cout << line << '\n'; }

Json as_object(const std::map<std::string, std::string> &entries) {
  Json object = Json::object();
  for (const auto &[key, value] : entries) object[key] = value;
  return object;
}

void print_json(const Json &item) { print_line(item.dump(-1, ' ', false, Json::error_handler_t::replace)); }

void print_message(const std::string &text) {
  std::string line = text;
  for (char &c : line) c = c == '\n' ? ' ' : c;
  while (line.ends_with(' ')) line.pop_back();
  std::cerr << "sluice: " << printable(line) << '\n';
}

std::string printable(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += c;
    }
  }
  return result;
}

void catch_interrupts() { catch_once(SIGINT); }
void catch_terminations() { catch_once(SIGTERM); }

const std::atomic<bool> &interrupt_flag() { return interrupted; }

void check_interrupted() {
  if (interrupted.load()) throw Error(ErrorCode::interrupted, "interrupted");
}

void check_output_folder(const std::filesystem::path &output) {
  const std::filesystem::path folder = output.has_parent_path() ? output.parent_path() : ".";
  std::error_code problem;
  if (!std::filesystem::is_directory(folder, problem)) {
    throw Error(ErrorCode::input_failed, fmt::format("{}: its folder does not exist", output.string()));
  }
}

Progress::Progress(bool wanted) : shown_(wanted && ::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (shown_) std::cerr << kClearLine << std::flush;
}

std::function<void(int, int, const std::string &)> Progress::callback() {
  if (!shown_) return nullptr;
  return [](int done, int total, const std::string &node) {
    std::cerr << kClearLine << fmt::format("{}/{} {}", done, total, printable(node)) << std::flush;
  };
}

}  // namespace sluice
