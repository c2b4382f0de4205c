// SPDX-License-Identifier: Apache-2.0
// Fuzz target: zip archives of PyTorch 1.6 and later. Mutations mend the checksums of entries, or most of what is read
// would be damaged; pickle_fuzz.cpp is about what stands in data.pkl.
#include <zlib.h>

#include <span>

#include "fuzz/examine.h"

namespace {

constexpr std::size_t kLocal = 30, kCentral = 46, kEnd = 22;  // bytes of the records without names

uint64_t number(std::span<const uint8_t> file, std::size_t at, std::size_t bytes) {
  uint64_t value = 0;
  for (std::size_t i = bytes; i-- > 0;) value = value << 8 | file[at + i];
  return value;
}

void put_crc(std::span<uint8_t> file, std::size_t at, uint64_t crc) {
  for (std::size_t i = 0; i < 4; ++i) file[at + i] = static_cast<uint8_t>(crc >> (8 * i));
}

// The entry whose record in the directory is at `at`.
void mend_entry(std::span<uint8_t> file, std::size_t at) {
  const uint64_t bytes = number(file, at + 20, 4), local = number(file, at + 42, 4);
  if (local > file.size() || file.size() - local < kLocal) return;
  const uint64_t begin = local + kLocal + number(file, local + 26, 2) + number(file, local + 28, 2);
  if (begin > file.size() || bytes > file.size() - begin) return;
  const uint64_t crc = ::crc32_z(0, file.data() + begin, bytes);
  put_crc(file, at + 16, crc);
  if (number(file, local + 14, 4) != 0) put_crc(file, local + 14, crc);
}

void mend_checksums(std::span<uint8_t> file) {
  for (std::size_t end = file.size() < kEnd ? 0 : file.size() - kEnd + 1; end-- > 0;) {
    if (number(file, end, 4) != 0x06054b50) continue;
    std::size_t at = number(file, end + 16, 4);
    while (at < end && end - at >= kCentral && number(file, at, 4) == 0x02014b50) {
      mend_entry(file, at);
      at += kCentral + number(file, at + 28, 2) + number(file, at + 30, 2) + number(file, at + 32, 2);
    }
    return;
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(uint8_t *data, std::size_t size, std::size_t most, unsigned seed) {
  const std::size_t mutated = LLVMFuzzerMutate(data, size, most);
  if (seed % 8 != 0) mend_checksums({data, mutated});
  return mutated;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, std::size_t size) {
  sluice::fuzz::examine_checkpoint(data, size, sluice::open_torch_zip);
  return 0;
}
