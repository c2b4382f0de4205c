// SPDX-License-Identifier: Apache-2.0
// The processes of one training on one or more machines, and what they say to each other. All of them make the same
// calls in the same order, from one thread each.
#pragma once
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "weights_io/error.h"

namespace sluice {

class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;

  virtual int rank() const = 0;  // 0 .. size() - 1
  virtual int size() const = 0;
  virtual int size_of_machine() const = 0;  // processes of the group on this machine

  // What every process gives, one after the other by rank: all.size() = size() * mine.size(). Waits.
  virtual void gather(std::span<const std::byte> mine, std::span<std::byte> all) = 0;
  // What process 0 has, in all. Waits.
  virtual void broadcast(std::span<std::byte> bytes) = 0;

  // Transfers that go on while the caller computes; the memory is theirs until they are finished. Exchanges are begun
  // in the same order by all processes, and so are the others; which comes first of one and the other may differ.
  // Block q (count floats) of `mine` goes to process q; block q of `theirs` comes from it.
  virtual int begin_exchange(const float *mine, float *theirs, size_t count) = 0;
  // As gather().
  virtual int begin_gather(const float *mine, float *all, size_t count) = 0;
  // Is it finished? A transfer that was is forgotten.
  virtual bool finished(int transfer) = 0;
  virtual void wait(int transfer) = 0;

  // Ends all processes at once, without goodbye.
  [[noreturn]] virtual void end_all(int code) = 0;
};

// A group of this process alone.
ProcessGroup &alone();

// An error that all processes of a group throw together: none of them waits for another.
class SharedError : public Error {
 public:
  using Error::Error;
};

std::vector<std::string> gather_texts(ProcessGroup &group, const std::string &text);
bool true_in_any(ProcessGroup &group, bool value);
// Does `work`, which calls nothing of the group, in every process. Where it throws an Error in one of them, all throw
// that of the first as SharedError, with "process N: " in front where not all threw the same. Returns when all are
// done.
void in_all(ProcessGroup &group, const std::function<void()> &work);

}  // namespace sluice
