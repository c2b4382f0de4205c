// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

struct GlobalAvgPool2d {
  template <typename T>
  static Array<T> value(const Attributes &, const Operands<T> &in) {
    const Array<T> &input = in.at("input");
    Array<T> output({input.shape[0], input.shape[1], 1, 1});
    const int64_t h = input.shape[2], w = input.shape[3];
    for (int64_t n = 0; n < input.shape[0]; n++) {
      for (int64_t c = 0; c < input.shape[1]; c++) {
        for (int64_t p = 0; p < h * w; p++) output.at(n, c, 0, 0) += input.at(n, c, p / w, p % w);
        output.at(n, c, 0, 0) /= static_cast<double>(h * w);
      }
    }
    return output;
  }
};

const RegisterLayerCases registered("global_avg_pool2d", make_reference<GlobalAvgPool2d>(),
                                    {
                                        {"", "small", "", {{2, 5, 7, 3}}},
                                        {"", "wide", "", {{2, 37, 16, 8}}, true},
                                        {"", "one_channel", "", {{3, 1, 64, 32}}, true},
                                    });

}  // namespace
}  // namespace sluice::testing
