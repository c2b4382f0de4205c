// SPDX-License-Identifier: Apache-2.0
// What stands behind a sluice_model, and how a caller's options become the runtime's.
#pragma once
#include <cstddef>
#include <memory>
#include <string>

#include "runtime/c_api/sluice.h"
#include "runtime/model.h"
#include "weights_io/tensor.h"

struct sluice_model {
  std::shared_ptr<const sluice::Model> model;
};

namespace sluice::c_api {

// Error(usage) for a null pointer.
const Model &model_of(const sluice_model *model);

LoadOptions load_options(const sluice_model_options *given);
// The tensors of a weights file in memory, or none; `name` is that of the graph. Error bad_file, usage.
Archive weights_in_memory(const void *weights, std::size_t bytes, const std::string &name);
// Hands a model to the caller.
void give(std::shared_ptr<const Model> model, sluice_model **to);

}  // namespace sluice::c_api
