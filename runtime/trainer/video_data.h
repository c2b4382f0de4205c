// SPDX-License-Identifier: Apache-2.0
// Video prediction: `frames` [frames_in h w] and, right after them, `future` [frames_out h w]; grey, 0..1, oldest
// first.
#pragma once
#include "runtime/trainer/data_kind.h"

namespace sluice {

// --data: folders of frames (clip_files.h). Computed without: digits that move and bounce as in moving MNIST
// (Srivastava, Mansimov, Salakhutdinov, arXiv 1502.04681, section 4.1), drawn by strokes.
std::shared_ptr<const DataKind> read_video_data(const DataSize &size, RecipeValues &values);

// `frames` frames of `digits` digits, each as high as 28 pixels of 64: [frames, h, w], 0..1.
void compute_digits(int width, int height, int frames, int64_t digits, Draws &draws, float *values);

}  // namespace sluice
