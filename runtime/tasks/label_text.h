// SPDX-License-Identifier: Apache-2.0
// Letters in pictures, for names beside what is drawn.
#pragma once
#include <cstdint>
#include <string>

#include "runtime/image/picture.h"

namespace sluice {

constexpr int kGlyphSide = 8;  // pixels: every letter is a square of them

inline int text_width(const std::string &text) { return kGlyphSide * static_cast<int>(text.size()); }

// Sets the pixels of the letters to `value`, the upper left one at (x, y); what lies outside the picture is left out.
// Bytes that are not printable ASCII become '?'.
void draw_text(Picture &picture, int x, int y, const std::string &text, uint16_t value);

}  // namespace sluice
