// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/norm_reference.h"

namespace sluice::testing {
namespace {

struct BatchNorm2d {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const auto channel = [](size_t, size_t c) { return c; };
    if (a.word("norm", "") == "batch_eval")
      return normalised(a, in, in.at("running_mean").values, in.at("running_var").values, channel, channel);
    const SetStatistics<T> sets(in.at("input"), static_cast<size_t>(in.at("input").shape[1]), channel);
    return normalised(a, in, sets.mean, sets.variance, channel, channel);
  }
};

const RegisterLayerCases registered("batch_norm2d", make_reference<BatchNorm2d>(),
                                    {
                                        {"", "eval", "norm=batch_eval", {{2, 7, 8, 9}}},
                                        {"", "eval_wide", "norm=batch_eval eps=0.1", {{1, 37, 5, 6}}},
                                        {"", "eval_vectors", "norm=batch_eval", {{6, 20}}},
                                        {"", "train", "norm=batch_train", {{3, 7, 8, 9}}},
                                        {"", "train_wide", "norm=batch_train eps=1e-3", {{2, 300, 3, 5}}},
                                        {"", "train_one_channel", "norm=batch_train", {{2, 1, 7, 11}}},
                                        {"", "train_one_row", "norm=batch_train", {{1, 24, 1, 21}}},
                                        {"", "train_vectors", "norm=batch_train", {{13, 19}}},
                                        {"", "train_sequences", "norm=batch_train", {{3, 12, 10}}},
                                        {"", "train_clips", "norm=batch_train", {{2, 5, 3, 4, 6}}},
                                    });

}  // namespace
}  // namespace sluice::testing
