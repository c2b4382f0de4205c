// SPDX-License-Identifier: Apache-2.0
// What tests ask of the device that they run on, which the program they are linked into chooses: OpenCL
// (opencl_driver.cpp) or CUDA (cuda_driver.cpp). Each looks over the shoulder of Halide's runtime as it calls the
// driver: what ran where, and what memory is held.
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "runtime/model.h"

namespace sluice::testing {

extern const char *const kDevice;  // "opencl" or "cuda"

// Why no kernel can run on it here; empty if one can.
std::string missing_device();
// To be called before the first kernel of the process.
void watch_device();

int device_launches();          // kernels started so far
int device_buffers();           // references to device buffers held now, but for memory kept for later runs
std::string device_in_words();  // that the last kernel was started on

// ---- the same for any device (device_run.cpp)

// The device's kernels, beside those of the CPU.
const KernelTable &device_kernels();
// A model that computes there.
LoadOptions on_device();
// Runs, and sees to it that every layer started a kernel on the device and that nothing but the weights stays there.
TensorMap run_on_device(const Model &model, const TensorMap &inputs, RunOptions options = {});

// Tests that need it.
template <class Base>
class WithDevice : public Base {
 protected:
  void SetUp() override {
    const std::string missing = missing_device();
    if (!missing.empty()) GTEST_SKIP() << missing;
  }
};

}  // namespace sluice::testing
