// SPDX-License-Identifier: Apache-2.0
#include "runtime/process_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace sluice {
namespace {

class OneProcess : public ProcessGroup {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int size_of_machine() const override { return 1; }
  void gather(std::span<const std::byte> mine, std::span<std::byte> all) override {
    std::copy(mine.begin(), mine.end(), all.begin());
  }
  void broadcast(std::span<std::byte>) override {}
  int begin_exchange(const float *mine, float *theirs, size_t count) override {
    std::copy_n(mine, count, theirs);
    return 0;
  }
  int begin_gather(const float *mine, float *all, size_t count) override { return begin_exchange(mine, all, count); }
  bool finished(int) override { return true; }
  void wait(int) override {}
  [[noreturn]] void end_all(int code) override { std::_Exit(code); }
};

// "" where nothing went wrong, else the code as one character and the message.
std::string outcome_of(const std::function<void()> &work) {
  const auto text = [](ErrorCode code, const std::string &message) {
    return static_cast<char>(static_cast<unsigned char>(code)) + message;
  };
  try {
    work();
    return "";
  } catch (const Error &error) {
    return text(error.code(), error.what());
  } catch (const std::bad_alloc &) {
    return text(ErrorCode::input_failed, "out of memory");
  } catch (const std::exception &error) {
    return text(ErrorCode::input_failed, error.what());
  }
}

}  // namespace

ProcessGroup &alone() {
  static OneProcess group;
  return group;
}

std::vector<std::string> gather_texts(ProcessGroup &group, const std::string &text) {
  const auto count = static_cast<size_t>(group.size());
  const uint64_t own = text.size();
  std::vector<uint64_t> sizes(count);
  group.gather(std::as_bytes(std::span(&own, 1)), std::as_writable_bytes(std::span(sizes)));
  const uint64_t longest = *std::max_element(sizes.begin(), sizes.end());
  std::vector<std::string> texts(count);
  if (longest == 0) return texts;
  std::string mine = text, all(count * longest, '\0');
  mine.resize(longest);
  group.gather(std::as_bytes(std::span(mine)), std::as_writable_bytes(std::span(all)));
  for (size_t i = 0; i < count; i++) texts[i] = all.substr(i * longest, sizes[i]);
  return texts;
}

bool true_in_any(ProcessGroup &group, bool value) {
  if (group.size() == 1) return value;
  const std::byte mine{static_cast<unsigned char>(value)};
  std::vector<std::byte> all(static_cast<size_t>(group.size()));
  group.gather(std::span(&mine, 1), all);
  return std::any_of(all.begin(), all.end(), [](std::byte one) { return one != std::byte{0}; });
}

void in_all(ProcessGroup &group, const std::function<void()> &work) {
  if (group.size() == 1) return work();
  const std::vector<std::string> outcomes = gather_texts(group, outcome_of(work));
  const auto first = std::find_if(outcomes.begin(), outcomes.end(), [](const auto &one) { return !one.empty(); });
  if (first == outcomes.end()) return;
  const bool same = std::all_of(outcomes.begin(), outcomes.end(), [&](const auto &one) { return one == *first; });
  const auto code = static_cast<ErrorCode>(static_cast<unsigned char>(first->front()));
  const std::string message = first->substr(1);
  throw SharedError(code, same ? message : fmt::format("process {}: {}", first - outcomes.begin(), message));
}

}  // namespace sluice
