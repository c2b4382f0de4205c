// SPDX-License-Identifier: Apache-2.0
// Work that may crash or hang, done by a child process: a request and its answer are a line each.
#pragma once
#include <sys/types.h>

#include <functional>
#include <string>

namespace sluice::tuning {

class ChildServer {
 public:
  // Both run in the child alone. `start` once, before the first request. What `answer` throws comes back as a failure.
  // The child is a fork of this process, which must have no other threads then.
  ChildServer(std::function<void()> start, std::function<std::string(const std::string &request)> answer);
  ~ChildServer();  // ends the child
  ChildServer(const ChildServer &) = delete;
  ChildServer &operator=(const ChildServer &) = delete;

  struct Reply {
    std::string text;  // the answer
    std::string
        failure;  // why there is none: what was thrown, the signal that ended the child, or that it took too long
  };
  // After a crash or when `seconds` have passed the child is gone; the next request begins with a new one. Error
  // interrupted when `stopped` says so meanwhile.
  Reply ask(const std::string &request, double seconds, const std::function<bool()> &stopped = {});

 private:
  void launch();
  void serve(int parent) const;
  std::string finish(bool kill);  // how the child ended

  std::function<void()> start_;
  std::function<std::string(const std::string &)> answer_;
  pid_t child_ = -1;
  int socket_ = -1;  // this side's end
};

}  // namespace sluice::tuning
