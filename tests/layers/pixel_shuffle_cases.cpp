// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

struct PixelShuffle {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Array<T> &input = in.at("input");
    const int64_t f = a.integer("factor", 1);
    Array<T> output({input.shape[0], input.shape[1] / (f * f), input.shape[2] * f, input.shape[3] * f});
    for (int64_t n = 0; n < input.shape[0]; n++) {
      for (int64_t k = 0; k < input.shape[1]; k++) {
        for (int64_t y = 0; y < input.shape[2]; y++) {
          for (int64_t x = 0; x < input.shape[3]; x++)
            output.at(n, k / (f * f), y * f + k / f % f, x * f + k % f) = input.at(n, k, y, x);
        }
      }
    }
    return output;
  }
};

const RegisterLayerCases registered("pixel_shuffle", make_reference<PixelShuffle>(),
                                    {
                                        {"", "f2", "factor=2", {{2, 12, 5, 6}}, true},
                                        {"", "f2_wide", "factor=2", {{1, 76, 3, 4}}, true},
                                        {"", "f3_one_channel", "factor=3", {{1, 9, 4, 3}}, true},
                                    });

}  // namespace
}  // namespace sluice::testing
