// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

struct Softmax {
  template <typename T>
  static Array<T> value(const Attributes &, const Operands<T> &in) {
    using std::exp;
    const Array<T> &input = in.at("input");
    const int64_t channels = input.shape[1];
    int64_t pixels = 1;
    for (size_t d = 2; d < input.shape.size(); d++) pixels *= input.shape[d];
    Array<T> output(input.shape);
    for (int64_t p = 0; p < input.shape[0] * pixels; p++) {
      const int64_t first = p / pixels * channels * pixels + p % pixels;
      const auto at = [&](int64_t c) { return static_cast<size_t>(first + c * pixels); };
      T sum(0);
      for (int64_t c = 0; c < channels; c++) sum += exp(input.values[at(c)]);
      for (int64_t c = 0; c < channels; c++) output.values[at(c)] = exp(input.values[at(c)]) / sum;
    }
    return output;
  }
};

const RegisterLayerCases registered("softmax", make_reference<Softmax>(),
                                    {
                                        {"", "rows", "axis=channels", {{3, 10}}},
                                        {"", "pixels", "axis=channels", {{2, 81, 5, 6}}},
                                        {"", "few", "", {{1, 3, 7, 19}}},
                                        {"", "signal", "", {{2, 17, 40}}},
                                    });

}  // namespace
}  // namespace sluice::testing
