// SPDX-License-Identifier: Apache-2.0
// Between pictures and tensors: the only place that knows of channel orders, grey, 16 bits and rounding.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/graph.h"
#include "runtime/image/picture.h"
#include "runtime/image/resample.h"
#include "weights_io/tensor.h"

namespace sluice {

// [1, 3, height, width] of the colour channels, 0..255, in `order` ("bgr"; "rgb" and "" mean RGB). Grey is given three
// times; samples of 16 bits are divided by 257; alpha is left out.
StoredTensor picture_to_tensor(const Picture &picture, const std::string &order);

// [1, 1, height, width] of zeros and ones. Error(input_failed) when there are not width * height values.
StoredTensor mask_to_tensor(const std::vector<uint8_t> &mask, int width, int height);

// The first colour channel, 0..255, laid on white where the picture has alpha.
Plane first_colour_plane(const Picture &picture);

// Grey, 8 bits, of values in units of 0..255.
Picture grey_picture(const Plane &plane);

// One channel of one sample of [n, c, height, width] in units of 0..255, by the scale and offset of `output`, which is
// also named in errors. Error(input_failed) when the tensor has no such channel, and for values that are not numbers.
Plane tensor_to_plane(const StoredTensor &tensor, const GraphOutput &output, int64_t sample, int64_t channel);

// A picture of 8 bits from [1, c, height, width] in the units and the order of `output`: grey for one channel, RGB for
// three. Error(input_failed) for another shape, and for values that are not numbers.
Picture tensor_to_picture(const StoredTensor &tensor, const GraphOutput &output);

// A picture sample of `bits` bits from a value in units of 0..255: clamped, then truncated. NaN becomes 0.
uint16_t sample_of(float value, int bits);

enum class PixelArithmetic {
  exact,      // known samples are not touched; value * scale + offset for the others
  published,  // that of the published DeepFill v2 (JiahuiYu/generative_inpainting: inpaint_model.py): see below
};

// Replaces the colour samples where the mask is not 0 by those of `tensor`, [1, 3, height, width] in the units and the
// order of `output`; a grey picture takes the luma. Alpha and all other samples stay. `published` computes
// (value + offset / scale) * scale. Error(input_failed) for another shape, and for values that are not numbers.
void paste_tensor(const StoredTensor &tensor, const GraphOutput &output, const std::vector<uint8_t> &mask,
                  Picture &picture, PixelArithmetic arithmetic = PixelArithmetic::exact);

// What `published` does to the colour samples where the mask is 0: they go to the units of `output` and back in
// float32, and are truncated. With scale and offset 127.5, levels 1 to 63 of 8 bits come back one lower, the others as
// they were.
void round_known_samples(const GraphOutput &output, const std::vector<uint8_t> &mask, Picture &picture);

}  // namespace sluice
