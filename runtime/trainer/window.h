// SPDX-License-Identifier: Apache-2.0
// Windows of pictures, at the size that a training wants.
#pragma once
#include <optional>
#include <utility>

#include "runtime/image/resample.h"
#include "runtime/trainer/draws.h"
#include "runtime/trainer/pictures.h"
#include "runtime/trainer/recipe_values.h"

namespace sluice {

enum class Crop {
  random,  // a window anywhere
  centre,  // the largest window in the middle, resized
  whole    // the whole picture, resized
};

struct WindowOptions {
  int width = 256, height = 256;  // of what is made
  Crop crop = Crop::random;
  // The shorter side of a picture before a window is taken; nothing: as it is, larger only where it is too small.
  std::optional<std::pair<int, int>> shorter;
};

// The keys crop=random|centre|whole and shorter=FIRST,LAST.
void read_window_keys(RecipeValues &values, WindowOptions &options);

// A part of a picture.
struct Window {
  int x = 0, y = 0, width = 0, height = 0;
};

Window draw_window(const WindowOptions &options, int picture_width, int picture_height, Draws &draws);

// Channel `channel` (0 red, 1 green, 2 blue) of the window, resized to the options' size and mirrored with `flip`:
// height * width values of 0..255.
void cut_window(const Photo &photo, const Window &window, const WindowOptions &options, int channel, bool flip,
                float *values);
// The luma of it.
void cut_grey_window(const Photo &photo, const Window &window, const WindowOptions &options, bool flip, float *values);

}  // namespace sluice
