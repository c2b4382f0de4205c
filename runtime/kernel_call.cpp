// SPDX-License-Identifier: Apache-2.0
// Binding by name and shape queries over Halide's argv calls.
#include "runtime/kernel_call.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>

#include "runtime/device.h"
#include "runtime/device_block.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr const char *kContextArgument = "__user_context";
// Halide's generators rename an output whose stage has the same name ("output$1"); the port is the part before.
std::string port_name(const halide_filter_argument_t &argument) {
  const std::string name = argument.name;
  return name.substr(0, name.find('$'));
}

bool is_input(const halide_filter_argument_t &a) { return a.kind == halide_argument_kind_input_buffer; }
bool is_output(const halide_filter_argument_t &a) { return a.kind == halide_argument_kind_output_buffer; }
bool is_scalar(const halide_filter_argument_t &a) {
  return a.kind == halide_argument_kind_input_scalar && std::strcmp(a.name, kContextArgument) != 0;
}

template <typename Keep>
std::vector<std::string> names_of(const halide_filter_metadata_t *metadata, Keep keep) {
  std::vector<std::string> names;
  for (int i = 0; i < metadata->num_arguments; i++) {
    if (keep(metadata->arguments[i])) names.push_back(port_name(metadata->arguments[i]));
  }
  return names;
}

// From a view's first element to its last.
int64_t span_bytes(const BufferView &view) {
  int64_t last = 0;
  for (size_t d = 0; d < view.extents.size(); d++) last += (view.extents[d] - 1) * view.strides[d];
  return (last + 1) * view.type.bytes();
}

}  // namespace

BufferView::BufferView(void *pointer, const std::vector<int64_t> &dense_extents, halide_type_t element)
    : data(pointer), type(element), extents(dense_extents) {
  int64_t stride = 1;
  for (int64_t extent : extents) {
    strides.push_back(stride);
    stride *= extent;
  }
}

BufferView::BufferView(void *pointer, const std::vector<int64_t> &view_extents,
                       const std::vector<int64_t> &view_strides, halide_type_t element)
    : data(pointer), type(element), extents(view_extents), strides(view_strides) {}

int64_t BufferView::elements() const {
  int64_t count = 1;
  for (int64_t extent : extents) count *= extent;
  return count;
}

KernelCall::KernelCall(const Kernel &kernel, const std::string &where) : kernel_(kernel), where_(where) {
  prepare_kernels();
  const halide_filter_metadata_t *metadata = kernel.metadata();
  arguments_.resize(static_cast<size_t>(metadata->num_arguments));
  for (size_t i = 0; i < arguments_.size(); i++) arguments_[i].description = &metadata->arguments[i];
}

void KernelCall::fail(const std::string &what) const {
  throw Error(ErrorCode::input_failed, fmt::format("{}: {}", where_, what));
}

KernelCall::Argument &KernelCall::find(const std::string &name) {
  for (Argument &argument : arguments_) {
    if (port_name(*argument.description) == name) return argument;
  }
  fail(fmt::format("kernel {} has no port '{}'; its ports: {}", kernel_.symbol, name,
                   fmt::join(names_of(kernel_.metadata(), [](const auto &) { return true; }), " ")));
}

bool KernelCall::has(const std::string &name) const {
  for (const Argument &argument : arguments_) {
    if (port_name(*argument.description) == name) return true;
  }
  return false;
}

void KernelCall::bind(const std::string &name, const BufferView &view) {
  Argument &argument = find(name);
  if (static_cast<int>(view.extents.size()) != argument.description->dimensions) {
    fail(fmt::format("port '{}': expected {} dimensions, got {}", name, argument.description->dimensions,
                     view.extents.size()));
  }
  if (argument.description->type != view.type) fail(fmt::format("port '{}': expected another element type", name));
  argument.view = view;
  argument.bound = true;
}

void KernelCall::bind_scalar(const std::string &name, double value) {
  Argument &argument = find(name);
  const halide_type_t type = argument.description->type;
  if (type == halide_type_of<float>()) {
    argument.scalar.u.f32 = static_cast<float>(value);
  } else if (type == halide_type_of<int32_t>()) {
    if (value != static_cast<double>(static_cast<int32_t>(value)))
      fail(fmt::format("'{}': expected a whole number, got {}", name, value));
    argument.scalar.u.i32 = static_cast<int32_t>(value);
  } else {
    fail(fmt::format("'{}': a scalar of this type can't be set", name));
  }
  argument.bound = true;
}

double KernelCall::scalar(const std::string &name) {
  const Argument &argument = find(name);
  if (argument.description->type == halide_type_of<float>()) return argument.scalar.u.f32;
  return argument.scalar.u.i32;
}

std::vector<std::string> KernelCall::inputs() const { return names_of(kernel_.metadata(), is_input); }
std::vector<std::string> KernelCall::outputs() const { return names_of(kernel_.metadata(), is_output); }
std::vector<std::string> KernelCall::scalars() const { return names_of(kernel_.metadata(), is_scalar); }

