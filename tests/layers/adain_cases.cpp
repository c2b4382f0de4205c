// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/norm_reference.h"

namespace sluice::testing {
namespace {

struct Adain {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const auto &shape = in.at("input").shape;
    const auto channels = static_cast<size_t>(shape[1]);
    const auto plane = [=](size_t n, size_t c) { return n * channels + c; };
    const SetStatistics<T> sets(in.at("input"), static_cast<size_t>(shape[0] * shape[1]), plane);
    return normalised(a, in, sets.mean, sets.variance, plane, plane);
  }
};

const RegisterLayerCases registered("adain", make_reference<Adain>(),
                                    {
                                        {"", "plain", "", {{2, 7, 9, 8}, {2, 7}, {2, 7}}},
                                        {"", "wide", "eps=1e-3", {{3, 21, 5, 4}, {3, 21}, {3, 21}}},
                                        {"", "sequences", "", {{2, 16, 11}, {2, 16}, {2, 16}}},
                                    });

}  // namespace
}  // namespace sluice::testing
