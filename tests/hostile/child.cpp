// SPDX-License-Identifier: Apache-2.0
// Runs hostile_reader and reads its one line.
#include "tests/hostile/child.h"

#include <sys/wait.h>
#include <unistd.h>

#include <sstream>
#include <stdexcept>

namespace sluice::hostile {
namespace {

[[noreturn]] void become_reader(int output, const char *kind, const char *path) {
  ::dup2(output, STDOUT_FILENO);
  ::execl(SLUICE_HOSTILE_READER, "hostile_reader", kind, path, static_cast<char *>(nullptr));
  ::_exit(127);
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
  return "ended with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Cost cost_of(const std::string &kind, const std::string &path) {
  int ends[2] = {};
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no process");
  if (child == 0) become_reader(ends[1], kind.c_str(), path.c_str());
  ::close(ends[1]);
  std::string text;
  char part[4096];
  for (ssize_t got = 0; (got = ::read(ends[0], part, sizeof(part))) > 0;)
    text.append(part, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  Cost cost;
  std::istringstream line(text);
  double microseconds = 0;
  line >> cost.outcome >> microseconds >> cost.kilobytes;
  cost.milliseconds = microseconds / 1000;
  std::getline(line, cost.message);
  if (status != 0 || cost.outcome.empty()) cost.outcome = how_it_ended(status);
  return cost;
}

}  // namespace sluice::hostile
