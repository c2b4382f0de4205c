// SPDX-License-Identifier: Apache-2.0
// OpenCL is there for tests: one device, in Halide's own context.

namespace sluice {

extern void (*const follow_opencl_queues)();
void (*const follow_opencl_queues)() = nullptr;

}  // namespace sluice
