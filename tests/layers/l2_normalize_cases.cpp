// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

struct L2Normalize {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    using std::sqrt;
    const Array<T> &input = in.at("input");
    const int64_t channels = input.shape[1];
    int64_t pixels = 1;
    for (size_t d = 2; d < input.shape.size(); d++) pixels *= input.shape[d];
    Array<T> output(input.shape);
    for (int64_t p = 0; p < input.shape[0] * pixels; p++) {
      const int64_t first = p / pixels * channels * pixels + p % pixels;
      const auto at = [&](int64_t c) { return static_cast<size_t>(first + c * pixels); };
      T squares(0);
      for (int64_t c = 0; c < channels; c++) squares += input.values[at(c)] * input.values[at(c)];
      T norm = sqrt(squares);
      if (real_part(norm) < a.real("eps", 0)) norm = T(a.real("eps", 0));
      for (int64_t c = 0; c < channels; c++) output.values[at(c)] = input.values[at(c)] / norm;
    }
    return output;
  }
};

const RegisterLayerCases registered("l2_normalize", make_reference<L2Normalize>(),
                                    {
                                        {"", "rows", "", {{3, 256}}},
                                        {"", "pixels", "", {{2, 21, 5, 6}}},
                                        {"", "few", "", {{1, 3, 7, 19}}},
                                        {"", "video", "", {{2, 9, 3, 4, 5}}},
                                        {"", "eps", "eps=64", {{1, 16, 4, 3}}, true},
                                    });

}  // namespace
}  // namespace sluice::testing
