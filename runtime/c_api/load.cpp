// SPDX-License-Identifier: Apache-2.0
// Loading a model that runs by the kernels of all layers. Apart from the rest: who links this links those kernels.
#include "runtime/c_api/model_handle.h"
#include "runtime/c_api/status.h"
#include "runtime/kernel_table.h"
#include "weights_io/safetensors.h"

using namespace sluice;
using namespace sluice::c_api;

namespace {

// KernelTable::linked() refers to them weakly.
[[gnu::used]] void (*const kernels_of_all_layers)(KernelTable &) = register_kernels;

}  // namespace

sluice_status sluice_model_load(const char *graph_file, const char *weights_file, const sluice_model_options *options,
                                sluice_model **model) {
  return guarded([&] {
    require(graph_file, "graph_file");
    require(model, "model");
    const LoadOptions load = load_options(options);
    give(Model::load(graph_file, weights_file == nullptr ? "" : weights_file, load), model);
  });
}

sluice_status sluice_model_load_memory(const char *name, const char *graph_text, const void *weights,
                                       size_t weights_bytes, const sluice_model_options *options,
                                       sluice_model **model) {
  return guarded([&] {
    require(name, "name");
    require(graph_text, "graph_text");
    require(model, "model");
    give(Model::parse(graph_text, name, weights_in_memory(weights, weights_bytes, name), load_options(options)), model);
  });
}
