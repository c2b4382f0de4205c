// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tests/layers/layer_cases.h"
#include "tests/layers/nearest_reference.h"

namespace sluice::testing {
namespace {

struct Resize {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Array<T> &input = in.at("input");
    const std::string mode = a.word("mode", "nearest_floor");
    Array<T> output({input.shape[0], input.shape[1], size(a, input.shape, 2), size(a, input.shape, 3)});
    for (int64_t n = 0; n < output.shape[0]; n++) {
      for (int64_t c = 0; c < output.shape[1]; c++) {
        for (int64_t y = 0; y < output.shape[2]; y++) {
          for (int64_t x = 0; x < output.shape[3]; x++) {
            const double v = position(mode, y, input.shape[2], output.shape[2]);
            const double u = position(mode, x, input.shape[3], output.shape[3]);
            output.at(n, c, y, x) = between(input, n, c, v, u);
          }
        }
      }
    }
    return output;
  }

  static int64_t size(const Attributes &a, const std::vector<int64_t> &shape, size_t axis) {
    const int64_t given = a.integer("output_size", 0, axis - 2);
    return given > 0 ? given : static_cast<int64_t>(std::floor(static_cast<double>(shape[axis]) * a.real("scale", 0)));
  }
  // Where position i of `output` lies among the `input` ones.
  static double position(const std::string &mode, int64_t i, int64_t input, int64_t output) {
    if (mode == "nearest_floor") return static_cast<double>(i * input / output);
    if (mode == "nearest_align_corners") return static_cast<double>(align_corners(i, input, output));
    const double in = static_cast<double>(input), out = static_cast<double>(output), at = static_cast<double>(i);
    if (mode == "bilinear_align_corners") return output > 1 ? at * (in - 1) / (out - 1) : 0;
    if (mode == "bilinear") return std::max((at + 0.5) * in / out - 0.5, 0.0);
    throw std::runtime_error("unknown mode " + mode);
  }
  template <typename T>
  static T between(const Array<T> &input, int64_t n, int64_t c, double v, double u) {
    const int64_t top = static_cast<int64_t>(v), left = static_cast<int64_t>(u);
    const int64_t bottom = std::min(top + 1, input.shape[2] - 1), right = std::min(left + 1, input.shape[3] - 1);
    const double down = v - static_cast<double>(top), across = u - static_cast<double>(left);
    return (1 - down) * ((1 - across) * input.at(n, c, top, left) + across * input.at(n, c, top, right)) +
           down * ((1 - across) * input.at(n, c, bottom, left) + across * input.at(n, c, bottom, right));
  }
};

const RegisterLayerCases registered(
    "resize", make_reference<Resize>(),
    {
        {"", "up2", "output_size=12,14", {{2, 5, 6, 7}}, true},
        {"", "down4", "output_size=4,5", {{1, 19, 16, 20}}, true},
        {"", "up_uneven", "output_size=11,9", {{1, 3, 4, 5}}, true},
        {"", "corners_down2", "mode=nearest_align_corners output_size=12,10", {{1, 4, 24, 20}}, true},
        {"", "corners_down4", "mode=nearest_align_corners output_size=16,12", {{1, 1, 64, 48}}, true},
        {"", "scale_up", "scale=2", {{2, 19, 4, 5}}, true},
        {"", "scale_down", "scale=0.333333343", {{1, 3, 9, 21}}, true},
        {"", "bilinear_corners_up2", "mode=bilinear_align_corners scale=2", {{2, 19, 4, 5}}},
        {"", "bilinear_corners_few", "mode=bilinear_align_corners output_size=7,9", {{2, 3, 4, 5}}, true},
        {"", "bilinear_corners_to_one", "mode=bilinear_align_corners output_size=1,3", {{1, 16, 5, 9}}, true},
        {"", "bilinear_up2", "mode=bilinear scale=2", {{2, 19, 4, 5}}, true},
        {"", "bilinear_down", "mode=bilinear output_size=3,7", {{1, 5, 8, 10}}},
        {"", "corners_to_one", "mode=nearest_align_corners output_size=1,3", {{1, 2, 5, 9}}, true},
    });

}  // namespace
}  // namespace sluice::testing