void KernelCall::fill(Argument &argument, bool with_data) {
  argument.buffer = halide_buffer_t{};
  argument.buffer.type = argument.description->type;
  argument.buffer.dimensions = argument.description->dimensions;
  argument.buffer.dim = argument.dims;
  for (size_t d = 0; d < static_cast<size_t>(argument.description->dimensions); d++) {
    argument.dims[d] = halide_dimension_t{};
    argument.dims[d].extent = 1;  // a query answers for something; asked for nothing, some kernels find no shape
    if (!argument.bound) continue;
    if (argument.view.extents[d] > INT32_MAX || argument.view.strides[d] > INT32_MAX) {
      fail(
          fmt::format("port '{}': extent {} is too large", port_name(*argument.description), argument.view.extents[d]));
    }
    argument.dims[d].extent = static_cast<int32_t>(argument.view.extents[d]);
    argument.dims[d].stride = static_cast<int32_t>(argument.view.strides[d]);
  }
  argument.buffer.host = with_data ? static_cast<uint8_t *>(argument.view.data) : nullptr;
  if (with_data) argument.buffer.set_host_dirty(is_input(*argument.description));
}

int KernelCall::call(CallContext &context) {
  void *user_context = &context;
  std::vector<void *> argv;
  for (Argument &argument : arguments_) {
    if (std::strcmp(argument.description->name, kContextArgument) == 0) {
      argv.push_back(&user_context);
    } else if (is_scalar(*argument.description)) {
      argv.push_back(&argument.scalar);
    } else {
      argv.push_back(&argument.buffer);
    }
  }
  return kernel_.call(argv.data());
}

std::map<std::string, std::vector<int64_t>> KernelCall::query() {
  static uint8_t somewhere[128];  // any address that is not null; a query reads and writes nothing
  for (Argument &argument : arguments_) {
    if (is_scalar(*argument.description) || argument.description->dimensions == 0) continue;
    fill(argument, false);
    if (argument.bound) argument.buffer.host = somewhere;
  }
  CallContext context;
  if (call(context) != 0) fail(fmt::format("no shapes fit kernel {}: {}", kernel_.symbol, context.error));
  std::map<std::string, std::vector<int64_t>> wanted;
  for (Argument &argument : arguments_) {
    if (argument.bound || argument.buffer.dim == nullptr || is_scalar(*argument.description)) continue;
    const std::string name = port_name(*argument.description);
    for (int d = 0; d < argument.description->dimensions; d++) {
      const halide_dimension_t &dim = argument.dims[d];
      if (dim.min != 0 || dim.extent <= 0) {
        fail(fmt::format("port '{}' would have extent {} in dimension {}: the inputs are too small for this node", name,
                         dim.extent, d));
      }
      wanted[name].push_back(dim.extent);
    }
  }
  return wanted;
}

// Where kernels of the device cannot begin at this place, the values pass through the host.
void KernelCall::place(Argument &argument, CallContext &context) {
  argument.block = nullptr;
  argument.attached = false;
  for (const DeviceBlock *block : context.blocks) {
    if (block->holds(argument.view.data)) argument.block = block;
  }
  if (argument.block == nullptr) return;
  argument.attached = argument.block->attach(argument.buffer, context);
  if (argument.attached && !is_input(*argument.description)) argument.buffer.set_device_dirty(false);
  if (!argument.attached) argument.block->download(argument.view.data, span_bytes(argument.view));
}

// What the device holds of it: results come back or stay in their block, whatever happened the rest is freed.
int KernelCall::settle(Argument &argument, CallContext &context, int code) {
  halide_buffer_t &buffer = argument.buffer;
  const bool written = code == 0 && is_output(*argument.description);
  if (argument.attached) {
    const halide_device_interface_t *driver = buffer.device_interface;
    if (written && buffer.host_dirty()) code = driver->copy_to_device(&context, &buffer, driver);  // the host made it
    argument.block->detach(buffer, context);
    return code;
  }
  if (buffer.device_interface != nullptr) {
    if (written) code = buffer.device_interface->copy_to_host(&context, &buffer);
    const int freed = buffer.device_interface->device_free(&context, &buffer);
    if (code == 0) code = freed;
  }
  if (written && code == 0 && argument.block != nullptr)
    argument.block->upload(argument.view.data, span_bytes(argument.view));
  return code;
}

void KernelCall::run(CallContext *given) {
  CallContext own;
  CallContext &context = given != nullptr ? *given : own;
  for (Argument &argument : arguments_) {
    if (std::strcmp(argument.description->name, kContextArgument) == 0) continue;
    if (!argument.bound)
      fail(fmt::format("port '{}' of kernel {} is not bound", port_name(*argument.description), kernel_.symbol));
    if (is_scalar(*argument.description)) continue;
    fill(argument, true);
    place(argument, context);
  }
  int code = call(context);
  for (Argument &argument : arguments_) {
    if (argument.bound && !is_scalar(*argument.description)) code = settle(argument, context, code);
  }
  if (context.cancelled != nullptr && context.cancelled->load())
    throw Error(ErrorCode::interrupted, where_ + ": cancelled");
  if (code == 0) return;
  const std::string what = fmt::format("kernel {} failed ({}): {}", kernel_.symbol, code, context.error);
  if (kernel_.device != "cpu") throw DeviceError(fmt::format("{}: {}", where_, what));
  fail(what);
}

}  // namespace sluice
