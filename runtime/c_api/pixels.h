// SPDX-License-Identifier: Apache-2.0
// Between a caller's pixels and pictures.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/c_api/sluice.h"
#include "runtime/image/picture.h"

namespace sluice::c_api {

// The caller's view with its strides filled in. Error(usage), naming `what`, for one that cannot be.
sluice_pixels known_pixels(const sluice_pixels *given, const char *what);

// Of known_pixels().
Picture read_pixels(const sluice_pixels &pixels);
// 1 is hole: the first channel at half of full scale or above.
std::vector<uint8_t> read_mask_pixels(const sluice_pixels &mask);

// Error(usage), naming `what`, unless `pixels` can hold a picture of that size and kind.
void check_fits(const sluice_pixels &pixels, int width, int height, int channels, int bits, const char *what);
// Writes the pixels where `where` is not 0; all of them where it is null. Same size and kind.
void write_pixels(const Picture &picture, const std::vector<uint8_t> *where, const sluice_pixels &pixels);

}  // namespace sluice::c_api
