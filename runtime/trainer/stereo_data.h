// SPDX-License-Identifier: Apache-2.0
// Stereo pairs: `left` and `right` [1 h w], grey, 0..1, rows aligned.
#pragma once
#include "runtime/trainer/data_kind.h"

namespace sluice {

// --data: a folder with folders left and right (or image_2 and image_3), files in the order of their names, as many in
// each. Computed without: bodies of stripes before a striped wall, each shifted by its disparity.
std::shared_ptr<const DataKind> read_stereo_data(const DataSize &size, RecipeValues &values);

// Disparities are `least` to `most` pixels, nearer bodies having larger ones: what is at x in the left picture is at
// x - disparity in the right one. Two planes of 0..1.
void compute_stereo(int width, int height, double least, double most, Draws &draws, float *left, float *right);

}  // namespace sluice
