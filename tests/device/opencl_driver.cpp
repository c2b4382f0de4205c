// SPDX-License-Identifier: Apache-2.0
// Halide's runtime finds the driver's functions by name; some names are answered with functions of this file, which
// count and pass on. OpenCL's own headers are not needed: its handles are pointers, its numbers fixed.
#include "tests/device/opencl_driver.h"

#include <dlfcn.h>

#include <cstdint>
#include <map>

#include "runtime/device.h"
#include "runtime/device_module.h"

// Read by the leak sanitizer where there is one: what PoCL and the loader never free.
extern "C" const char *__lsan_default_suppressions() { return "leak:libpocl\nleak:libOpenCL\n"; }

namespace sluice::testing {
namespace {

using Handle = void *;
constexpr int32_t kOutOfResources = -5;
constexpr uint64_t kAllDevices = 0xFFFFFFFF;
constexpr uint32_t kPlatformName = 0x0902, kDeviceName = 0x102B, kDevicePlatform = 0x1031, kQueueDevice = 0x1091;

int launches = 0, buffers = 0;
std::string device;
std::map<std::string, int> failures;  // function -> calls until one fails
halide_get_library_symbol_t next_symbol = nullptr;

void *driver() {
  static void *library = dlopen("libOpenCL.so", RTLD_LAZY);
  return library;
}

// Information of an object as text or handle, by one of clGet<Object>Info.
template <typename Value>
void ask(const char *function, Handle object, uint32_t what, size_t size, Value *value) {
  reinterpret_cast<int32_t (*)(Handle, uint32_t, size_t, void *, size_t *)>(dlsym(driver(), function))(
      object, what, size, value, nullptr);
}

std::string describe_device(Handle queue) {
  Handle where = nullptr, platform = nullptr;
  char name[256] = "", platform_name[256] = "";
  ask("clGetCommandQueueInfo", queue, kQueueDevice, sizeof(where), &where);
  ask("clGetDeviceInfo", where, kDeviceName, sizeof(name), name);
  ask("clGetDeviceInfo", where, kDevicePlatform, sizeof(platform), &platform);
  ask("clGetPlatformInfo", platform, kPlatformName, sizeof(platform_name), platform_name);
  return std::string(name) + " (" + platform_name + ")";
}

bool fails(const std::string &function) {
  const auto planned = failures.find(function);
  return planned != failures.end() && --planned->second == 0;
}

template <typename Function>
Function real(const char *name) {
  return reinterpret_cast<Function>(dlsym(driver(), name));
}

Handle create_buffer(Handle context, uint64_t flags, size_t size, void *host, int32_t *error) {
  if (fails("clCreateBuffer")) {
    if (error != nullptr) *error = kOutOfResources;
    return nullptr;
  }
  const Handle made = real<decltype(&create_buffer)>("clCreateBuffer")(context, flags, size, host, error);
  buffers += made != nullptr;
  return made;
}

Handle create_sub_buffer(Handle whole, uint64_t flags, uint32_t kind, const void *region, int32_t *error) {
  const Handle made = real<decltype(&create_sub_buffer)>("clCreateSubBuffer")(whole, flags, kind, region, error);
  buffers += made != nullptr;
  return made;
}

int32_t retain_buffer(Handle buffer) {
  buffers++;
  return real<decltype(&retain_buffer)>("clRetainMemObject")(buffer);
}

int32_t release_buffer(Handle buffer) {
  buffers--;
  return real<decltype(&release_buffer)>("clReleaseMemObject")(buffer);
}

int32_t launch(Handle queue, Handle kernel, uint32_t dimensions, const size_t *offset, const size_t *global,
               const size_t *local, uint32_t waits, const Handle *wait, Handle *event) {
  if (fails("clEnqueueNDRangeKernel")) return kOutOfResources;
  launches++;
  device = describe_device(queue);
  return real<decltype(&launch)>("clEnqueueNDRangeKernel")(queue, kernel, dimensions, offset, global, local, waits,
                                                           wait, event);
}

int32_t read_buffer(Handle queue, Handle buffer, uint32_t blocking, size_t offset, size_t size, void *to,
                    uint32_t waits, const Handle *wait, Handle *event) {
  if (fails("clEnqueueReadBuffer")) return kOutOfResources;
  return real<decltype(&read_buffer)>("clEnqueueReadBuffer")(queue, buffer, blocking, offset, size, to, waits, wait,
                                                             event);
}

int32_t write_buffer(Handle queue, Handle buffer, uint32_t blocking, size_t offset, size_t size, const void *from,
                     uint32_t waits, const Handle *wait, Handle *event) {
  if (fails("clEnqueueWriteBuffer")) return kOutOfResources;
  return real<decltype(&write_buffer)>("clEnqueueWriteBuffer")(queue, buffer, blocking, offset, size, from, waits, wait,
                                                               event);
}

void *watched_symbol(void *library, const char *name) {
  const std::map<std::string, void *> watched{{"clCreateBuffer", reinterpret_cast<void *>(create_buffer)},
                                              {"clCreateSubBuffer", reinterpret_cast<void *>(create_sub_buffer)},
                                              {"clRetainMemObject", reinterpret_cast<void *>(retain_buffer)},
                                              {"clReleaseMemObject", reinterpret_cast<void *>(release_buffer)},
                                              {"clEnqueueNDRangeKernel", reinterpret_cast<void *>(launch)},
                                              {"clEnqueueReadBuffer", reinterpret_cast<void *>(read_buffer)},
                                              {"clEnqueueWriteBuffer", reinterpret_cast<void *>(write_buffer)}};
  const auto found = watched.find(name);
  return found != watched.end() && driver() != nullptr ? found->second : next_symbol(library, name);
}

}  // namespace

const char *const kDevice = "opencl";

std::string missing_device() {
  if (driver() == nullptr) return "libOpenCL.so is not found (Debian's ocl-icd-opencl-dev has it)";
  uint32_t count = 0;
  real<int32_t (*)(uint32_t, Handle *, uint32_t *)>("clGetPlatformIDs")(0, nullptr, &count);
  if (count == 0) return "no OpenCL driver is installed (Debian's pocl-opencl-icd is one for CPUs)";
  Handle platform = nullptr;
  real<int32_t (*)(uint32_t, Handle *, uint32_t *)>("clGetPlatformIDs")(1, &platform, nullptr);
  count = 0;
  using GetDevices = int32_t (*)(Handle, uint64_t, uint32_t, Handle *, uint32_t *);
  real<GetDevices>("clGetDeviceIDs")(platform, kAllDevices, 0, nullptr, &count);
  return count != 0 ? "" : "the OpenCL driver has no device";
}

void watch_device() { next_symbol = Device::open(kDevice).module().set_custom_get_library_symbol(watched_symbol); }

int device_launches() { return launches; }
int device_buffers() { return buffers; }
std::string device_in_words() { return device; }
void fail_opencl_call(const std::string &function, int count) { failures[function] = count; }

}  // namespace sluice::testing
