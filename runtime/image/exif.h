// SPDX-License-Identifier: Apache-2.0
// The one field of EXIF that matters to pixels: the orientation, and turning a picture upright by it.
#pragma once
#include <cstdint>
#include <span>

#include "runtime/image/picture.h"

namespace sluice {

// `segment` is the body of a JPEG APP1 marker. 1 (upright) when it is no EXIF, is damaged, or holds a value outside
// 1..8.
int exif_orientation(std::span<const uint8_t> segment);

bool is_exif(std::span<const uint8_t> segment);

// Undoes the orientation 1..8; the sides change places from 5 on.
Picture turn_upright(Picture picture, int orientation);

}  // namespace sluice
