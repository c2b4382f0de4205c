// SPDX-License-Identifier: Apache-2.0
// Drawings of strokes: the files of Quick, Draw! (googlecreativelab/quickdraw-dataset: README.md, "Simplified Drawing
// files"), drawings that are computed, and either as pixels.
#pragma once
#include <cstdint>
#include <filesystem>
#include <utility>
#include <vector>

#include "runtime/trainer/draws.h"

namespace sluice {

using StrokePoint = std::pair<float, float>;  // x, y of 0..255, y downwards
using Drawing = std::vector<std::vector<StrokePoint>>;

bool is_stroke_file(const std::filesystem::path &file);  // .bin or .ndjson
// Every drawing of a file: the dataset's binary layout, or one JSON object a line with "drawing": [[[x ...], [y ...]],
// ...]. Errors of read_file; bad_file, with the drawing's number, for what is neither.
std::vector<Drawing> read_drawings(const std::filesystem::path &file);

// A closed figure that depends on its kind (corners, whether it is a star, whether there is a ring in it), somewhere,
// in some size and direction. Points of one stroke surround what the figure covers.
Drawing procedural_drawing(int64_t kind, Draws &draws);

// The first strokes of a drawing, of `share` of its length; the last is cut.
Drawing first_strokes(const Drawing &drawing, double share);

// height * width values: -1 on a stroke of that many pixels, 1 on paper.
void draw_strokes(const Drawing &drawing, int width, int height, double line, float *values);

}  // namespace sluice
