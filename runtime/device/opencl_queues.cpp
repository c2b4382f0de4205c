// SPDX-License-Identifier: Apache-2.0
// OpenCL is there for tests: one device, in Halide's own context.

namespace sluice {

extern const int opencl_alignment;
const int opencl_alignment = 128;  // of sub-buffers, in PoCL; drivers of GPUs ask for as much or more
extern void (*const follow_opencl_queues)();
void (*const follow_opencl_queues)() = nullptr;

}  // namespace sluice
