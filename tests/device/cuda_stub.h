// SPDX-License-Identifier: Apache-2.0
// Stands in for the CUDA driver: memory is the host's, kernels are not run but what is launched is looked at. So the
// part of CUDA's way that is ours and Halide's, allocations, copies, modules, arguments, shapes of launches, runs on
// any machine.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/device_queue.h"
#include "runtime/model.h"

namespace sluice::testing {

struct CudaLaunch {
  uint64_t image = 0;  // FNV-1a of the PTX the kernel is of, without line ends at its end
  std::string entry;
  unsigned grid[3]{}, block[3]{}, shared = 0;  // shared: bytes a block
  CudaHandles in;
};

inline LoadOptions on_cuda(const std::string &device = "cuda") {
  LoadOptions options;
  options.device = device;
  return options;
}

// To be called before the first CUDA kernel of the process. What is wrong with a call is a failure of the running test.
void stand_in_for_cuda();

const std::vector<CudaLaunch> &cuda_launches();
int cuda_allocations();                          // held now
int cuda_allocations_of(const void *context);    // of them
const void *primary_context(int device);         // of a device, 0 or 1
int64_t cuda_taken();                            // bytes of all allocations, so far
int64_t cuda_copied(bool up);                    // bytes, so far
const std::map<std::string, int> &cuda_calls();  // by function, so far
// The `count`-th call from now of the function fails, as for want of memory.
void fail_cuda_call(const std::string &function, int count = 1);

}  // namespace sluice::testing
