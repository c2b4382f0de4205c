// SPDX-License-Identifier: Apache-2.0
// The device driver of tests for CUDA, on a GPU: Halide's runtime finds the driver's functions by name, and three of
// them are answered with functions of this file, which count and pass on.
#include <map>

#include "runtime/device.h"
#include "runtime/device_module.h"
#include "tests/device/device_driver.h"

namespace sluice::testing {
namespace {

using Handle = void *;

int launches = 0, buffers = 0;
halide_get_library_symbol_t next_symbol = nullptr;
std::map<std::string, void *> real;  // the driver's own

template <typename... Arguments>
int pass_on(const char *name, Arguments... arguments) {
  return reinterpret_cast<int (*)(Arguments...)>(real.at(name))(arguments...);
}

int allocate(uint64_t *address, size_t bytes) {
  const int code = pass_on("cuMemAlloc_v2", address, bytes);
  buffers += code == 0;
  return code;
}

int release(uint64_t address) {
  buffers--;
  return pass_on("cuMemFree_v2", address);
}

int launch(Handle function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
           unsigned block_z, unsigned shared, Handle stream, void **arguments, void **extra) {
  launches++;
  return pass_on("cuLaunchKernel", function, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared, stream,
                 arguments, extra);
}

void *watched_symbol(void *library, const char *name) {
  static const std::map<std::string, void *> watched{{"cuMemAlloc_v2", reinterpret_cast<void *>(allocate)},
                                                     {"cuMemFree_v2", reinterpret_cast<void *>(release)},
                                                     {"cuLaunchKernel", reinterpret_cast<void *>(launch)}};
  void *found = next_symbol(library, name);
  if (found == nullptr) return nullptr;
  real[name] = found;
  const auto ours = watched.find(name);
  return ours == watched.end() ? found : ours->second;
}

const Device &cuda() { return Device::open(kDevice); }

std::string name_of_gpu() {
  char name[256] = "";
  const auto get_name = reinterpret_cast<int (*)(char *, int, int)>(real.at("cuDeviceGetName"));
  return get_name(name, sizeof(name), 0) == 0 ? name : "a GPU without a name";
}

}  // namespace

const char *const kDevice = "cuda";

std::string missing_device() {
  const std::string why = cuda().missing();
  return why.empty() ? "" : "no GPU: " + why;
}

void watch_device() { next_symbol = cuda().module().set_custom_get_library_symbol(watched_symbol); }

int device_launches() { return launches; }

int device_buffers() {
  cuda().module().reuse_device_allocations(nullptr, false);  // gives back what is kept
  cuda().module().reuse_device_allocations(nullptr, true);
  return buffers;
}

std::string device_in_words() { return name_of_gpu(); }

}  // namespace sluice::testing
