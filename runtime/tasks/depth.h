// SPDX-License-Identifier: Apache-2.0
// Completing sparse depth by a picture, in the conventions of the KITTI depth benchmark and of GuideNet.
#pragma once
#include "runtime/image/picture.h"
#include "runtime/model.h"

namespace sluice {

// [1, 3, height, width]: (sample - mean) / deviation, samples in 0..255, means and deviations of KITTI's pictures by
// colour (kakaxi314/GuideNet: configs). Channels in `order`, "bgr", "rgb" or "" for RGB; grey is given three times.
StoredTensor normalized_picture(const Picture &picture, const std::string &order);

// [1, 1, height, width] in metres, sample / 256 exactly; 0 = no depth. Error(input_failed) unless the picture is grey
// of 16 bits without alpha.
StoredTensor depth_to_tensor(const Picture &depth);

// A grey picture of 16 bits, metres * 256, from [1, 1, height, width] in metres: clamped to 0..65535, then truncated,
// as published (kakaxi314/GuideNet: test.py, utils.py). Multiples of 1/256 come back exactly. Error(input_failed) for
// another shape and for values that are not numbers; `name` is that of the output.
Picture tensor_to_depth(const StoredTensor &metres, const std::string &name);

// Dense depth, grey of 16 bits, of a picture and of the sparse depth seen from the same place. The graph must have
// inputs `image` [n 3 h w], as normalized_picture gives it, and `lidar` [n 1 h w], metres, and an output `depth`
// [n 1 h w], metres, else Error(usage). average_mirrored: the mean of the result and of that of the mirrored inputs,
// mirrored back; twice the work. Error(input_failed) when the sizes differ.
Picture complete_depth(const Model &model, const Picture &picture, const Picture &sparse, bool average_mirrored,
                       const RunOptions &options = {});

}  // namespace sluice
