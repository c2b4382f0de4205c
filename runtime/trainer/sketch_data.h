// SPDX-License-Identifier: Apache-2.0
// Sketches and what they are of, with labels.
//   sketches            `sketch` [1 h w] a part of a drawing, `drawing` [1 h w] the whole, -1 on a stroke, 1 on paper;
//                       of files of strokes the first strokes are kept, of pictures all but a rectangle
//   sketched_pictures   `sketch` [3 h w] the edges of a picture, as above, `image` [3 h w] the picture, RGB, -1..1
// Both: `label` [], the number of the class, and with noise=K `z` [K], of a normal distribution. Classes are what lies
// in the folder, by name: files of strokes, or folders of pictures. Without files samples are computed.
#pragma once
#include "runtime/trainer/data_kind.h"

namespace sluice {

std::shared_ptr<const DataKind> read_sketch_data(const DataSize &size, RecipeValues &values);
std::shared_ptr<const DataKind> read_sketched_pictures(const DataSize &size, RecipeValues &values);

}  // namespace sluice
