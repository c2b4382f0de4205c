// SPDX-License-Identifier: Apache-2.0
// The backward walk: gradients of a network's inputs and weights, from backward kernels derived by Halide's autodiff.
#pragma once
#include "runtime/model.h"

namespace sluice {

// Adds the training kernels to KernelTable::linked(). Call once, before models are loaded.
void register_training();

// Gradients of sum over outputs of sum(output * output_gradients[output]). `inputs` as for Model::run, with heights and
// widths that are multiples of the model's; output_gradients: n c h w, by name of an output or of any tensor of the
// graph. Returns gradients under the inputs' names (in the units of the given values) and the weights' names
// (`<node>.<port>`, O I H W). Tensors are kept for the whole walk: memory is the sum of all of them, twice.
TensorMap gradients(const Model &model, const TensorMap &inputs, const TensorMap &output_gradients,
                    const RunOptions &options = {});

}  // namespace sluice
