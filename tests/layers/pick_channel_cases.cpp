// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

struct PickChannel {
  template <typename T>
  static Array<T> value(const Attributes &, const Operands<T> &in) {
    const Array<T> &input = in.at("input"), &label = in.at("label");
    Array<T> output({input.shape[0]});
    for (int64_t n = 0; n < output.shape[0]; n++)
      output.at({n}) = input.at({n, static_cast<int64_t>(real_part(label.at({n})))});
    return output;
  }
};

const RegisterLayerCases registered("pick_channel", make_reference<PickChannel>(),
                                    {
                                        {"", "ten", "", {{4, 10}, {4}}, true, {}, {}, {{"label", 10}}},
                                        {"", "batch", "", {{21, 3}, {21}}, true, {}, {}, {{"label", 3}}},
                                    });

}  // namespace
}  // namespace sluice::testing
