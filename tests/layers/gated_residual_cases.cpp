// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

struct GatedResidual {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    const Array<T> &branch = in.at("branch"), &shortcut = in.at("shortcut");
    const std::string operation = a.word("operation", "add");
    Array<T> output(branch.shape);
    const size_t count = branch.values.size(), n = static_cast<size_t>(branch.shape[0]);
    const size_t channels = static_cast<size_t>(branch.shape[1]), pixels = count / (n * channels);
    const auto gate = [&](const char *port, size_t i, double neutral) {
      const auto found = in.find(port);
      if (found == in.end()) return T(neutral);
      const size_t width = static_cast<size_t>(found->second.shape[1]);
      return found->second.values[i / pixels / channels * width + i / pixels % channels % width];
    };
    for (size_t i = 0; i < count; i++) {
      const T b = gate("alpha", i, 1) * branch.values[i] + gate("beta", i, 0), s = shortcut.values[i];
      if (operation == "add") output.values[i] = b + s;
      if (operation == "sub") output.values[i] = b - s;
      if (operation == "max") output.values[i] = real_part(b) > real_part(s) ? b : s;
      if (operation == "min") output.values[i] = real_part(b) < real_part(s) ? b : s;
    }
    return output;
  }
};

const RegisterLayerCases registered(
    "gated_residual", make_reference<GatedResidual>(),
    {
        {"", "add", "operation=add", {{2, 5, 6, 7}, {2, 5, 6, 7}, {2, 5}, {2, 5}}, true},
        {"", "add_wide", "", {{2, 35, 4, 5}, {2, 35, 4, 5}, {2, 35}, {2, 35}}, true},
        {"", "add_one_alpha", "operation=add", {{2, 20, 4, 5}, {2, 20, 4, 5}, {2, 1}}, true},
        {"", "sub_one_each", "operation=sub", {{2, 17, 4, 5}, {2, 17, 4, 5}, {2, 1}, {2, 1}}, true},
        {"", "max_no_beta", "operation=max", {{1, 19, 4, 5}, {1, 19, 4, 5}, {1, 19}}, true},
        {"", "min", "operation=min", {{1, 3, 9, 5}, {1, 3, 9, 5}, {1, 3}, {1, 3}}, true},
        {"", "rows", "operation=add", {{3, 40}, {3, 40}, {3, 40}, {3, 1}}, true},
    });

}  // namespace
}  // namespace sluice::testing
