// SPDX-License-Identifier: Apache-2.0
// Looks over the shoulder of Halide's runtime as it calls the OpenCL driver: what ran where, what memory is held, and
// calls that are made to fail.
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "runtime/model.h"

namespace sluice::testing {

// The device's kernels, beside those of the CPU.
const KernelTable &device_kernels();

// A model that computes there.
LoadOptions on_opencl();

// Runs, and sees to it that every layer started a kernel on the device and that nothing but the weights stays there.
TensorMap run_on_opencl(const Model &model, const TensorMap &inputs, RunOptions options = {});

// Why no OpenCL kernel can run on this machine; empty if one can. Asks the driver, not Halide.
std::string missing_opencl();

// Tests that need it.
template <class Base>
class WithOpenCl : public Base {
 protected:
  void SetUp() override {
    const std::string missing = missing_opencl();
    if (!missing.empty()) GTEST_SKIP() << missing;
  }
};

// To be called before the first OpenCL kernel of the process.
void watch_opencl();

int opencl_launches();        // kernels started so far
int opencl_buffers();         // references to device buffers held now
std::string opencl_device();  // the device that the last kernel was started on: its name, and its platform's

// The `count`-th call from now of one of the watched functions fails: clCreateBuffer, clEnqueueNDRangeKernel,
// clEnqueueReadBuffer, clEnqueueWriteBuffer.
void fail_opencl_call(const std::string &function, int count = 1);

}  // namespace sluice::testing
