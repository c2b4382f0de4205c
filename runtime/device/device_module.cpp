// SPDX-License-Identifier: Apache-2.0
// A device's module. Compiled once a device, with SLUICE_DEVICE its name.
#include "runtime/device_module.h"

#include <HalideRuntimeCuda.h>
#include <HalideRuntimeOpenCL.h>

#define SLUICE_JOINED(before, name, after) before##name##after
#define SLUICE_JOIN(before, name, after) SLUICE_JOINED(before, name, after)
#define SLUICE_TEXT_OF(name) #name
#define SLUICE_TEXT(name) SLUICE_TEXT_OF(name)

namespace sluice {

extern const Rows<KernelData> SLUICE_JOIN(, SLUICE_DEVICE, _kernels);
extern void (*const SLUICE_JOIN(follow_, SLUICE_DEVICE, _queues))();  // <device>_queues.cpp

}  // namespace sluice

const sluice::DeviceModule *sluice_device_module() {
  static const sluice::DeviceModule module{sluice::kDeviceModuleLayout,
                                           SLUICE_TEXT(SLUICE_DEVICE),
                                           &sluice::SLUICE_JOIN(, SLUICE_DEVICE, _kernels),
                                           SLUICE_JOIN(halide_, SLUICE_DEVICE, _device_interface)(),
                                           SLUICE_ALIGNMENT,
                                           halide_set_error_handler,
                                           halide_set_custom_do_task,
                                           halide_set_custom_load_library,
                                           halide_set_custom_get_library_symbol,
                                           halide_set_num_threads,
                                           halide_set_gpu_device,
                                           halide_reuse_device_allocations,
                                           sluice::SLUICE_JOIN(follow_, SLUICE_DEVICE, _queues)};
  return &module;
}
