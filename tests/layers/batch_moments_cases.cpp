// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/norm_reference.h"

namespace sluice::testing {
namespace {

struct BatchMoments {
  template <typename T>
  static Array<T> value(const Attributes &, const Operands<T> &in) {
    const auto channels = static_cast<size_t>(in.at("input").shape[1]);
    const SetStatistics<T> sets(in.at("input"), channels, [](size_t, size_t c) { return c; });
    Array<T> output({2, static_cast<int64_t>(channels)});
    for (size_t c = 0; c < channels; c++) {
      output.values[c] = sets.mean[c];
      output.values[channels + c] = sets.variance[c];
    }
    return output;
  }
};

const RegisterLayerCases registered("batch_moments", make_reference<BatchMoments>(),
                                    {
                                        {"", "pictures", "", {{3, 7, 8, 9}}},
                                        {"", "wide", "", {{2, 300, 3, 5}}},
                                        {"", "one_channel", "", {{2, 1, 7, 11}}},
                                        {"", "vectors", "", {{13, 19}}},
                                        {"", "sequences", "", {{3, 12, 10}}},
                                        {"", "clips", "", {{2, 5, 3, 4, 6}}},
                                    });

}  // namespace
}  // namespace sluice::testing
