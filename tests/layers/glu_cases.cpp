// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

struct Glu {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Array<T> &input = in.at("input");
    std::vector<int64_t> shape = input.shape;
    const int64_t channels = shape[1] /= 2;
    Array<T> output(shape);
    const int64_t pixels = static_cast<int64_t>(output.values.size()) / (shape[0] * channels);
    for (int64_t n = 0; n < shape[0]; n++) {
      for (int64_t i = 0; i < channels * pixels; i++) {
        const auto at = static_cast<size_t>(2 * n * channels * pixels + i);
        const T feature = activate(a.word("activation", "none"), input.values[at], a.real("negative_slope", 0.2));
        const T gate = activate("sigmoid", input.values[at + static_cast<size_t>(channels * pixels)], 0);
        output.values[static_cast<size_t>(n * channels * pixels + i)] = feature * gate;
      }
    }
    return output;
  }
};

const RegisterLayerCases registered("glu", make_reference<Glu>(),
                                    {
                                        {"", "none", "activation=none", {{2, 10, 6, 7}}, false},
                                        {"", "relu", "activation=relu", {{1, 38, 5, 7}}, false},
                                        {"", "leaky_relu", "activation=leaky_relu", {{2, 64, 3, 3}}, false},
                                        {"", "elu", "activation=elu", {{2, 48, 6, 5}}, false},
                                        {"", "tanh", "activation=tanh", {{1, 6, 6, 17}}, false},
                                        {"", "clip", "activation=elu", {{2, 8, 3, 4, 5}}, false},
                                        {"", "vectors", "activation=elu", {{3, 34}}, false},
                                    });

}  // namespace
}  // namespace sluice::testing
