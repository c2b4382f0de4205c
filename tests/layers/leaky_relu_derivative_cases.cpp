// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

struct LeakyReluDerivative {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    Array<T> output = in.at("direction");
    for (size_t i = 0; i < output.values.size(); i++) {
      if (real_part(in.at("input").values[i]) <= 0) output.values[i] *= a.real("negative_slope", 0.2);
    }
    return output;
  }
};

const RegisterLayerCases registered("leaky_relu_derivative", make_reference<LeakyReluDerivative>(),
                                    {
                                        {"", "leaky", "", {{2, 7, 6, 5}, {2, 7, 6, 5}}, false},
                                        {"", "half", "negative_slope=0.5", {{1, 35, 6, 7}, {1, 35, 6, 7}}, true},
                                        {"", "relu", "negative_slope=0", {{1, 3, 5, 19}, {1, 3, 5, 19}}, true},
                                        {"", "vectors", "negative_slope=0.5", {{3, 34}, {3, 34}}, true},
                                    });

}  // namespace
}  // namespace sluice::testing
