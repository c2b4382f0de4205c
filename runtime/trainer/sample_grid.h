// SPDX-License-Identifier: Apache-2.0
// A picture that shows what a network makes of some samples: each row what it is given (pictures with their holes), its
// output, and the truth.
#pragma once
#include <string>
#include <vector>

#include "runtime/image/picture.h"
#include "runtime/model.h"
#include "runtime/trainer/data_kind.h"

namespace sluice {

// `model`: read for eval, with an output of that name, and inputs that are the data's, else Error usage. `data`: what
// the batches hold; each batch holds one sample, colours in the order that the model wants. The output is shown in the
// units it states, else in those of the truth. Error input_failed for an output that is not as large as the truth.
Picture sample_grid(const Model &model, const std::string &output, const std::vector<DataTensor> &data,
                    const std::vector<TensorMap> &samples);

// The channel order of the pictures that the graph takes; "" where it takes none. Error usage where samples cannot be
// shown: an input that the data does not have, or data without a truth.
std::string shown_order_of(const Graph &graph, const std::vector<DataTensor> &data);

}  // namespace sluice
