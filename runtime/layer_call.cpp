// SPDX-License-Identifier: Apache-2.0
#include "runtime/layer_call.h"

#include <fmt/format.h>

#include <algorithm>

#include "weights_io/error.h"

namespace sluice {
namespace {

bool is_tensor(const LayerSchema &schema, const SchemaPort *port) {
  const auto among = [&](const std::vector<SchemaPort> &list) {
    return std::any_of(list.begin(), list.end(), [&](const SchemaPort &one) { return &one == port; });
  };
  return among(schema.inputs) || among(schema.outputs);
}

// Part `group` of an axis cut into `groups`.
BufferView cut(BufferView view, size_t axis, int64_t group, int64_t groups, size_t element_bytes,
               const std::string &what) {
  if (view.extents[axis] % groups != 0) {
    throw Error(ErrorCode::input_failed,
                fmt::format("{}: {} channels are no multiple of groups={}", what, view.extents[axis], groups));
  }
  view.extents[axis] /= groups;
  const int64_t first = group * view.extents[axis] * view.strides[axis];
  if (view.data != nullptr) view.data = static_cast<char *>(view.data) + first * static_cast<int64_t>(element_bytes);
  return view;
}

BufferView slice(const LayerNode &layer, const SchemaPort &port, const BufferView &view, int64_t group) {
  const int64_t groups = layer.groups();
  if (groups == 1 || port.whole) return view;
  const size_t bytes = static_cast<size_t>(view.type.bytes());
  const std::string what = fmt::format("{}, port '{}'", layer.where(), port.name);
  if (is_tensor(layer.schema(), &port)) return cut(view, 0, group, groups, bytes, what);
  // Output channels, or input channels where the weight has those of all groups (a transposed convolution's [i
  // o/groups]).
  const bool one_value = BufferView(nullptr, view.extents).elements() == 1 && !layer.holds(port.when);
  if (one_value) return view;  // of a parameter that is absent and whose extents are not known
  for (size_t d = 0; d < port.axes.size(); d++) {
    const SchemaAxis &axis = port.axes[d];
    const bool of_one_group = axis.extent.find("/groups") != std::string::npos;
    if ((axis.name == "o" || axis.name == "i") && !of_one_group) return cut(view, d, group, groups, bytes, what);
  }
  return view;
}

}  // namespace

const SchemaPort *argument_port(const LayerSchema &schema, const std::string &argument) {
  std::string name = argument;
  for (const char *prefix : {"grad_", "new_"}) {
    if (argument.starts_with(prefix)) name = argument.substr(std::string(prefix).size());
  }
  for (const auto *list : {&schema.inputs, &schema.parameters, &schema.state, &schema.outputs}) {
    for (const SchemaPort &port : *list) {
      if (port.name == name) return &port;
    }
  }
  return nullptr;
}

BufferView neutral_input(const SchemaPort &port, halide_type_t type) {
  static const float floats[] = {0.0f, 1.0f};
  static const double doubles[] = {0.0, 1.0};
  const size_t at = port.neutral == 1.0f ? 1 : 0;
  const void *data = type == halide_type_of<double>() ? static_cast<const void *>(doubles + at) : floats + at;
  return BufferView(const_cast<void *>(data), Extents(port.axes.size(), 1), type);
}

namespace {

// What one group's call sees of an argument.
BufferView group_view(const LayerNode &layer, const std::string &argument, const BufferView &whole, int64_t group) {
  const LayerSchema &schema = layer.schema();
  const SchemaPort *port = argument_port(schema, argument);
  if (port == nullptr) return whole;
  return slice(layer, *port, is_tensor(schema, port) ? port_view(whole, *port, schema, layer.where()) : whole, group);
}

}  // namespace

void call_layer(const LayerNode &layer, const Kernel &kernel, const OperandLookup &operand, CallContext *context,
                const std::map<std::string, double> &scalars) {
  for (int64_t group = 0; group < layer.groups(); group++) {
    KernelCall call(kernel, layer.where());
    for (const auto &names : {call.inputs(), call.outputs()}) {
      for (const std::string &name : names) call.bind(name, group_view(layer, name, operand(name, group), group));
    }
    layer.bind_scalars(call);
    for (const auto &[name, value] : scalars) call.bind_scalar(name, value);
    call.run(context);
  }
}

BufferView make_saved(const LayerNode &layer, const Kernel &kernel, const std::string &stage, int64_t group,
                      const OperandLookup &operand, const std::function<BufferView(const Extents &)> &allocate,
                      CallContext *context) {
  KernelCall query(kernel, layer.where()), call(kernel, layer.where());
  for (const std::string &name : call.inputs()) {
    const BufferView view = group_view(layer, name, operand(name, group), group);
    query.bind(name, view);
    call.bind(name, view);
  }
  layer.bind_scalars(query);
  layer.bind_scalars(call);
  BufferView saved = allocate(query.query().at(stage));
  call.bind(stage, saved);
  call.run(context);
  return saved;
}

std::map<std::string, Extents> port_extents(const LayerNode &layer, const std::vector<Extents> &inputs) {
  std::map<std::string, Extents> extents;
  for (size_t i = 0; i < inputs.size(); i++) {
    const SchemaPort &port = layer.schema().inputs.at(i);
    extents[port.name] = port_view(BufferView(nullptr, inputs[i]), port, layer.schema(), layer.where()).extents;
  }
  return extents;
}

std::map<std::string, Extents> parameter_extents(const LayerNode &layer, const std::map<std::string, Extents> &inputs) {
  std::map<std::string, Extents> all;
  for (const SchemaPort *port : layer.schema().stored()) {
    auto extents = layer.parameter_extents(*port, inputs);
    if (!extents && !layer.holds(port->when)) extents = Extents(port->axes.size(), 1);
    if (!extents) {
      throw Error(
          ErrorCode::bad_file,
          fmt::format(
              "{}: the shape of {} is not known: say it in the graph (channels=..., kernel=...) or give weights",
              layer.where(), port->name));
    }
    all[port->name] = *extents;
  }
  return all;
}

std::map<std::string, Extents> packed_extents(const LayerNode &layer, const Kernel &kernel,
                                              const std::map<std::string, Extents> &parameters) {
  KernelCall pack(kernel, layer.where());
  for (const SchemaPort *port : layer.schema().stored())
    pack.bind(port->name, slice(layer, *port, BufferView(nullptr, parameters.at(port->name)), 0));
  layer.bind_scalars(pack);
  return pack.query();
}

std::vector<Extents> output_extents(const LayerNode &layer, const std::vector<Extents> &inputs) {
  const LayerSchema &schema = layer.schema();
  const auto given = port_extents(layer, inputs);
  layer.check_requirements(given);
  KernelCall forward(layer.cpu_kernel("forward"), layer.where());
  if (!schema.parameters.empty()) {
    for (const auto &[name, extents] : packed_extents(layer, layer.cpu_kernel("pack"), parameter_extents(layer, given)))
      forward.bind(name, BufferView(nullptr, extents));
  }
  for (const SchemaPort &port : schema.inputs) {
    const auto found = given.find(port.name);
    const BufferView view = found == given.end() ? neutral_input(port) : BufferView(nullptr, found->second);
    forward.bind(port.name, slice(layer, port, view, 0));
  }
  layer.bind_scalars(forward);
  auto made = forward.query();
  layer.check_requirements(given, made);
  std::vector<Extents> result;
  for (size_t i = 0; i < layer.node().outputs.size(); i++) {
    const SchemaPort &port = schema.outputs[i];
    if (!port.whole) made.at(port.name)[0] *= layer.groups();
    result.push_back(tensor_extents(made.at(port.name), port, schema, inputs, layer.where()));
  }
  return result;
}

}  // namespace sluice
