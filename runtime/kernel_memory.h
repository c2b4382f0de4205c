// SPDX-License-Identifier: Apache-2.0
// What kernels need while they run: buffers of a task, stages of a call. Large ones go where the arena of the run holds
// no tensor (scratch_space.h); what finds no place there is kept for the next call, where the C library would give it
// back to the system, which then clears every page of it anew.
#pragma once

namespace sluice {

// Makes Halide's runtime allocate here. Any thread; up to 256 MB stay with the process between calls.
void keep_kernel_memory();

}  // namespace sluice
