// SPDX-License-Identifier: Apache-2.0
// Memory with a page behind it, or before it, that nothing may touch: reading or writing beyond an end is a fault.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <new>

#include "runtime/kernel_call.h"

namespace sluice::testing {

enum class Guard { before, behind };

class GuardedBuffer {
 public:
  // Dense, innermost extent first; every byte 0xff, which is not a number in any float.
  GuardedBuffer(const std::vector<int64_t> &extents, Guard guard) : extents_(extents) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t bytes = static_cast<size_t>(BufferView(nullptr, extents).elements()) * sizeof(float);
    const size_t inner = (bytes + page - 1) / page * page;
    size_ = inner + 2 * page;
    memory_ = mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
    char *first = static_cast<char *>(memory_) + page;
    if (inner != 0 && mprotect(first, inner, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
    std::memset(first, 0xff, inner);
    data_ = guard == Guard::before ? first : first + inner - bytes;
  }
  GuardedBuffer(const BufferView &dense, Guard guard) : GuardedBuffer(dense.extents, guard) {
    std::memcpy(data_, dense.data, static_cast<size_t>(dense.elements()) * sizeof(float));
  }
  GuardedBuffer(const GuardedBuffer &) = delete;
  ~GuardedBuffer() { munmap(memory_, size_); }

  BufferView view() const { return BufferView(data_, extents_); }

 private:
  std::vector<int64_t> extents_;
  void *memory_ = nullptr;
  size_t size_ = 0;
  char *data_ = nullptr;
};

}  // namespace sluice::testing
