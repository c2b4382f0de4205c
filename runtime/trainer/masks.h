// SPDX-License-Identifier: Apache-2.0
// Holes drawn for training: brush strokes and rectangles, as in the published DeepFill v2
// (JiahuiYu/generative_inpainting: inpaint_ops.py, brush_stroke_mask and random_bbox).
#pragma once
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/trainer/draws.h"

namespace sluice {

// Ranges include both ends; lengths are pixels.
struct BrushOptions {
  std::pair<int64_t, int64_t> strokes = {1, 3};
  std::pair<int64_t, int64_t> vertices = {4, 11};  // of a stroke, after the one it begins at
  std::pair<int64_t, int64_t> width = {12, 40};
};

// Height, width.
struct RectangleOptions {
  std::pair<int64_t, int64_t> size = {128, 128};
  std::pair<int64_t, int64_t> delta = {32, 32};  // each side is drawn in by 0 to half of it
  std::pair<int64_t, int64_t> margin = {0, 0};   // to the picture's border
};

struct MaskOptions {
  std::optional<BrushOptions> brush;
  std::optional<RectangleOptions> rectangle;
};

// Error usage where a mask does not fit into pictures of that size.
void check_masks(const MaskOptions &options, int width, int height);

// width * height values, row by row, 1 = hole: the union of all that the options ask for.
std::vector<uint8_t> draw_mask(const MaskOptions &options, int width, int height, Draws &draws);

}  // namespace sluice
