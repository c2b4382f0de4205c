// SPDX-License-Identifier: Apache-2.0
// What Sluice puts into a Halide runtime: the program's, and that of every device's module.
#pragma once
#include <HalideRuntime.h>

namespace sluice {

// Keeps the message in the CallContext that is the call's user_context.
void record_error(void *user_context, const char *message);
// Runs a task unless the call is cancelled.
int run_task(void *user_context, halide_task_t task, int index, uint8_t *closure);

}  // namespace sluice
