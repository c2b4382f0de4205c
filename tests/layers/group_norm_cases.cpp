// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/norm_reference.h"

namespace sluice::testing {
namespace {

struct GroupNorm {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const auto &shape = in.at("input").shape;
    const auto groups = static_cast<size_t>(a.integer("num_groups", 1));
    const size_t members = static_cast<size_t>(shape[1]) / groups;
    const auto group = [=](size_t n, size_t c) { return n * groups + c / members; };
    const SetStatistics<T> sets(in.at("input"), static_cast<size_t>(shape[0]) * groups, group);
    return normalised(a, in, sets.mean, sets.variance, group, [](size_t, size_t c) { return c; });
  }
};

const RegisterLayerCases registered("group_norm", make_reference<GroupNorm>(),
                                    {
                                        {"", "groups4", "num_groups=4", {{2, 8, 9, 8}}},
                                        {"", "groups3_wide", "num_groups=3 eps=1e-3", {{2, 39, 5, 6}}},
                                        {"", "one_group", "num_groups=1", {{3, 10, 4, 5}}},
                                        {"", "group_a_channel", "num_groups=12", {{1, 12, 6, 5}}},
                                        {"", "not_affine", "num_groups=2 affine=false", {{2, 18, 3, 7}}},
                                        {"", "vectors", "num_groups=5", {{4, 30}}},
                                        {"", "clips", "num_groups=2", {{2, 6, 3, 4, 5}}},
                                    });

}  // namespace
}  // namespace sluice::testing
