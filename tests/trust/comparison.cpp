// SPDX-License-Identifier: Apache-2.0
#include "tests/trust/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace sluice::testing {

Comparison compare(const Array<double> &made, const Array<double> &expected, const Array<double> *bound) {
  Comparison result;
  if (made.shape != expected.shape) {
    result.differing = static_cast<int64_t>(std::max<size_t>(made.values.size(), 1));
    result.worst = std::numeric_limits<double>::infinity();
    result.first = fmt::format("shape {}, expected {}", shape_text(made.shape), shape_text(expected.shape));
    return result;
  }
  for (size_t i = 0; i < made.values.size(); i++) {
    if (same(made.values[i], expected.values[i])) continue;
    const double error = std::fabs(made.values[i] - expected.values[i]);
    const double units = bound == nullptr ? std::numeric_limits<double>::infinity() : error / bound->values[i];
    result.worst = std::isnan(units) ? std::numeric_limits<double>::infinity() : std::max(result.worst, units);
    if (units <= 1) continue;
    if (result.differing++ == 0) {
      result.first = fmt::format("element {} of {} is {:.9g}, expected {:.9g}", i, made.values.size(), made.values[i],
                                 expected.values[i]);
    }
  }
  return result;
}

bool has_no_rounding(const Array<double> &array) {
  constexpr double kSmallest = 4096;
  return std::all_of(array.values.begin(), array.values.end(), [](double v) {
    return std::isfinite(v) && std::trunc(v * kSmallest) == v * kSmallest &&
           static_cast<double>(static_cast<float>(v)) == v;
  });
}

std::string one_line(const LayerCase &one) {
  std::string text = graph_text(one), line;
  text.pop_back();
  for (const char c : text) line += c == '\n' ? std::string("; ") : std::string(1, c);
  return line;
}

LayerCase sample_case(const LayerCase &whole, const std::vector<bool> &batched) {
  LayerCase sample = whole;
  for (size_t i = 0; i < batched.size(); i++) {
    if (batched[i]) sample.inputs[i][0] = 1;
  }
  return sample;
}

void take_sample(const Problem &whole, const std::vector<bool> &batched, int64_t k, Problem &sample) {
  for (const auto &[port, values] : whole.operands()) {
    bool cut = false;
    for (size_t i = 0; i < batched.size(); i++) cut = cut || (batched[i] && whole.schema().inputs[i].name == port);
    sample.replace(port, cut ? item(values, k) : values);
  }
}

Array<double> item(const Array<double> &whole, int64_t k) {
  std::vector<int64_t> shape = whole.shape;
  shape[0] = 1;
  Array<double> one(shape);
  const auto first = whole.values.begin() + k * static_cast<int64_t>(one.values.size());
  std::copy(first, first + static_cast<int64_t>(one.values.size()), one.values.begin());
  return one;
}

}  // namespace sluice::testing
