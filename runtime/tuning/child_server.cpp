// SPDX-License-Identifier: Apache-2.0
// A forked child at the other end of a socket.
#include "runtime/tuning/child_server.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "weights_io/error.h"

namespace sluice::tuning {
namespace {

constexpr char kAnswered = '+', kFailed = '-';  // the first character of a reply
constexpr double kLook = 0.1;                   // seconds between two looks at whether to stop

[[noreturn]] void fail(const char *what) {
  throw Error(ErrorCode::input_failed, fmt::format("tuning: {}: {}", what, std::strerror(errno)));
}

// False at the end of the stream.
bool read_line(int from, std::string &line) {
  line.clear();
  for (char c = 0; ::read(from, &c, 1) == 1;) {
    if (c == '\n') return true;
    line += c;
  }
  return false;
}

// False where nobody reads any more.
bool write_line(int to, std::string line) {
  std::replace(line.begin(), line.end(), '\n', ' ');
  line += '\n';
  return ::send(to, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size());
}

}  // namespace

ChildServer::ChildServer(std::function<void()> start, std::function<std::string(const std::string &)> answer)
    : start_(std::move(start)), answer_(std::move(answer)) {}

ChildServer::~ChildServer() { finish(true); }

void ChildServer::serve(int parent) const {
  bool started = false;
  for (std::string request; read_line(parent, request);) {
    std::string reply;
    try {
      if (!started) start_();
      started = true;
      reply = kAnswered + answer_(request);
    } catch (const std::exception &error) {
      reply = kFailed + std::string(error.what());
    }
    if (!write_line(parent, reply)) return;
  }
}

void ChildServer::launch() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail("no socket");
  child_ = ::fork();
  if (child_ < 0) fail("no process");
  if (child_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(ends[0]);
    serve(ends[1]);
    ::_exit(0);  // nothing of the parent's is ended here
  }
  ::close(ends[1]);
  socket_ = ends[0];
}

std::string ChildServer::finish(bool kill) {
  if (child_ < 0) return "";
  ::close(socket_);
  if (kill) ::kill(child_, SIGKILL);
  int status = 0;
  while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
  }
  child_ = -1;
  if (WIFSIGNALED(status)) return fmt::format("crashed: {}", ::strsignal(WTERMSIG(status)));
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

ChildServer::Reply ChildServer::ask(const std::string &request, double seconds, const std::function<bool()> &stopped) {
  using Clock = std::chrono::steady_clock;
  if (child_ < 0) launch();
  if (!write_line(socket_, request)) return {"", finish(false)};
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  for (pollfd answer{socket_, POLLIN, 0};;) {
    const int ready = ::poll(&answer, 1, static_cast<int>(kLook * 1000));
    if (stopped && stopped()) {
      finish(true);
      throw Error(ErrorCode::interrupted, "tuning: interrupted");
    }
    if (ready > 0) break;
    if (ready < 0 && errno != EINTR) fail("no answer");
    if (Clock::now() < end) continue;
    finish(true);
    return {"", fmt::format("took longer than {:.0f} s", seconds)};
  }
  std::string line;
  if (!read_line(socket_, line) || line.empty()) return {"", finish(false)};
  if (line[0] == kAnswered) return {line.substr(1), ""};
  return {"", line.substr(1)};
}

}  // namespace sluice::tuning
