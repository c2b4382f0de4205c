// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

struct Activation {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    Array<T> output = in.at("input");
    for (T &v : output.values) v = activate(a.word("activation", ""), v, a.real("negative_slope", 0.2));
    return output;
  }
};

const RegisterLayerCases registered(
    "activation", make_reference<Activation>(),
    {
        {"", "elu", "activation=elu", {{2, 5, 6, 7}}, false},
        {"", "relu", "activation=relu", {{1, 19, 6, 7}}, true},
        {"", "leaky_relu", "activation=leaky_relu negative_slope=0.25", {{1, 16, 6, 7}}, true},
        {"", "tanh", "activation=tanh", {{1, 3, 6, 17}}, false},
        {"", "sigmoid", "activation=sigmoid", {{1, 8, 6, 7}}, false},
        {"", "hardtanh", "activation=hardtanh", {{1, 4, 6, 7}}, true},
    });

}  // namespace
}  // namespace sluice::testing
