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

// Values that are close to each other leave few digits of their difference to their mean.
Array<double> bound(const Attributes &a, const Operands<double> &in) {
  const Array<double> &input = in.at("input");
  double condition = 10;
  if (a.word("norm", "") == "batch_train") {
    const SetStatistics<double> sets(input, static_cast<size_t>(input.shape[1]), [](size_t, size_t c) { return c; });
    for (size_t c = 0; c < sets.mean.size(); c++)
      condition = std::max(condition, std::fabs(sets.mean[c]) / std::sqrt(sets.variance[c] + a.real("eps", 1e-5)));
  }
  return relative_bound(BatchNorm2d::value(a, in), condition / 20);
}

const RegisterLayerCases registered("batch_norm2d", make_reference<BatchNorm2d>(bound),
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
