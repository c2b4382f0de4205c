// SPDX-License-Identifier: Apache-2.0
// Between pictures and the tensors of depth networks, in the conventions of the KITTI depth benchmark and of GuideNet.
#pragma once
#include <string>

#include "runtime/image/picture.h"
#include "weights_io/tensor.h"

namespace sluice {

// [1, 3, height, width]: (sample - mean) / deviation, samples in 0..255, means and deviations of KITTI's pictures by
// colour (kakaxi314/GuideNet: configs). Channels in `order`, "bgr", "rgb" or "" for RGB; grey is given three times.
StoredTensor normalized_picture(const Picture &picture, const std::string &order);

// What normalized_picture subtracts from a colour (0 red, 1 green, 2 blue), and divides by.
float normalized_mean(int colour);
float normalized_deviation(int colour);

// [1, 1, height, width] in metres, sample / 256 exactly; 0 = no depth. Error(input_failed) unless the picture is grey
// of 16 bits without alpha.
StoredTensor depth_to_tensor(const Picture &depth);

// A grey picture of 16 bits, metres * 256, from [1, 1, height, width] in metres: clamped to 0..65535, then truncated,
// as published (kakaxi314/GuideNet: test.py, utils.py). Multiples of 1/256 come back exactly. Error(input_failed) for
// another shape and for values that are not numbers; `name` is that of the output.
Picture tensor_to_depth(const StoredTensor &metres, const std::string &name);

}  // namespace sluice
