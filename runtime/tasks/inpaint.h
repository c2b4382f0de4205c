// SPDX-License-Identifier: Apache-2.0
// Filling the hole of a picture with a network.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/image/picture.h"
#include "runtime/model.h"
#include "runtime/tasks/picture_tensor.h"

namespace sluice {

// Fills the hole of a picture. Samples outside the hole come back bit-identical, and so does alpha. mask: not 0 = hole,
// width * height values, row by row. The graph must have inputs `image` and `mask` and an output `filled`, else
// Error(usage). A mask without a hole gives the picture back unchanged; one that covers everything, or of another size,
// is Error(input_failed). With `published` arithmetic known colour samples pass through float32 as in the published
// program (picture_tensor.h), without a hole too.
Picture inpaint(const Model &model, const Picture &image, const std::vector<uint8_t> &mask,
                const RunOptions &options = {}, PixelArithmetic arithmetic = PixelArithmetic::exact);

}  // namespace sluice
