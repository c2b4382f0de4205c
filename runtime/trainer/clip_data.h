// SPDX-License-Identifier: Apache-2.0
// Clips: `clip` [3 t h w], RGB, -1..1; `label` [], the class; with holes=still or holes=moving `mask` [1 t h w],
// 1 = hole, the drawn mask in every frame, or moved by up to a few pixels from frame to frame.
#pragma once
#include "runtime/trainer/data_kind.h"

namespace sluice {

// --data: folders of frames, in a folder for each class (clip_files.h). Computed without: a striped body that moves
// over a gradient; its direction is the class, of `classes` around the circle.
std::shared_ptr<const DataKind> read_clip_data(const DataSize &size, RecipeValues &values);

// [3, frames, h, w], 0..255.
void compute_clip(int width, int height, int frames, int64_t label, int64_t classes, Draws &draws, float *values);

}  // namespace sluice
