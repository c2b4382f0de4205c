// SPDX-License-Identifier: Apache-2.0
// What a layer brings to its tests: a plain-loop reference templated on the number type (double for values,
// std::complex<double> for exact derivatives by a complex step), an error bound, and cases. layer_test.cpp does the
// rest.
#pragma once
#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace sluice::testing {

// Axis order as in files: n c h w, o i kh kw. Any number of dimensions.
template <typename T>
struct Array {
  std::vector<int64_t> shape;
  std::vector<T> values;

  Array() = default;
  explicit Array(const std::vector<int64_t> &extents) : shape(extents) {
    int64_t count = 1;
    for (const int64_t extent : shape) count *= extent;
    values.assign(static_cast<size_t>(count), T(0));
  }
  T &at(std::initializer_list<int64_t> index) {
    int64_t offset = 0;
    size_t d = 0;
    for (const int64_t i : index) offset = offset * shape[d++] + i;
    return values[static_cast<size_t>(offset)];
  }
  const T &at(std::initializer_list<int64_t> index) const { return const_cast<Array *>(this)->at(index); }
  T &at(int64_t a, int64_t b, int64_t c, int64_t d) {
    return values[static_cast<size_t>(((a * shape[1] + b) * shape[2] + c) * shape[3] + d)];
  }
  const T &at(int64_t a, int64_t b, int64_t c, int64_t d) const { return const_cast<Array *>(this)->at(a, b, c, d); }
  // Axes of one element that a file may leave out: a linear layer's weight [o i] as [o i 1 1].
  Array reshaped(const std::vector<int64_t> &extents) const {
    Array other = *this;
    other.shape = extents;
    return other;
  }
  // Zero outside the last two axes.
  T padded(int64_t a, int64_t b, int64_t c, int64_t d) const {
    return c < 0 || d < 0 || c >= shape[2] || d >= shape[3] ? T(0) : at(a, b, c, d);
  }
};

template <typename T>
using Operands = std::map<std::string, Array<T>>;

inline double real_part(double v) { return v; }
inline double real_part(const std::complex<double> &v) { return v.real(); }

// The attributes of a graph line, as text.
class Attributes {
 public:
  explicit Attributes(const std::string &text);
  std::string word(const std::string &name, const std::string &fallback) const;
  double real(const std::string &name, double fallback) const;
  // Value i of a list; a single value stands for all.
  int64_t integer(const std::string &name, int64_t fallback, size_t i = 0) const;
  // The same with another value of one attribute.
  Attributes with(const std::string &name, const std::string &value) const {
    Attributes other = *this;
    other.values_[name] = {value};
    return other;
  }

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

using Complex = std::complex<double>;

struct LayerReference {
  std::function<Array<double>(const Attributes &, const Operands<double> &)> value;
  std::function<Array<Complex>(const Attributes &, const Operands<Complex> &)> derivative;
  // Largest error allowed to each output of a float32 kernel; may be empty: 4e-6 of the largest output.
  std::function<Array<double>(const Attributes &, const Operands<double> &)> bound;
  // Outputs besides the first, by port; they are exact.
  std::map<std::string, std::function<Array<double>(const Attributes &, const Operands<double> &)>> others;
};

struct LayerCase {
  std::string layer, name;
  std::string attributes;                    // as in a graph line
  std::vector<std::vector<int64_t>> inputs;  // shapes, in the order of the layer's input ports
  bool exact = false;                        // with small whole numbers the result has no rounding: 0 differing bits
  std::map<std::string, double> constants = {};  // operands that have one value throughout (a gate held open)
  std::vector<std::string> masks = {};           // operands of zeros and ones
  std::map<std::string, int> labels = {};        // operands of whole numbers from 0, below this
};

inline void PrintTo(const LayerCase &one, std::ostream *out) {
  *out << one.layer << " " << one.name << ": " << one.attributes;
}

std::map<std::string, LayerReference> &references();
std::vector<LayerCase> &cases();

struct RegisterLayerCases {
  RegisterLayerCases(const std::string &layer, const LayerReference &reference, std::vector<LayerCase> list);
};

// Reference: a struct with `template <typename T> static Array<T> value(const Attributes &, const Operands<T> &)`.
template <typename Reference>
LayerReference make_reference(
    std::function<Array<double>(const Attributes &, const Operands<double> &)> bound = nullptr) {
  return {Reference::template value<double>, Reference::template value<Complex>, std::move(bound), {}};
}

// Where sums go through a norm: 8e-6 of the largest result.
inline Array<double> relative_bound(Array<double> values, double factor = 1) {
  double largest = 0;
  for (const double v : values.values) largest = std::max(largest, std::fabs(v));
  std::fill(values.values.begin(), values.values.end(), 8e-6 * factor * largest);
  return values;
}

// f(v) for the activations of a graph line.
template <typename T>
T activate(const std::string &name, const T &v, double slope) {
  using std::exp;
  using std::tanh;
  const bool positive = real_part(v) > 0;
  if (name == "none") return v;
  if (name == "elu") return positive ? v : exp(v) - T(1);
  if (name == "relu") return positive ? v : T(0);
  if (name == "leaky_relu") return positive ? v : slope * v;
  if (name == "tanh") return tanh(v);
  if (name == "sigmoid") return T(1) / (T(1) + exp(-v));
  if (name == "hardtanh") return real_part(v) > 1 ? T(1) : real_part(v) < -1 ? T(-1) : v;
  throw std::runtime_error("unknown activation " + name);
}

constexpr double kUnit = 5.9604644775390625e-8;  // 2^-24

}  // namespace sluice::testing
