// SPDX-License-Identifier: Apache-2.0
// Models of the C API: options, inputs and outputs, the end. Loading is in load.cpp and compiled_model.cpp.
#include <algorithm>
#include <cstring>
#include <span>

#include "runtime/c_api/model_handle.h"
#include "runtime/c_api/status.h"
#include "weights_io/safetensors.h"

namespace sluice::c_api {
namespace {

// At least as many as graphs have (docs/graph_format.md).
static_assert(SLUICE_MAX_RANK >= 6);

void describe_shape(const std::vector<Dimension> &shape, sluice_port &port) {
  port.rank = static_cast<int>(shape.size());
  for (std::size_t d = 0; d < shape.size(); d++) {
    port.extents[d] = shape[d].symbol.empty() ? shape[d].extent : -1;
    port.symbols[d] = shape[d].symbol.empty() ? nullptr : shape[d].symbol.c_str();
  }
}

template <typename Port>
const Port &port_at(const std::vector<Port> &ports, std::size_t index, const char *what) {
  if (index < ports.size()) return ports[index];
  throw Error(ErrorCode::usage,
              fmt::format("the model has {} {}s, there is no {} {}", ports.size(), what, what, index));
}

}  // namespace

const Model &model_of(const sluice_model *model) {
  require(model, "model");
  return *model->model;
}

LoadOptions load_options(const sluice_model_options *given) {
  const sluice_model_options options = known_struct(given, "sluice_model_options");
  LoadOptions load;
  if (options.parameter_count > 0) require(options.parameters, "sluice_model_options: parameters");
  for (const sluice_parameter &parameter : std::span(options.parameters, options.parameter_count)) {
    require(parameter.name, "the name of a parameter");
    require(parameter.value, "the value of a parameter");
    load.parameters[parameter.name] = parameter.value;
  }
  if (options.device != nullptr) load.device = options.device;
  load.cuda = {options.cuda_context, options.cuda_stream};
  if (options.algorithm != nullptr) load.algorithm = options.algorithm;
  if (options.device_failed != nullptr) {
    load.on_failure = [tell = options.device_failed, data = options.user_data](const std::string &reason) {
      tell(data, reason.c_str());
    };
  }
  load.keep_weights = false;
  load.prepack = options.pack_each_run == 0;
  return load;
}

Archive weights_in_memory(const void *weights, std::size_t bytes, const std::string &name) {
  if (bytes == 0) return {};
  require(weights, "weights");
  return parse_safetensors({static_cast<const std::byte *>(weights), bytes}, name + " (weights)");
}

void give(std::shared_ptr<const Model> model, sluice_model **to) { *to = new sluice_model{std::move(model)}; }

}  // namespace sluice::c_api

using namespace sluice;
using namespace sluice::c_api;

sluice_status sluice_model_options_init(sluice_model_options *options, size_t struct_size) {
  return init_struct(options, struct_size, "sluice_model_options");
}

sluice_status sluice_port_init(sluice_port *port, size_t struct_size) {
  return init_struct(port, struct_size, "sluice_port");
}

void sluice_model_free(sluice_model *model) { delete model; }

const char *sluice_model_name(const sluice_model *model) {
  return model == nullptr ? nullptr : model->model->graph().model.c_str();
}

size_t sluice_model_input_count(const sluice_model *model) {
  return model == nullptr ? 0 : model->model->graph().inputs.size();
}

size_t sluice_model_output_count(const sluice_model *model) {
  return model == nullptr ? 0 : model->model->graph().outputs.size();
}

sluice_status sluice_model_input(const sluice_model *model, size_t index, sluice_port *port) {
  return guarded([&] {
    const GraphInput &input = port_at(model_of(model).graph().inputs, index, "input");
    sluice_port described{};
    described.name = input.name.c_str();
    describe_shape(input.shape, described);
    described.optional = input.value.has_value() ? 1 : 0;
    described.element = input.range ? SLUICE_INT64 : SLUICE_FLOAT32;
    if (input.range) std::tie(described.first, described.last) = *input.range;
    write_struct(described, port, "sluice_port");
  });
}

sluice_status sluice_model_output(const sluice_model *model, size_t index, sluice_port *port) {
  return guarded([&] {
    const GraphOutput &output = port_at(model_of(model).graph().outputs, index, "output");
    sluice_port described{};
    described.name = output.name.c_str();
    describe_shape(output.shape, described);
    write_struct(described, port, "sluice_port");
  });
}
