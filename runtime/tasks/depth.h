// SPDX-License-Identifier: Apache-2.0
// Completing sparse depth by a picture, in the conventions of the KITTI depth benchmark and of GuideNet.
#pragma once
#include "runtime/image/picture.h"
#include "runtime/model.h"
#include "runtime/tasks/depth_pictures.h"

namespace sluice {

// Dense depth, grey of 16 bits, of a picture and of the sparse depth seen from the same place. The graph must have
// inputs `image` [n 3 h w], as normalized_picture gives it, and `lidar` [n 1 h w], metres, and an output `depth`
// [n 1 h w], metres, else Error(usage). average_mirrored: the mean of the result and of that of the mirrored inputs,
// mirrored back; twice the work. Error(input_failed) when the sizes differ.
Picture complete_depth(const Model &model, const Picture &picture, const Picture &sparse, bool average_mirrored,
                       const RunOptions &options = {});

}  // namespace sluice
