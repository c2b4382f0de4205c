// SPDX-License-Identifier: Apache-2.0
// Fuzz target: streams of PyTorch before 1.6.
#include "fuzz/examine.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, std::size_t size) {
  sluice::fuzz::examine_checkpoint(data, size, sluice::open_torch_legacy);
  return 0;
}
