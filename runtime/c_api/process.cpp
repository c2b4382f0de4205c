// SPDX-License-Identifier: Apache-2.0
// What concerns the whole process: version, threads, kernels, devices.
#include <string>

#include "runtime/c_api/status.h"
#include "runtime/device.h"
#include "runtime/kernel_call.h"

#define SLUICE_TEXT_OF(number) #number
#define SLUICE_TEXT(number) SLUICE_TEXT_OF(number)

using namespace sluice;
using namespace sluice::c_api;

int sluice_version(void) { return SLUICE_VERSION; }

const char *sluice_version_text(void) {
  return SLUICE_TEXT(SLUICE_VERSION_MAJOR) "." SLUICE_TEXT(SLUICE_VERSION_MINOR) "." SLUICE_TEXT(SLUICE_VERSION_PATCH);
}

sluice_status sluice_set_threads(int threads) {
  return guarded([&] { set_threads(threads); });
}

sluice_status sluice_kernel_set(const char **set) {
  return guarded([&] {
    require(set, "set");
    static const std::string isa = kernel_isa();
    *set = isa.c_str();
  });
}

sluice_status sluice_device_check(const char *device) {
  return guarded([&] {
    require(device, "device");
    const Device *found = find_device(device);
    if (found != nullptr) found->require();
    prepare_kernels();
  });
}

sluice_status sluice_leave_cuda(void *context, void *stream) {
  return guarded([&] {
    require(context, "context");
    Device::leave({context, stream});
  });
}
