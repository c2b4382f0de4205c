// SPDX-License-Identifier: Apache-2.0
// Spawning and waiting.
#include "runtime/tuning/commands.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <map>
#include <thread>

#include "weights_io/error.h"

namespace sluice::tuning {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook(5);  // between two looks at the processes
constexpr size_t kMostOfLog = 300;             // characters of a message

struct Running {
  size_t index;
  Clock::time_point start;
};

// The last line that a program printed.
std::string last_line(const std::filesystem::path &log) {
  std::ifstream file(log);
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) last = line.substr(0, kMostOfLog);
  }
  return last;
}

// The process, or an error number below zero.
pid_t spawn(const Command &command) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, command.log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  std::vector<char *> words;
  for (const std::string &word : command.words) words.push_back(const_cast<char *>(word.c_str()));
  words.push_back(nullptr);
  pid_t process = 0;
  const int error = ::posix_spawnp(&process, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? process : -error;
}

int wait_for(pid_t process, int options, int &status) {
  for (;;) {
    const pid_t ended = ::waitpid(process, &status, options);
    if (ended >= 0 || errno != EINTR) return ended;
  }
}

void end_all(const std::map<pid_t, Running> &running) {
  for (const auto &entry : running) {
    int status = 0;
    ::kill(entry.first, SIGKILL);
    wait_for(entry.first, 0, status);
  }
}

std::string failure_of(const Command &command, int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  const std::string how = WIFSIGNALED(status) ? std::string(::strsignal(WTERMSIG(status)))
                                              : fmt::format("exit status {}", WEXITSTATUS(status));
  return fmt::format("{}: {}: {}", std::filesystem::path(command.words[0]).filename().string(), how,
                     last_line(command.log));
}

}  // namespace

std::vector<std::string> run_commands(const std::vector<Command> &commands, int jobs, double seconds,
                                      const std::function<bool()> &stopped) {
  std::vector<std::string> failures(commands.size());
  std::map<pid_t, Running> running;
  for (size_t next = 0; next < commands.size() || !running.empty();) {
    if (stopped && stopped()) {
      end_all(running);
      throw Error(ErrorCode::interrupted, "tuning: interrupted");
    }
    while (next < commands.size() && running.size() < static_cast<size_t>(jobs)) {
      const pid_t process = spawn(commands[next]);
      if (process > 0) running[process] = {next, Clock::now()};
      if (process <= 0) failures[next] = fmt::format("{}: {}", commands[next].words[0], std::strerror(-process));
      next++;
    }
    for (auto entry = running.begin(); entry != running.end();) {
      int status = 0;
      const auto &[index, start] = entry->second;
      const bool late = Clock::now() - start > std::chrono::duration<double>(seconds);
      if (late) ::kill(entry->first, SIGKILL);
      if (wait_for(entry->first, late ? 0 : WNOHANG, status) == 0) {
        ++entry;
        continue;
      }
      failures[index] = late ? fmt::format("took longer than {:.0f} s", seconds) : failure_of(commands[index], status);
      entry = running.erase(entry);
    }
    if (!running.empty()) std::this_thread::sleep_for(kLook);
  }
  return failures;
}

}  // namespace sluice::tuning
