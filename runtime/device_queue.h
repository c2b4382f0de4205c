// SPDX-License-Identifier: Apache-2.0
// Which of a driver's devices, contexts and streams a call computes in. Read by devices' modules: plain data.
#pragma once

namespace sluice {

// A host application's CUDA context (CUcontext) and stream (CUstream; null: the context's default one).
struct CudaHandles {
  void *context = nullptr, *stream = nullptr;
  bool operator==(const CudaHandles &) const = default;
};

struct DeviceQueue {
  int number = -1;   // of the device; -1: the driver's runtime chooses
  CudaHandles host;  // where they are given, these instead
  bool operator==(const DeviceQueue &) const = default;
};

}  // namespace sluice
