// SPDX-License-Identifier: Apache-2.0
#include "runtime/device.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <map>
#include <mutex>

#include "runtime/device_module.h"
#include "runtime/expression.h"
#include "runtime/kernel_call.h"
#include "runtime/kernel_runtime.h"
#include "runtime/module_file.h"

namespace sluice {
namespace {

constexpr const char *kAuto = "auto";

// A machine that only runs programs may have no libcuda.so, which is for linking.
void *load_driver(const char *name) {
  void *library = ::dlopen(name, RTLD_LAZY);
  if (library == nullptr) library = ::dlopen((std::string(name) + ".1").c_str(), RTLD_LAZY);
  return library;
}

const DeviceModule &load_module(const std::string &kind) {
  const std::string file = "sluice_" + kind + ".so";
  std::string why;
  // Never closed: its runtime has threads, and drivers do not like to go.
  void *handle = open_module(file, RTLD_NOW | RTLD_LOCAL, why);
  void *entry = handle == nullptr ? nullptr : ::dlsym(handle, "sluice_device_module");
  if (entry == nullptr) {
    if (handle != nullptr) why = file + " is none";
    throw Error(ErrorCode::not_found, fmt::format("device {}: no module for it ({})", kind, why));
  }
  const DeviceModule *module = reinterpret_cast<decltype(&sluice_device_module)>(entry)();
  if (module->layout != kDeviceModuleLayout)
    throw Error(ErrorCode::not_found, fmt::format("device {}: {} is of another version", kind, file));
  return *module;
}

}  // namespace

Device::Device(const std::string &kind, const DeviceModule &module)
    : kind_(kind), module_(module), driver_(*module.driver), table_(KernelTable::linked()) {
  prepare_kernels();
  module.set_error_handler(record_error);
  module.set_custom_do_task(run_task);
  module.set_custom_load_library(load_driver);
  module.set_num_threads(halide_get_num_threads());
  module.reuse_device_allocations(nullptr, true);
  add_kernels(table_, *module.kernels);
}

const Device &Device::open(const std::string &name) {
  const size_t colon = name.find(':');
  const std::string kind = name.substr(0, colon);
  const auto number = colon == std::string::npos ? std::optional<int64_t>(-1) : as_integer(name.substr(colon + 1));
  if (kind.empty() || !number || *number < -1 || *number > 255)
    throw Error(ErrorCode::usage, fmt::format("device '{}': expected a name, or name:number", name));
  struct Opened {
    std::unique_ptr<Device> device;
    int64_t number = -1;
  };
  static std::mutex mutex;
  static auto *opened = new std::map<std::string, Opened>;  // never destroyed: threads may outlive main()
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = opened->find(kind);
  if (found != opened->end()) {
    if (*number >= 0 && *number != found->second.number)
      throw Error(ErrorCode::usage, fmt::format("device {}: this process computes on another one", name));
    return *found->second.device;
  }
  const DeviceModule &module = load_module(kind);
  if (*number >= 0) module.set_gpu_device(static_cast<int>(*number));
  Opened &one = (*opened)[kind];
  one = {std::unique_ptr<Device>(new Device(kind, module)), *number};
  return *one.device;
}

int Device::alignment() const { return module_.alignment; }

// The smallest thing to ask of it is memory.
std::string Device::missing() const {
  if (works_) return "";
  halide_dimension_t dimension(0, 1, 1);
  halide_buffer_t buffer{};
  buffer.type = halide_type_of<float>();
  buffer.dimensions = 1;
  buffer.dim = &dimension;
  CallContext context;
  const int code = driver_.device_malloc(&context, &buffer, &driver_);
  if (code == 0) {
    driver_.device_free(&context, &buffer);
    works_ = true;
    return "";
  }
  return context.error.empty() ? fmt::format("code {}", code) : context.error;
}

void Device::require() const {
  const std::string why = missing();
  if (!why.empty())
    throw Error(ErrorCode::not_found, fmt::format("device {}: no driver, or none that works ({})", kind_, why));
}

bool chooses_itself(const std::string &name) { return name == kAuto || name.starts_with(kAuto + std::string(":")); }

const Device *find_device(const std::string &name, std::string *reason) {
  if (name == "cpu") return nullptr;
  if (!chooses_itself(name)) return &Device::open(name);
  std::string why;
  try {
    const Device &device = Device::open(name == kAuto ? "cuda" : name.substr(std::string(kAuto).size() + 1));
    why = device.missing();
    if (why.empty()) return &device;
  } catch (const Error &error) {
    why = error.what();
  }
  if (reason != nullptr) *reason = why;
  return nullptr;
}

}  // namespace sluice
