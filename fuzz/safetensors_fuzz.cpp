// SPDX-License-Identifier: Apache-2.0
// Fuzz target: safetensors files.
#include "fuzz/examine.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, std::size_t size) {
  sluice::fuzz::examine_checkpoint(data, size, sluice::open_safetensors_checkpoint);
  return 0;
}
