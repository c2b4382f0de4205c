// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/norm_reference.h"

namespace sluice::testing {
namespace {

struct BatchNormOfMoments {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const auto channel = [](size_t, size_t c) { return c; };
    const Array<T> &moments = in.at("mean_var");
    const auto parts = static_cast<size_t>(moments.shape[0]) / 2, channels = static_cast<size_t>(moments.shape[1]);
    const auto at = [&](size_t row, size_t c) { return moments.values[row * channels + c]; };
    std::vector<T> mean(channels), variance(channels);
    for (size_t c = 0; c < channels; c++) {
      for (size_t p = 0; p < parts; p++) mean[c] += at(2 * p, c) / static_cast<double>(parts);
      for (size_t p = 0; p < parts; p++) {
        const T away = at(2 * p, c) - mean[c];
        variance[c] += (at(2 * p + 1, c) + away * away) / static_cast<double>(parts);
      }
    }
    return normalised(a, in, mean, variance, channel, channel);
  }
};

const RegisterLayerCases registered("batch_norm_of_moments", make_reference<BatchNormOfMoments>(),
                                    {
                                        {"", "one_part", "", {{2, 7, 8, 9}, {2, 7}}},
                                        {"", "two_parts", "", {{3, 19, 5, 6}, {4, 19}}},
                                        {"", "three_parts_wide", "eps=1e-3", {{1, 37, 5, 6}, {6, 37}}},
                                        {"", "vectors", "", {{13, 19}, {4, 19}}},
                                    });

}  // namespace
}  // namespace sluice::testing
