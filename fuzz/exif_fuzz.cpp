// SPDX-License-Identifier: Apache-2.0
// Fuzz target: EXIF segments, and turning a picture by what they say. Accepted: an orientation other than upright.
#include "runtime/image/exif.h"

#include <numeric>

#include "fuzz/examine.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, std::size_t size) {
  using namespace sluice;
  using fuzz::require;
  const std::span segment(data, size);
  int orientation = 0;
  fuzz::is_accepted(size, [&] {
    orientation = exif_orientation(segment);
    // It refuses nothing by an error, but the count should tell how many segments say something.
    if (orientation == 1) throw Error(ErrorCode::bad_file, fuzz::kInputName);
  });
  require(orientation >= 1 && orientation <= 8, "an orientation is 1 to 8");
  require(orientation == 1 || is_exif(segment), "only EXIF has an orientation");

  Picture picture{3, 2, 1, 8, std::vector<uint16_t>(6)};
  std::iota(picture.samples.begin(), picture.samples.end(), uint16_t{0});
  const Picture turned = turn_upright(picture, orientation);
  require(turned.width == (orientation >= 5 ? 2 : 3) && turned.height == (orientation >= 5 ? 3 : 2),
          "sides change places from 5 on");
  // 6 and 8 undo each other, the others themselves.
  const int back = orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
  require(turn_upright(turned, back).samples == picture.samples, "turning back gives the same picture");
  return 0;
}
