// SPDX-License-Identifier: Apache-2.0
// What every function of the C API does: exceptions become a status and this thread's message, structs of any age are
// read and written.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>

#include "runtime/c_api/sluice.h"
#include "weights_io/error.h"

namespace sluice::c_api {

// Of the exception that is being handled; its message becomes this thread's. Never throws.
sluice_status status_of_exception() noexcept;

template <typename Work>
sluice_status guarded(const Work &work) noexcept {
  try {
    work();
    return SLUICE_OK;
  } catch (...) {
    return status_of_exception();
  }
}

// Error(usage) for a null pointer.
inline void require(const void *pointer, const char *what) {
  if (pointer == nullptr) throw Error(ErrorCode::usage, fmt::format("{} is null", what));
}

constexpr std::size_t kMostStructBytes = 4096;  // what is larger was never initialised

// Error(usage) unless the caller's struct says how large it is, and has nothing set that this library does not know.
void check_struct(const void *given, std::size_t struct_size, std::size_t known_size, const char *type);

// The caller's struct as this library knows it: what an older caller does not have is zero. Null: all zeros.
template <typename T>
T known_struct(const T *given, const char *type) {
  T known{};
  known.struct_size = sizeof(T);
  if (given == nullptr) return known;
  const std::size_t size = given->struct_size;
  check_struct(given, size, sizeof(T), type);
  std::memcpy(&known, given, std::min(size, sizeof(T)));
  known.struct_size = sizeof(T);
  return known;
}

// Writes the members that the caller's struct has; its struct_size stays.
template <typename T>
void write_struct(const T &value, T *given, const char *type) {
  require(given, type);
  const std::size_t size = given->struct_size;
  check_struct(given, size, sizeof(T), type);
  std::memcpy(given, &value, std::min(size, sizeof(T)));
  given->struct_size = size;
}

// Zeros, and the size.
template <typename T>
sluice_status init_struct(T *given, std::size_t struct_size, const char *type) noexcept {
  return guarded([&] {
    require(given, type);
    if (struct_size < sizeof(std::size_t) || struct_size > kMostStructBytes)
      throw Error(ErrorCode::usage, fmt::format("{}: struct_size {} is not its sizeof", type, struct_size));
    std::memset(static_cast<void *>(given), 0, struct_size);
    given->struct_size = struct_size;
  });
}

}  // namespace sluice::c_api
