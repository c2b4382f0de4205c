// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

struct Pad2d {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Array<T> &input = in.at("input");
    const std::string mode = a.word("padding_mode", "zeros");
    const auto padding = [&](size_t side) { return a.integer("padding", 0, side); };
    Array<T> output({input.shape[0], input.shape[1], input.shape[2] + padding(0) + padding(1),
                     input.shape[3] + padding(2) + padding(3)});
    const auto source = [&](int64_t u, int64_t size) {
      if (mode == "reflect") return u < 0 ? -u : u >= size ? 2 * size - 2 - u : u;
      return mode == "replicate" ? std::min(std::max<int64_t>(u, 0), size - 1) : u;
    };
    for (int64_t n = 0; n < output.shape[0]; n++) {
      for (int64_t c = 0; c < output.shape[1]; c++) {
        for (int64_t y = 0; y < output.shape[2]; y++) {
          for (int64_t x = 0; x < output.shape[3]; x++) {
            output.at(n, c, y, x) =
                input.padded(n, c, source(y - padding(0), input.shape[2]), source(x - padding(2), input.shape[3]));
          }
        }
      }
    }
    return output;
  }
};

const RegisterLayerCases registered(
    "pad2d", make_reference<Pad2d>(),
    {
        {"", "zeros", "padding=1,2,3,0", {{2, 5, 6, 7}}, true},
        {"", "reflect", "padding=1 padding_mode=reflect", {{1, 21, 6, 7}}, true},
        {"", "reflect_uneven", "padding=3,0,2,1 padding_mode=reflect", {{2, 3, 4, 5}}, true},
        {"", "replicate", "padding=2,1,0,3 padding_mode=replicate", {{1, 8, 3, 4}}, true},
    });

}  // namespace
}  // namespace sluice::testing
