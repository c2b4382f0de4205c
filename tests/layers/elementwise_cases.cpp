// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

struct Elementwise {
  template <typename T>
  static Array<T> value(const Attributes &attributes, const Operands<T> &in) {
    const Array<T> &a = in.at("a"), &b = in.at("b");
    const std::string operation = attributes.word("operation", "");
    std::vector<int64_t> shape;
    for (size_t d = 0; d < 4; d++) shape.push_back(std::max(extent(a, d), extent(b, d)));
    Array<T> output(shape);
    const auto pick = [](const Array<T> &array, int64_t n, int64_t c, int64_t y, int64_t x) {
      const int64_t h = extent(array, 2), w = extent(array, 3), channels = array.shape[1];
      const int64_t row = ((n % array.shape[0]) * channels + c % channels) * h + y % h;
      return array.values[static_cast<size_t>(row * w + x % w)];
    };
    for (int64_t n = 0; n < shape[0]; n++) {
      for (int64_t c = 0; c < shape[1]; c++) {
        for (int64_t y = 0; y < shape[2]; y++) {
          for (int64_t x = 0; x < shape[3]; x++) {
            const T combined = combine(operation, pick(a, n, c, y, x), pick(b, n, c, y, x));
            output.at(n, c, y, x) =
                activate(attributes.word("activation", "none"), combined, attributes.real("negative_slope", 0.2));
          }
        }
      }
    }
    return output;
  }

  // Of an axis that may be missing.
  template <typename T>
  static int64_t extent(const Array<T> &array, size_t axis) {
    return axis < array.shape.size() ? array.shape[axis] : 1;
  }

  template <typename T>
  static T combine(const std::string &operation, const T &a, const T &b) {
    if (operation == "add") return a + b;
    if (operation == "sub") return a - b;
    if (operation == "mul") return a * b;
    if (operation == "max") return real_part(a) > real_part(b) ? a : b;
    if (operation == "min") return real_part(a) < real_part(b) ? a : b;
    if (operation == "mask_out") return a * (T(1) - b);
    throw std::runtime_error("unknown operation " + operation);
  }
};

const RegisterLayerCases registered(
    "elementwise", make_reference<Elementwise>(),
    {
        {"", "add", "operation=add", {{2, 5, 6, 7}, {2, 5, 6, 7}}, true},
        {"", "sub_wide", "operation=sub", {{1, 24, 6, 7}, {1, 24, 6, 7}}, true},
        {"", "mul_one_channel", "operation=mul", {{2, 3, 6, 9}, {2, 1, 6, 9}}, true},
        {"", "mul_first_one_channel", "operation=mul", {{2, 1, 6, 9}, {2, 18, 6, 9}}, true},
        {"", "add_per_channel", "operation=add", {{2, 9, 6, 5}, {1, 9, 1, 1}}, true},
        {"", "add_relu", "operation=add activation=relu", {{1, 35, 6, 7}, {1, 35, 6, 7}}, true},
        {"", "add_leaky", "operation=add activation=leaky_relu negative_slope=0.5", {{1, 5, 6, 7}, {1, 5, 6, 7}}, true},
        {"", "mul_rows_by_plane", "operation=mul", {{2, 21}, {2, 1, 4, 5}}, true},
        {"", "sub_plane_by_rows", "operation=sub", {{1, 1, 4, 5}, {2, 3}}, true},
        {"", "mul_wide_one_channel", "operation=mul", {{2, 33, 3, 5}, {2, 1, 3, 5}}, true},
        {"", "max", "operation=max", {{1, 4, 5, 7}, {1, 4, 5, 7}}, true},
        {"", "min", "operation=min", {{1, 4, 5, 7}, {1, 4, 5, 7}}, true},
        {"", "mask_out", "operation=mask_out", {{1, 3, 8, 9}, {1, 1, 8, 9}}, true, {}, {"b"}},
    });

}  // namespace
}  // namespace sluice::testing
