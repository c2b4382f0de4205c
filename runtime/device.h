// SPDX-License-Identifier: Apache-2.0
// A device besides the CPU: its kernels and its driver, from a module beside the program.
#pragma once
#include <HalideRuntime.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/kernel_call.h"
#include "runtime/kernel_table.h"
#include "weights_io/error.h"

namespace sluice {

struct DeviceModule;

// Those that are part of the program, as sluice_add_model (cmake/model) makes them, instead of files beside it. Their
// kernels are in tables of their own.
using LinkedModules = std::vector<const DeviceModule *>;

// What the driver refused or could not do: a launch that failed, no memory left.
class DeviceError : public Error {
 public:
  explicit DeviceError(const std::string &message) : Error(ErrorCode::input_failed, message) {}
};

class Device {
 public:
  // "cuda", or "cuda:1" for the second one of this machine, in that one's primary context; with `host`, in the CUDA
  // context and stream of the application. Models on several may live in one process; of other kinds a process computes
  // on one. Loads the module where that has not been done; nothing is asked of the driver. The device lives as long as
  // the process. Error not_found without the module, usage for what the kind can't do. `linked`: of these modules, and
  // no other.
  static const Device &open(const std::string &name, const CudaHandles &host = {},
                            const LinkedModules *linked = nullptr);
  // What is kept for a context of the application's (memory, modules) is given back, before it destroys the context; so
  // is memory that is kept for later runs in others. No model of it may be left, and none may run meanwhile.
  static void leave(const CudaHandles &host);

  const std::string &kind() const { return kind_; }  // as kernels name it: "cuda"
  // Every layer's schema; the CPU's kernels and the device's.
  const KernelTable &table() const { return table_; }
  const DeviceModule &module() const { return module_; }
  const halide_device_interface_t &driver() const { return driver_; }
  int alignment() const;
  // For a call to the driver, or of a kernel, of this device.
  CallContext call_context() const;

  // Why nothing can be computed there, in the driver's words; empty if it can. Starts the driver, and asks it no more
  // once it has answered well.
  std::string missing() const;
  // Error not_found, saying so.
  void require() const;

 private:
  struct Kind;
  using Kinds = std::map<std::pair<std::string, const DeviceModule *>, std::unique_ptr<Kind>>;  // null: from a file
  Device(const std::string &name, const Kind &kind, const DeviceQueue &queue);
  static Kinds &kinds();
  static Kind &kind_of(const std::string &name, const LinkedModules *linked);

  std::string kind_;
  const DeviceModule &module_;
  const halide_device_interface_t &driver_;
  const KernelTable &table_;
  DeviceQueue queue_;
  mutable std::atomic<bool> works_{false};
};

// Is the name one of "auto"?
bool chooses_itself(const std::string &name);
// The device of a name, null for "cpu". "auto" is the first CUDA device where that works, else the CPU, and `reason` is
// then why; "auto:<name>" is another device where that works.
// `host` and `linked` as for Device::open.
const Device *find_device(const std::string &name, std::string *reason = nullptr, const CudaHandles &host = {},
                          const LinkedModules *linked = nullptr);

}  // namespace sluice
