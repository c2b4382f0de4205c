// SPDX-License-Identifier: Apache-2.0
// What must hold of any picture that was accepted.
#pragma once
#include <algorithm>
#include <functional>
#include <string>

#include "fuzz/examine.h"
#include "runtime/image/codecs.h"

namespace sluice::fuzz {

// Small, so that many pictures are read in a second and the limits themselves are met.
inline constexpr PictureLimits kSmallPictures = {.max_pixels = 1 << 18, .max_side = 4096, .max_jpeg_scans = 20};
inline constexpr std::size_t kMostSamples = 1 << 14;  // of pictures that are written and read again

// Decodes under watch; `again` gets small pictures that were accepted.
inline void examine_picture(const uint8_t *data, std::size_t size,
                            const std::function<Picture(ByteView, const std::string &, const PictureLimits &)> &decode,
                            const std::function<void(const Picture &)> &again) {
  Picture picture;
  if (!is_accepted(size, [&] { picture = decode(as_bytes(data, size), kInputName, kSmallPictures); })) return;
  check_picture(picture, kInputName);
  require(picture.width <= kSmallPictures.max_side && picture.height <= kSmallPictures.max_side &&
              int64_t{picture.width} * picture.height <= kSmallPictures.max_pixels,
          "a picture is within the limits");
  require(std::all_of(picture.samples.begin(), picture.samples.end(),
                      [&](uint16_t sample) { return sample <= picture.max_value(); }),
          "samples are within their bits");
  if (picture.samples.size() <= kMostSamples) again(picture);
}

}  // namespace sluice::fuzz
