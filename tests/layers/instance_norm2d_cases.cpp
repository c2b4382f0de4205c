// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/norm_reference.h"

namespace sluice::testing {
namespace {

struct InstanceNorm2d {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const auto &shape = in.at("input").shape;
    const auto channels = static_cast<size_t>(shape[1]);
    const auto plane = [=](size_t n, size_t c) { return n * channels + c; };
    const SetStatistics<T> sets(in.at("input"), static_cast<size_t>(shape[0] * shape[1]), plane);
    Array<T> output = normalised(a, in, sets.mean, sets.variance, plane, [](size_t, size_t c) { return c; });
    for (T &v : output.values) v = activate(a.word("activation", "none"), v, a.real("negative_slope", 0.2));
    return output;
  }
};

const RegisterLayerCases registered("instance_norm2d", make_reference<InstanceNorm2d>(),
                                    {
                                        {"", "plain", "affine=false", {{2, 7, 9, 8}}},
                                        {"", "small", "eps=1e-3", {{2, 9, 2, 3}}},
                                        {"", "affine", "affine=true", {{2, 21, 5, 6}}},
                                        {"", "wide", "affine=false", {{1, 275, 4, 3}}},
                                        {"", "relu", "affine=true activation=relu", {{2, 21, 5, 6}}},
                                        {"", "leaky", "activation=leaky_relu negative_slope=0.1", {{1, 64, 7, 5}}},
                                        {"", "sequences", "affine=true", {{3, 10, 12}}},
                                        {"", "clips", "affine=false", {{2, 8, 3, 4, 5}}},
                                    });

}  // namespace
}  // namespace sluice::testing
