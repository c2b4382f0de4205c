// SPDX-License-Identifier: Apache-2.0
// Between pictures and tensors: the only place that knows of channel orders, grey, 16 bits and rounding.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/graph.h"
#include "runtime/image/picture.h"
#include "weights_io/tensor.h"

namespace sluice {

// [1, 3, height, width] of the colour channels, 0..255, in `order` ("bgr"; "rgb" and "" mean RGB). Grey is given three
// times; samples of 16 bits are divided by 257; alpha is left out.
StoredTensor picture_to_tensor(const Picture &picture, const std::string &order);

// [1, 1, height, width] of zeros and ones. Error(input_failed) when there are not width * height values.
StoredTensor mask_to_tensor(const std::vector<uint8_t> &mask, int width, int height);

// A picture sample of `bits` bits from a value in units of 0..255: clamped, then truncated. NaN becomes 0.
uint16_t sample_of(float value, int bits);

// Replaces the colour samples where the mask is not 0 by those of `tensor`, [1, 3, height, width] in the units and the
// order of `output`; a grey picture takes the luma. Alpha and all other samples stay. Error(input_failed) for another
// shape, and for values that are not numbers.
void paste_tensor(const StoredTensor &tensor, const GraphOutput &output, const std::vector<uint8_t> &mask,
                  Picture &picture);

}  // namespace sluice
