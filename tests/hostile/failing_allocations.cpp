// SPDX-License-Identifier: Apache-2.0
// The replaced functions, over those of glibc. Only the thread that counts is counted and refused.
#include "tests/hostile/failing_allocations.h"

#include <cerrno>

extern "C" {
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);
}

namespace sluice::hostile {
namespace {

struct State {
  bool counts = false;
  Failing failing = Failing::none;
  std::size_t k = 0, requests = 0;
  long live = 0;
  bool failed = false;
};

thread_local constinit State state;

// Counts a request; true where it is to fail.
bool is_refused() {
  if (!state.counts) return false;
  ++state.requests;
  const bool refused = (state.failing == Failing::one && state.requests == state.k) ||
                       (state.failing == Failing::onwards && state.requests >= state.k);
  if (!refused) return false;
  state.failed = true;
  errno = ENOMEM;
  return true;
}

void *counted(void *memory) {
  if (state.counts && memory != nullptr) ++state.live;
  return memory;
}

}  // namespace

void begin_counting(Failing failing, std::size_t k) { state = {true, failing, k, 0, 0, false}; }
void end_counting() { state.counts = false; }
std::size_t requests() { return state.requests; }
long live() { return state.live; }
bool has_failed() { return state.failed; }

}  // namespace sluice::hostile

using sluice::hostile::counted;
using sluice::hostile::is_refused;

extern "C" {

void *malloc(size_t size) { return is_refused() ? nullptr : counted(__libc_malloc(size)); }

void *calloc(size_t count, size_t size) { return is_refused() ? nullptr : counted(__libc_calloc(count, size)); }

void *realloc(void *memory, size_t size) {
  if (is_refused()) return nullptr;
  void *const result = __libc_realloc(memory, size);
  return memory == nullptr ? counted(result) : result;
}

void *memalign(size_t alignment, size_t size) {
  return is_refused() ? nullptr : counted(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
  void *const result = memalign(alignment, size);
  if (result == nullptr) return ENOMEM;
  *memory = result;
  return 0;
}

void free(void *memory) {
  if (sluice::hostile::state.counts && memory != nullptr) --sluice::hostile::state.live;
  __libc_free(memory);
}

}  // extern "C"
