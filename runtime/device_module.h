// SPDX-License-Identifier: Apache-2.0
// What a device's module, sluice_<device>.so or sluice_<device>_training.so beside the program, gives the program that
// loads it: kernels, and the functions of the Halide runtime they were built with, which is the module's own. Data and
// plain functions only.
#pragma once
#include <HalideRuntime.h>

#include "runtime/kernel_data.h"

namespace sluice {

constexpr int kDeviceModuleLayout = 4;  // of this file, kernel_data.h, device_queue.h and CallContext

struct DeviceModule {
  int layout;
  const char *name;                          // as in --device
  const Rows<KernelData> *kernels;           // null: they are part of a table of the program's
  const Rows<KernelData> *training_kernels;  // null: a module without
  const halide_device_interface_t *driver;
  int alignment;  // bytes: kernels take a buffer that begins at multiples of it within an allocation

  // See HalideRuntime.h.
  halide_error_handler_t (*set_error_handler)(halide_error_handler_t);
  halide_do_task_t (*set_custom_do_task)(halide_do_task_t);
  halide_load_library_t (*set_custom_load_library)(halide_load_library_t);
  halide_get_library_symbol_t (*set_custom_get_library_symbol)(halide_get_library_symbol_t);
  int (*set_num_threads)(int);
  void (*set_gpu_device)(int);
  int (*reuse_device_allocations)(void *user_context, bool reuse);
  // Makes the calls compute where CallContext::queue says; null: a process computes on one device, set_gpu_device's.
  void (*follow_queues)();
};

}  // namespace sluice

// The one symbol of a module.
extern "C" __attribute__((visibility("default"))) const sluice::DeviceModule *sluice_device_module();
