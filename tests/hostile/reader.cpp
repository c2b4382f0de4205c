// SPDX-License-Identifier: Apache-2.0
// hostile_reader KIND FILE: reads the file as the library does and prints one line: read, refused or no_memory, the
// microseconds of processor time, the kilobytes by which the process grew at most, and the message. It is a process of
// its own, so that its peak is that of the one file; and what others do on the machine does not count.
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>
#include <map>
#include <new>
#include <string>

#include "runtime/graph_file.h"
#include "runtime/image/picture.h"
#include "weights_io/checkpoint.h"
#include "weights_io/error.h"
#include "weights_io/names/names.h"
#include "weights_io/safetensors.h"

namespace {

using Path = std::filesystem::path;

const std::map<std::string, std::function<void(const Path &)>> kReaders = {
    {"picture", [](const Path &path) { sluice::read_picture(path); }},
    {"safetensors", [](const Path &path) { sluice::read_safetensors(path); }},
    {"checkpoint", [](const Path &path) { read_all(*sluice::open_checkpoint(path)); }},
    {"graph", [](const Path &path) { sluice::read_graph(path); }},
    {"names", [](const Path &path) { sluice::read_names(path); }},
};

// A line "VmHWM:     1234 kB" of the process's status.
long kilobytes(const std::string &what) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(what)) return std::stol(line.substr(what.size()));
  }
  return -1;
}

double microseconds() {
  timespec now = {};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return 1e6 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e3;
}

}  // namespace

int main(int argc, char **argv) {
  constexpr unsigned kMostSeconds = 60;
  if (argc != 3 || kReaders.count(argv[1]) == 0) return 2;
  ::alarm(kMostSeconds);
  ::malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak so far is forgotten
  const long before = kilobytes("VmRSS:");
  const double start = microseconds();
  std::string outcome = "read", message;
  try {
    kReaders.at(argv[1])(argv[2]);
  } catch (const sluice::Error &error) {
    outcome = "refused";
    message = error.what();
  } catch (const std::bad_alloc &) {
    outcome = "no_memory";
  }
  const double spent = microseconds() - start;
  fmt::print("{} {:.0f} {} {}\n", outcome, spent, kilobytes("VmHWM:") - before, message);
  return 0;
}
