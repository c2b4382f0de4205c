// SPDX-License-Identifier: Apache-2.0
// What all fuzz targets share: reading a hostile input under watch, and checks that stop the process when they fail.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "weights_io/checkpoint.h"
#include "weights_io/checkpoint_formats.h"
#include "weights_io/error.h"

// Of libFuzzer; null where it isn't linked. A custom mutator may call it, for libFuzzer is what calls that.
extern "C" std::size_t __attribute__((weak)) LLVMFuzzerMutate(uint8_t *data, std::size_t size, std::size_t most);

namespace sluice::fuzz {

// The name that targets give their input: every refusal has to say it.
inline constexpr const char *kInputName = "fuzz input";

// Says what is wrong and aborts where it doesn't hold: the fuzzer then keeps the input.
void require(bool holds, const char *what);

inline std::span<const std::byte> as_bytes(const uint8_t *data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}

struct Expected {
  std::vector<ErrorCode> codes = {ErrorCode::bad_file};
  std::size_t heap_besides_file = 32u << 20;
};

// Runs `use`, which uses an input of `size` bytes. True when it returned, false when it threw an Error that is as it
// should be: one of the codes, one line that names the input. Any other exception is let through, which ends the
// process. With the address sanitizer it also ends where `use` had more heap than the input's size + 10 % + what is
// expected besides.
bool succeeds(std::size_t size, const std::function<void()> &use, const Expected &expected = {});

// The same, for the reader that the target is about: how many inputs it accepted and refused is printed at exit.
bool is_accepted(std::size_t size, const std::function<void()> &read, const Expected &expected = {});

// Opens a checkpoint by `open` and reads all of it, tensor by tensor, under watch; each accepted one is checked: sizes
// against type and shape, and that it can be written as safetensors and read back the same.
void examine_checkpoint(const uint8_t *data, std::size_t size,
                        const std::function<std::unique_ptr<Checkpoint>(SourcePointer)> &open);

}  // namespace sluice::fuzz
