// SPDX-License-Identifier: Apache-2.0
// A picture that shows what a network makes of some samples: each row a picture with its hole, the output, the truth.
#pragma once
#include <string>
#include <vector>

#include "runtime/image/picture.h"
#include "runtime/model.h"

namespace sluice {

// `model`: read for eval, with inputs `image` and `mask` and an output of that name, else Error usage. Each batch holds
// one sample, as BatchSource makes it in the order of the model's input. Error input_failed for an output that is not
// as large as the picture.
Picture sample_grid(const Model &model, const std::string &output, const std::vector<TensorMap> &samples);

// The channel order of the model's pictures.
std::string image_order_of(const Graph &graph);

}  // namespace sluice
