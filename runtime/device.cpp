// SPDX-License-Identifier: Apache-2.0
#include "runtime/device.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
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

bool program_trains() {
  const std::vector<Kernel> &kernels = KernelTable::linked().kernels();
  return std::any_of(kernels.begin(), kernels.end(), [](const Kernel &one) { return one.direction == "backward"; });
}

// For a program that trains one with backward kernels, where there is one.
const DeviceModule &load_module(const std::string &kind) {
  std::string file = "sluice_" + kind + "_training.so", why;
  // Never closed: its runtime has threads, and drivers do not like to go.
  void *handle = program_trains() ? open_module(file, RTLD_NOW | RTLD_LOCAL, why) : nullptr;
  if (handle == nullptr) {
    file = "sluice_" + kind + ".so";
    handle = open_module(file, RTLD_NOW | RTLD_LOCAL, why);
  }
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

// A module that is loaded, and the devices of it that were asked for.
struct Device::Kind {
  explicit Kind(const DeviceModule &loaded) : module(loaded), table(KernelTable::linked()) {
    prepare_kernels();
    module.set_error_handler(record_error);
    module.set_custom_do_task(run_task);
    module.set_custom_load_library(load_driver);
    module.set_num_threads(halide_get_num_threads());
    module.reuse_device_allocations(nullptr, true);
    if (module.follow_queues != nullptr) module.follow_queues();
    for (const auto *kernels : {module.kernels, module.training_kernels}) {
      if (kernels != nullptr) add_kernels(table, *kernels);
    }
  }

  const DeviceModule &module;
  KernelTable table;
  struct Opened {
    DeviceQueue queue;
    std::unique_ptr<Device> device;
  };
  std::vector<Opened> opened;
};

Device::Device(const std::string &name, const Kind &kind, const DeviceQueue &queue)
    : kind_(name), module_(kind.module), driver_(*kind.module.driver), table_(kind.table), queue_(queue) {}

namespace {

std::mutex devices_mutex;

}  // namespace

Device::Kinds &Device::kinds() {
  static auto *kinds = new Kinds;  // never destroyed: threads may outlive main()
  return *kinds;
}

Device::Kind &Device::kind_of(const std::string &name, const LinkedModules *linked) {
  const DeviceModule *module = nullptr;
  if (linked != nullptr) {
    const auto found =
        std::find_if(linked->begin(), linked->end(), [&](const DeviceModule *one) { return one->name == name; });
    if (found == linked->end())
      throw Error(ErrorCode::not_found, fmt::format("device {}: this library has no kernels for it", name));
    module = *found;
  }
  std::unique_ptr<Kind> &kind = kinds()[{name, module}];
  if (kind == nullptr) kind = std::make_unique<Kind>(module == nullptr ? load_module(name) : *module);
  return *kind;
}

const Device &Device::open(const std::string &name, const CudaHandles &host, const LinkedModules *linked) {
  const size_t colon = name.find(':');
  const std::string kind_name = name.substr(0, colon);
  const auto number = colon == std::string::npos ? std::optional<int64_t>(-1) : as_integer(name.substr(colon + 1));
  if (kind_name.empty() || !number || *number < -1 || *number > 255)
    throw Error(ErrorCode::usage, fmt::format("device '{}': expected a name, or name:number", name));
  const bool hosted = host.context != nullptr;
  if ((hosted && (kind_name != "cuda" || *number >= 0)) || (!hosted && host.stream != nullptr))
    throw Error(ErrorCode::usage,
                fmt::format("device {}: a context is for device cuda, a stream for its context", name));
  const std::lock_guard<std::mutex> lock(devices_mutex);
  Kind &kind = kind_of(kind_name, linked);
  const DeviceQueue queue{static_cast<int>(*number), host};
  for (const Kind::Opened &one : kind.opened) {
    if (one.queue == queue) return *one.device;
  }
  if (kind.module.follow_queues == nullptr && !kind.opened.empty() && *number >= 0)
    throw Error(ErrorCode::usage, fmt::format("device {}: this process computes on another one", name));
  if (kind.module.follow_queues == nullptr && *number >= 0) kind.module.set_gpu_device(queue.number);
  kind.opened.push_back({queue, std::unique_ptr<Device>(new Device(kind_name, kind, queue))});
  return *kind.opened.back().device;
}

void Device::leave(const CudaHandles &host) {
  if (host.context == nullptr)
    throw Error(ErrorCode::usage, "device cuda: only a context of the application's is left");
  const std::lock_guard<std::mutex> lock(devices_mutex);
  std::string failed;
  for (auto &entry : kinds()) {
    if (entry.first.first != "cuda") continue;
    std::erase_if(entry.second->opened, [&](const Kind::Opened &one) {
      if (!(one.queue.host == host)) return false;
      CallContext context = one.device->call_context();
      one.device->driver_.device_release(&context, &one.device->driver_);
      failed += context.error;
      return true;
    });
  }
  if (!failed.empty()) throw DeviceError("device cuda: release failed: " + failed);
}

CallContext Device::call_context() const {
  CallContext context;
  context.queue = &queue_;
  return context;
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
  CallContext context = call_context();
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

const Device *find_device(const std::string &name, std::string *reason, const CudaHandles &host,
                          const LinkedModules *linked) {
  if (name == "cpu" && host != CudaHandles{})
    throw Error(ErrorCode::usage, "device cpu: a CUDA context or stream is given, which is for device cuda");
  if (name == "cpu") return nullptr;
  if (!chooses_itself(name)) return &Device::open(name, host, linked);
  std::string why;
  try {
    const Device &device =
        Device::open(name == kAuto ? "cuda" : name.substr(std::string(kAuto).size() + 1), host, linked);
    why = device.missing();
    if (why.empty()) return &device;
  } catch (const Error &error) {
    why = error.what();
  }
  if (reason != nullptr) *reason = why;
  return nullptr;
}

}  // namespace sluice
