// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

struct Blend {
  template <typename T>
  static Array<T> value(const Attributes &, const Operands<T> &in) {
    const Array<T> &on = in.at("on"), &off = in.at("off"), &mask = in.at("mask");
    Array<T> output(on.shape);
    for (int64_t n = 0; n < on.shape[0]; n++) {
      for (int64_t c = 0; c < on.shape[1]; c++) {
        for (int64_t y = 0; y < on.shape[2]; y++) {
          for (int64_t x = 0; x < on.shape[3]; x++) {
            const T m = mask.at(n, 0, y, x);
            output.at(n, c, y, x) = on.at(n, c, y, x) * m + off.at(n, c, y, x) * (T(1) - m);
          }
        }
      }
    }
    return output;
  }
};

const RegisterLayerCases registered(
    "blend", make_reference<Blend>(),
    {
        {"", "hole", "", {{1, 3, 8, 9}, {1, 3, 8, 9}, {1, 1, 8, 9}}, true, {}, {"mask"}},
        {"", "soft", "", {{2, 20, 6, 5}, {2, 20, 6, 5}, {2, 1, 6, 5}}, false},
    });

}  // namespace
}  // namespace sluice::testing
