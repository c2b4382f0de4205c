// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

struct Embedding {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    using std::sqrt;
    const Array<T> &label = in.at("label"), &weight = in.at("weight");
    const double eps = a.real("eps", 0);
    Array<T> output({label.shape[0], weight.shape[1]});
    for (int64_t n = 0; n < output.shape[0]; n++) {
      const int64_t row = static_cast<int64_t>(real_part(label.at({n})));
      T squares(0);
      for (int64_t c = 0; c < output.shape[1]; c++) squares += weight.at({row, c}) * weight.at({row, c});
      T norm = sqrt(squares);
      if (real_part(norm) < eps) norm = T(eps);
      if (a.word("l2_normalize", "false") == "false") norm = T(1);
      for (int64_t c = 0; c < output.shape[1]; c++) output.at({n, c}) = weight.at({row, c}) / norm;
    }
    return output;
  }
};

const RegisterLayerCases registered(
    "embedding", make_reference<Embedding>(),
    {
        {"", "plain", "classes=6 width=20", {{5}}, true, {}, {}, {{"label", 6}}},
        {"", "narrow", "classes=3 width=5 l2_normalize=false", {{7}}, true, {}, {}, {{"label", 3}}},
        {"", "unit", "classes=10 width=33 l2_normalize=true", {{4}}, false, {}, {}, {{"label", 10}}},
        {"", "unit_eps", "classes=4 width=8 l2_normalize=true eps=100", {{3}}, false, {}, {}, {{"label", 4}}},
    });

}  // namespace
}  // namespace sluice::testing
