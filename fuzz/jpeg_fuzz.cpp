// SPDX-License-Identifier: Apache-2.0
// Fuzz target: JPEG files.
#include "fuzz/examine.h"
#include "fuzz/examine_picture.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, std::size_t size) {
  using namespace sluice;
  fuzz::examine_picture(data, size, decode_jpeg, [](const Picture &picture) {
    fuzz::require(picture.bits == 8 && !picture.has_alpha(), "a JPEG has 8 bits and no alpha");
    const Picture again = decode_jpeg(encode_jpeg(picture, 90, fuzz::kInputName), fuzz::kInputName);
    fuzz::require(again.width == picture.width && again.height == picture.height && again.channels == picture.channels,
                  "what was accepted can be written and read back with the same size");
  });
  return 0;
}
