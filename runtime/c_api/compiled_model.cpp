// SPDX-License-Identifier: Apache-2.0
#include "runtime/c_api/compiled_model.h"

#include <fmt/format.h>

#include "runtime/c_api/model_handle.h"
#include "runtime/c_api/status.h"
#include "weights_io/error.h"
#include "weights_io/safetensors.h"

namespace sluice {

using namespace c_api;

namespace {

void check_parameters(const CompiledModel &compiled, const std::map<std::string, std::string> &metadata) {
  for (const auto &[name, value] : compiled.parameters) {
    const auto said = metadata.find("param." + name);
    if (said == metadata.end() || said->second == value) continue;
    throw Error(ErrorCode::bad_file, fmt::format("{}: its kernels are made for {}={}, the weights are for {}={}",
                                                 compiled.name, name, value, name, said->second));
  }
}

void load(const CompiledModel &compiled, const sluice_model_options *given, Archive weights, sluice_model **model) {
  LoadOptions options = load_options(given);
  options.table = compiled.kernels;
  static const LinkedModules none;
  if (compiled.kernels != nullptr) options.modules = compiled.modules != nullptr ? compiled.modules : &none;
  check_parameters(compiled, weights.metadata);
  for (const auto &[name, value] : compiled.parameters) options.parameters.emplace(name, value);
  give(Model::parse(compiled.graph_text, compiled.name, std::move(weights), options), model);
}

}  // namespace

sluice_status load_compiled_model(const CompiledModel &compiled, const char *weights_file,
                                  const sluice_model_options *options, sluice_model **model) noexcept {
  return guarded([&] {
    require(model, "model");
    load(compiled, options, weights_file == nullptr ? Archive{} : read_safetensors(weights_file), model);
  });
}

sluice_status load_compiled_model(const CompiledModel &compiled, const void *weights, std::size_t weights_bytes,
                                  const sluice_model_options *options, sluice_model **model) noexcept {
  return guarded([&] {
    require(model, "model");
    load(compiled, options, weights_in_memory(weights, weights_bytes, compiled.name), model);
  });
}

}  // namespace sluice
