// SPDX-License-Identifier: Apache-2.0
// Completing a partial sketch and colouring it, with the two networks of Interactive Sketch & Fill (Ghosh et al., ICCV
// 2019, arXiv 1909.11081): shape completes outlines, appearance paints one.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/image/picture.h"
#include "runtime/tasks/sketch_network.h"

namespace sluice {

constexpr int kShapeSide = 128, kAppearanceSide = 256;  // pixels, as published, where a graph states no size

struct CompletionOptions {
  int completions = 8;
  uint64_t seed = 0;
  double deviation = 0.2;  // of z; 1 is what the network is trained with, less gives likelier shapes
  RunOptions run;
};

// The sketch as the shape network sees it: first colour channel, laid on white, resized by the bicubic filter; 0..255.
Plane network_sketch(const SketchNetwork &shape, const Picture &sketch);

// So many completions of a sketch, grey, 0..255, of the network's size. Completion k depends on seed, deviation and k,
// not on how many are made: element i of its z is deviation * normal_number(seed, k, i) (runtime/noise.h),
// rounded to float. Error(usage) for fewer than 1 completion or a deviation that is negative or not finite.
std::vector<Plane> complete_sketch(const SketchNetwork &shape, int64_t label, const Picture &sketch,
                                   const CompletionOptions &options);

// A completed sketch in colour, RGB or grey as the network has channels. The sketch is resized by the Lanczos filter
// and given to all channels of the network's input; element i of z is normal_number(seed, 2^63, i).
Picture colour_sketch(const SketchNetwork &appearance, int64_t label, const Plane &completion, uint64_t seed,
                      const RunOptions &options = {});

// All completions in one grey picture: two columns, filled row by row, with black lines of 2 pixels around each.
// Error(usage) when there are none or they differ in size.
Picture gallery_picture(const std::vector<Plane> &completions);

// What the completions have in common: their sum, brought to 0..1 by its minimum and maximum and then to 127.5..255, so
// that it is never darker than middle grey; 127.5 where all sums are equal. Error(usage) as for the gallery.
Plane shadow_of(const std::vector<Plane> &completions);

// A drawing pad with its shadow: a quarter of the sketch, three quarters of the shadow, which is resized to the sketch.
// Grey, of the sketch's size.
Picture pad_picture(const Picture &sketch, const Plane &shadow);

}  // namespace sluice
