// SPDX-License-Identifier: Apache-2.0
// Fuzz target: PNG files. Mutations mend the checksums of chunks, or hardly one would be read.
#include <zlib.h>

#include "fuzz/examine.h"
#include "fuzz/examine_picture.h"

namespace {

constexpr std::size_t kSignature = 8, kAround = 12;  // bytes: of the file's signature; of a chunk besides its data

uint32_t big_endian(const uint8_t *at) {
  return uint32_t{at[0]} << 24 | uint32_t{at[1]} << 16 | uint32_t{at[2]} << 8 | at[3];
}

void mend_checksums(uint8_t *data, std::size_t size) {
  for (std::size_t at = kSignature; at < size && size - at >= kAround;) {
    const std::size_t length = big_endian(data + at);
    if (length > size - at - kAround) return;
    const auto sum = static_cast<uint32_t>(::crc32_z(0, data + at + 4, length + 4));
    for (std::size_t i = 0; i < 4; ++i) data[at + 8 + length + i] = static_cast<uint8_t>(sum >> (24 - 8 * i));
    at += length + kAround;
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(uint8_t *data, std::size_t size, std::size_t most, unsigned seed) {
  const std::size_t mutated = LLVMFuzzerMutate(data, size, most);
  if (seed % 8 != 0) mend_checksums(data, mutated);
  return mutated;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, std::size_t size) {
  using namespace sluice;
  fuzz::examine_picture(data, size, decode_png, [](const Picture &picture) {
    const Picture again = decode_png(encode_png(picture, fuzz::kInputName), fuzz::kInputName);
    fuzz::require(again.samples == picture.samples && again.width == picture.width &&
                      again.channels == picture.channels && again.bits == picture.bits,
                  "what was accepted can be written and read back the same");
  });
  return 0;
}
