// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

struct SoftmaxDerivative {
  template <typename T>
  static Array<T> value(const Attributes &, const Operands<T> &in) {
    const Array<T> &softmax = in.at("softmax"), &direction = in.at("direction");
    const int64_t channels = softmax.shape[1];
    int64_t pixels = 1;
    for (size_t d = 2; d < softmax.shape.size(); d++) pixels *= softmax.shape[d];
    Array<T> output(softmax.shape);
    for (int64_t p = 0; p < softmax.shape[0] * pixels; p++) {
      const int64_t first = p / pixels * channels * pixels + p % pixels;
      const auto at = [&](int64_t c) { return static_cast<size_t>(first + c * pixels); };
      T along(0);
      for (int64_t c = 0; c < channels; c++) along += softmax.values[at(c)] * direction.values[at(c)];
      for (int64_t c = 0; c < channels; c++)
        output.values[at(c)] = softmax.values[at(c)] * (direction.values[at(c)] - along);
    }
    return output;
  }
};

const RegisterLayerCases registered("softmax_derivative", make_reference<SoftmaxDerivative>(),
                                    {
                                        {"", "rows", "", {{3, 10}, {3, 10}}, true},
                                        {"", "pixels", "", {{2, 37, 5, 6}, {2, 37, 5, 6}}, true},
                                        {"", "few", "", {{1, 3, 7, 19}, {1, 3, 7, 19}}, true},
                                    });

}  // namespace
}  // namespace sluice::testing
