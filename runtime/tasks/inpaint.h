// SPDX-License-Identifier: Apache-2.0
// Filling the hole of a picture with a network.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/image/picture.h"
#include "runtime/model.h"

namespace sluice {

// Fills the hole of a picture. Samples outside the hole come back bit-identical, and so does alpha. mask: not 0 = hole,
// width * height values, row by row. The graph must have inputs `image` and `mask` and an output `filled`, else
// Error(usage). A mask without a hole gives the picture back unchanged; one that covers everything, or of another size,
// is Error(input_failed).
Picture inpaint(const Model &model, const Picture &image, const std::vector<uint8_t> &mask,
                const RunOptions &options = {});

}  // namespace sluice
