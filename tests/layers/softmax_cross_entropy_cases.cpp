// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

struct SoftmaxCrossEntropy {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    using std::exp;
    using std::log;
    const Array<T> &input = in.at("input"), &labels = in.at("labels");
    const int64_t channels = input.shape[1];
    int64_t pixels = 1;
    for (size_t d = 2; d < input.shape.size(); d++) pixels *= input.shape[d];
    Array<T> output({1});
    const int64_t all = input.shape[0] * pixels;
    for (int64_t p = 0; p < all; p++) {
      const int64_t first = p / pixels * channels * pixels + p % pixels;
      const auto score = [&](int64_t c) { return input.values[static_cast<size_t>(first + c * pixels)]; };
      // Of one channel the loss is 0, and not what the rounding of log and exp leaves.
      double largest = real_part(score(0));
      for (int64_t c = 1; c < channels; c++) largest = std::max(largest, real_part(score(c)));
      T sum(0);
      for (int64_t c = 0; c < channels; c++) sum += exp(score(c) - largest);
      output.values[0] +=
          log(sum) - (score(static_cast<int64_t>(real_part(labels.values[static_cast<size_t>(p)]))) - largest);
    }
    output.values[0] *= a.real("scale", 1) / static_cast<double>(all);
    return output;
  }
};

LayerCase cross_entropy_case(const std::string &name, const std::string &attributes, const std::vector<int64_t> &input,
                             const std::vector<int64_t> &labels) {
  return {"", name, attributes, {input, labels}, false, {}, {}, {{"labels", static_cast<int>(input[1])}}};
}

const RegisterLayerCases registered("softmax_cross_entropy", make_reference<SoftmaxCrossEntropy>(),
                                    {
                                        cross_entropy_case("rows", "", {5, 10}, {5}),
                                        cross_entropy_case("many", "scale=3", {2, 1003}, {2}),
                                        cross_entropy_case("pixels", "", {2, 21, 5, 6}, {2, 1, 5, 6}),
                                        cross_entropy_case("few", "scale=0.5", {3, 3, 7, 19}, {3, 1, 7, 19}),
                                        cross_entropy_case("signal", "", {2, 17, 40}, {2, 1, 40}),
                                        cross_entropy_case("clip", "", {2, 4, 3, 5, 6}, {2, 1, 3, 5, 6}),
                                    });

}  // namespace
}  // namespace sluice::testing
