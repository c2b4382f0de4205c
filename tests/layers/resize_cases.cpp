// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"
#include "tests/layers/nearest_reference.h"

namespace sluice::testing {
namespace {

struct Resize {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Array<T> &input = in.at("input");
    const bool corners = a.word("mode", "nearest_floor") == "nearest_align_corners";
    Array<T> output({input.shape[0], input.shape[1], a.integer("output_size", 0, 0), a.integer("output_size", 0, 1)});
    const auto from = [&](int64_t i, size_t axis) {
      return corners ? align_corners(i, input.shape[axis], output.shape[axis])
                     : i * input.shape[axis] / output.shape[axis];
    };
    for (int64_t n = 0; n < output.shape[0]; n++) {
      for (int64_t c = 0; c < output.shape[1]; c++) {
        for (int64_t y = 0; y < output.shape[2]; y++) {
          for (int64_t x = 0; x < output.shape[3]; x++) output.at(n, c, y, x) = input.at(n, c, from(y, 2), from(x, 3));
        }
      }
    }
    return output;
  }
};

const RegisterLayerCases registered(
    "resize", make_reference<Resize>(),
    {
        {"", "up2", "output_size=12,14", {{2, 5, 6, 7}}, true, {}, {}},
        {"", "down4", "output_size=4,5", {{1, 19, 16, 20}}, true, {}, {}},
        {"", "up_uneven", "output_size=11,9", {{1, 3, 4, 5}}, true, {}, {}},
        {"", "corners_down2", "mode=nearest_align_corners output_size=12,10", {{1, 4, 24, 20}}, true, {}, {}},
        {"", "corners_down4", "mode=nearest_align_corners output_size=16,12", {{1, 1, 64, 48}}, true, {}, {}},
        {"", "corners_to_one", "mode=nearest_align_corners output_size=1,3", {{1, 2, 5, 9}}, true, {}, {}},
    });

}  // namespace
}  // namespace sluice::testing
