// SPDX-License-Identifier: Apache-2.0
// A device's module. Compiled once a device, with SLUICE_DEVICE its name. With SLUICE_LINKED_MODULE for programs that
// it is part of, linked_<device>_module (sluice_add_model): then the kernels are in a table of the program's.
#include "runtime/device_module.h"

#include <HalideRuntimeCuda.h>
#include <HalideRuntimeOpenCL.h>

#define SLUICE_JOINED(before, name, after) before##name##after
#define SLUICE_JOIN(before, name, after) SLUICE_JOINED(before, name, after)
#define SLUICE_TEXT_OF(name) #name
#define SLUICE_TEXT(name) SLUICE_TEXT_OF(name)

namespace sluice {

extern const Rows<KernelData> SLUICE_JOIN(, SLUICE_DEVICE, _kernels);
extern const Rows<KernelData> SLUICE_JOIN(, SLUICE_DEVICE, _training_kernels);
extern const int SLUICE_JOIN(, SLUICE_DEVICE, _alignment);            // bytes: <device>_queues.cpp
extern void (*const SLUICE_JOIN(follow_, SLUICE_DEVICE, _queues))();  // <device>_queues.cpp

namespace {

DeviceModule module_of(const Rows<KernelData> *kernels, const Rows<KernelData> *training_kernels) {
  return {kDeviceModuleLayout,
          SLUICE_TEXT(SLUICE_DEVICE),
          kernels,
          training_kernels,
          SLUICE_JOIN(halide_, SLUICE_DEVICE, _device_interface)(),
          SLUICE_JOIN(, SLUICE_DEVICE, _alignment),
          halide_set_error_handler,
          halide_set_custom_do_task,
          halide_set_custom_load_library,
          halide_set_custom_get_library_symbol,
          halide_set_num_threads,
          halide_set_gpu_device,
          halide_reuse_device_allocations,
          SLUICE_JOIN(follow_, SLUICE_DEVICE, _queues)};
}

}  // namespace

#ifdef SLUICE_LINKED_MODULE
const DeviceModule &SLUICE_JOIN(linked_, SLUICE_DEVICE, _module)() {
  static const DeviceModule module = module_of(nullptr, nullptr);
  return module;
}
#endif

}  // namespace sluice

#ifndef SLUICE_LINKED_MODULE
const sluice::DeviceModule *sluice_device_module() {
#ifdef SLUICE_TRAINING_MODULE
  constexpr auto *training = &sluice::SLUICE_JOIN(, SLUICE_DEVICE, _training_kernels);
#else
  constexpr sluice::Rows<sluice::KernelData> *training = nullptr;
#endif
  static const sluice::DeviceModule module =
      sluice::module_of(&sluice::SLUICE_JOIN(, SLUICE_DEVICE, _kernels), training);
  return &module;
}
#endif
