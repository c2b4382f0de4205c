// SPDX-License-Identifier: Apache-2.0
// The watch over one input: exceptions, messages, heap.
#include "fuzz/examine.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLUICE_WATCH_HEAP 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SLUICE_WATCH_HEAP 1
#endif
#ifdef SLUICE_WATCH_HEAP
// As <sanitizer/allocator_interface.h> has them, which GCC doesn't bring.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, std::size_t),
                                                         void (*on_free)(const volatile void *));
extern "C" std::size_t __sanitizer_get_allocated_size(const volatile void *block);
#endif

namespace sluice::fuzz {
namespace {

struct Totals {
  uint64_t accepted = 0, refused = 0;
  // tools/fuzz.py reads this line.
  ~Totals() {
    std::fprintf(stderr, "inputs accepted: %llu refused: %llu\n", static_cast<unsigned long long>(accepted),
                 static_cast<unsigned long long>(refused));
  }
};
Totals totals;

// ---- heap in use while an input is read

#ifdef SLUICE_WATCH_HEAP
std::atomic<int64_t> in_use = 0;
std::atomic<int64_t> most = 0;
std::atomic<bool> watching = false;

void on_allocation(const volatile void *, std::size_t bytes) {
  if (!watching) return;
  const int64_t now = in_use += static_cast<int64_t>(bytes);
  if (now > most) most = now;
}

void on_release(const volatile void *block) {
  if (watching && block != nullptr) {
    in_use -= static_cast<int64_t>(__sanitizer_get_allocated_size(block));
  }
}

class HeapWatch {
 public:
  HeapWatch() {
    [[maybe_unused]] static const int hooked = __sanitizer_install_malloc_and_free_hooks(on_allocation, on_release);
    in_use = most = 0;
    watching = true;
  }
  ~HeapWatch() { watching = false; }
  HeapWatch(const HeapWatch &) = delete;
  HeapWatch &operator=(const HeapWatch &) = delete;
};
std::size_t most_heap() { return static_cast<std::size_t>(most.load()); }
#else
struct HeapWatch {
  HeapWatch() {}  // not trivial, or the variable would be called unused
  ~HeapWatch() {}
};
std::size_t most_heap() { return 0; }
#endif

bool is_one_line(std::string_view message) {
  return std::none_of(message.begin(), message.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

}  // namespace

void require(bool holds, const char *what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

bool succeeds(std::size_t size, const std::function<void()> &use, const Expected &expected) {
  bool done = false;
  try {
    const HeapWatch watch;
    use();
    done = true;
  } catch (const Error &error) {
    const std::string_view message = error.what();
    const bool has_code = std::find(expected.codes.begin(), expected.codes.end(), error.code()) != expected.codes.end();
    if (!has_code || !is_one_line(message) || message.find(kInputName) == std::string_view::npos) {
      std::fprintf(stderr, "code %d: %s\n", static_cast<int>(error.code()), error.what());
      require(false, "a refusal is one line that names the input, with an expected code");
    }
  }
  const std::size_t limit = size + size / 10 + expected.heap_besides_file;
  if (most_heap() > limit) std::fprintf(stderr, "heap: %zu bytes, at most %zu\n", most_heap(), limit);
  require(most_heap() <= limit, "reading takes no more heap than it may");
  return done;
}

bool is_accepted(std::size_t size, const std::function<void()> &read, const Expected &expected) {
  const bool accepted = succeeds(size, read, expected);
  ++(accepted ? totals.accepted : totals.refused);
  return accepted;
}

}  // namespace sluice::fuzz
