// SPDX-License-Identifier: Apache-2.0
// Calling a compiled kernel by argument names, and asking it for the shapes it needs.
#pragma once
#include <HalideRuntime.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/device_queue.h"
#include "runtime/kernel_table.h"

namespace sluice {

constexpr int kMaxDimensions = 8;

// A view of memory as a kernel sees it: extents innermost first, strides in elements.
class BufferView {
 public:
  BufferView() = default;
  // Dense, innermost first. data may be null (shape query).
  BufferView(void *data, const std::vector<int64_t> &extents, halide_type_t type = halide_type_of<float>());
  BufferView(void *data, const std::vector<int64_t> &extents, const std::vector<int64_t> &strides,
             halide_type_t type = halide_type_of<float>());

  void *data = nullptr;
  halide_type_t type = halide_type_of<float>();
  std::vector<int64_t> extents, strides;

  int64_t elements() const;
};

class DeviceBlock;
class ScratchSpace;

// What a running kernel is given as user_context: where errors go, and whether to stop.
struct CallContext {
  std::string error;                             // Halide's message; first one wins
  const std::atomic<bool> *cancelled = nullptr;  // polled before every parallel task
  // For a kernel of a device: memory of the host that has a twin there. Buffers that lie in it are read and written on
  // the device alone; the caller sees to it that their values are there.
  std::vector<const DeviceBlock *> blocks = {};
  const DeviceQueue *queue = nullptr;  // of a device's; null: its runtime's own choice
  ScratchSpace *scratch = nullptr;     // where large buffers of the call go while there is room
};

// One call in the making. Arguments are bound by the names in the kernel's metadata; a missing, unknown or misshapen
// one is an Error that names `where` (model and node), the port, what was expected and what came.
class KernelCall {
 public:
  KernelCall(const Kernel &kernel, const std::string &where);

  bool has(const std::string &argument) const;
  void bind(const std::string &argument, const BufferView &view);
  void bind_scalar(const std::string &argument, double value);

  // Names of buffer arguments in the kernel's order.
  std::vector<std::string> inputs() const;
  std::vector<std::string> outputs() const;
  std::vector<std::string> scalars() const;

  double scalar(const std::string &name);  // as it was bound

  // Extents the kernel wants for a buffer that is not bound (or bound without data), given those that are. Touches no
  // memory.
  std::map<std::string, std::vector<int64_t>> query();
  // Runs; afterwards outputs are in host memory and nothing is left on a device, but for what lies in the context's
  // blocks. Error input_failed (of a device's kernel DeviceError) or interrupted on failure.
  void run(CallContext *context = nullptr);

 private:
  struct Argument {
    const halide_filter_argument_t *description = nullptr;
    bool bound = false;
    BufferView view;
    halide_buffer_t buffer{};
    halide_dimension_t dims[kMaxDimensions]{};
    halide_scalar_value_t scalar{};
    const DeviceBlock *block = nullptr;  // that the view lies in
    bool attached = false;               // the buffer is the block's, on the device
  };
  Argument &find(const std::string &name);
  void fill(Argument &argument, bool with_data);
  int call(CallContext &context);
  void place(Argument &argument, CallContext &context);
  int settle(Argument &argument, CallContext &context, int code);
  [[noreturn]] void fail(const std::string &what) const;

  const Kernel &kernel_;
  std::string where_;
  std::vector<Argument> arguments_;
};

// Installs Sluice's error handler, task hook and processor check once; SLUICE_ISA=avx2|avx512 forces a kernel set.
// Error not_found when the processor lacks AVX2 and FMA. Called by KernelCall.
void prepare_kernels();
// The kernel set in use: "avx2" or "avx512"; "neon" on AArch64.
std::string kernel_isa();
// Error not_found, naming the model, when the table's kernels are built for other instruction sets than this process
// can, or by SLUICE_ISA is to, compute with.
void check_isas(const KernelTable &table, const std::string &model);
// Threads used by all kernels of the process, 0: one per processor. Not while a kernel runs. 1 to 256, else Error
// usage.
void set_threads(int threads);

}  // namespace sluice
