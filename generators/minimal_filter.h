// SPDX-License-Identifier: Apache-2.0
// Sums over a sliding window with the fewest multiplications: transforms of samples, taps and products by evaluation at
// points and interpolation. Source: Winograd, Arithmetic Complexity of Computations, section V; Lavin and Gray (arXiv
// 1509.09308), section 4.
#pragma once
#include <algorithm>
#include <cmath>
#include <utility>

#include "layer.h"

namespace sluice::winograd {

using Row = std::vector<double>;
using Terms = std::vector<Halide::Expr>;

inline Row product(const Row &a, const Row &b) {
  Row result(a.size() + b.size() - 1, 0.0);
  for (size_t i = 0; i < a.size(); i++) {
    for (size_t j = 0; j < b.size(); j++) result[i + j] += a[i] * b[j];
  }
  return result;
}

// Sum of the terms with even (parity 0), odd (1) or all (-1) numbers.
inline Halide::Expr combination(const Row &coefficients, const Terms &terms, int parity) {
  Halide::Expr sum;
  for (size_t k = 0; k < coefficients.size(); k++) {
    if (coefficients[k] == 0 || (parity >= 0 && static_cast<int>(k % 2) != parity)) continue;
    const Halide::Expr factor = Halide::Internal::make_const(terms[k].type(), coefficients[k]);
    const Halide::Expr term = coefficients[k] == 1 ? terms[k] : factor * terms[k];
    sum = sum.defined() ? sum + term : term;
  }
  return sum;
}

// Minimal filtering along an axis: `results` sums of `taps` neighbouring samples each, the first samples of two sums
// `stride` apart. The products of the filters over every stride-th sample follow one another.
//
// Transposed, of stride 2: results are twice as dense as samples. Every other one is a sum over every other tap.
class Filter {
 public:
  // roots: of the squares of the points other than 0 and infinity.
  Filter(int taps, int stride, int results, Row roots, bool transposed = false)
      : taps_(taps), stride_(stride), results_(results), roots_(std::move(roots)), transposed_(transposed) {}

  int taps() const { return taps_; }
  bool transposed() const { return transposed_; }
  int results() const { return transposed_ ? stride_ * results_ : results_; }
  // Samples from the first one of a result to that of the next tile's.
  int advance() const { return transposed_ ? results_ : stride_ * results_; }
  int stride() const { return stride_; }
  int samples() const { return transposed_ ? results_ + taps_of(0) - 1 : (results_ - 1) * stride_ + taps_; }
  int points() const {
    int all = 0;
    for (int phase = 0; phase < stride_; phase++) all += points_of(phase);
    return all;
  }

  // Row `point` of B^T times d: the points' polynomials; those of a and -a share their even and odd parts.
  Halide::Expr input_transform(const Halide::Expr &point, const Terms &d) const {
    Terms rows;
    for (int phase = 0; phase < stride_; phase++) {
      const Terms own = transposed_ ? d : every(d, phase);
      if (is_single(phase)) {
        rows.insert(rows.end(), own.begin(), own.begin() + results_);
        continue;
      }
      const Row all = polynomial(0);
      rows.push_back(combination(all, own, -1));
      for (const double a : roots_) {
        const Row factors = product(product({0, 1}, {a, 1}), polynomial(a));
        const Halide::Expr even = combination(factors, own, 0), odd = combination(factors, own, 1);
        rows.push_back(even + odd);
        rows.push_back(even - odd);
      }
      rows.push_back(combination(product({0, 1}, all), own, -1));
    }
    return Halide::mux(point, rows);
  }

  // Row `result` of A^T times m.
  Halide::Expr output_transform(const Halide::Expr &result, const Terms &m) const {
    Terms rows;
    for (int k = 0; k < results(); k++) {
      Halide::Expr row;
      size_t first = 0;
      for (int phase = 0; phase < stride_; phase++) {
        const size_t points = static_cast<size_t>(points_of(phase));
        const Terms own(m.begin() + static_cast<Terms::difference_type>(first),
                        m.begin() + static_cast<Terms::difference_type>(first + points));
        first += points;
        if (transposed_ && (k + phase) % 2 == 0) continue;  // the other parity's
        const Halide::Expr sum = phase_result(phase, transposed_ ? k / stride_ : k, own);
        row = row.defined() ? row + sum : sum;
      }
      rows.push_back(row);
    }
    return Halide::mux(result, rows);
  }

  // Row `point` of A times y: what a result's gradient is of the products.
  Halide::Expr transposed_output_transform(const Halide::Expr &point, const Terms &y) const {
    Terms rows;
    for (int phase = 0; phase < stride_; phase++) {
      if (is_single(phase)) {
        rows.insert(rows.end(), y.begin(), y.end());
        continue;
      }
      rows.push_back(y.front());
      for (const double a : roots_) {
        const Row powers = powers_of(a, y.size());
        const Halide::Expr even = combination(powers, y, 0), odd = combination(powers, y, 1);
        rows.push_back(even + odd);
        rows.push_back(even - odd);
      }
      rows.push_back(y.back());
    }
    return Halide::mux(point, rows);
  }

  // Row `tap` of G^T times m: what the products' gradients are of a tap.
  Halide::Expr transposed_weight_transform(const Halide::Expr &tap, const Terms &m) const {
    Terms rows;
    for (int number = 0; number < taps_; number++) {
      const int phase = number % stride_, k = number / stride_;
      size_t first = 0;
      for (int before = 0; before < phase; before++) first += static_cast<size_t>(points_of(before));
      Row factors(m.size(), 0.0);
      if (is_single(phase)) {
        std::fill_n(factors.begin() + static_cast<Row::difference_type>(first), results_, 1.0);
      } else {
        if (k == 0) factors[first] = 1 / value(polynomial(0), 0);
        for (size_t a = 0; a < roots_.size(); a++) {
          const double root = roots_[a], scale = 2 * root * root * value(polynomial(root), root);
          factors[first + 1 + 2 * a] = std::pow(root, k) / scale;
          factors[first + 2 + 2 * a] = std::pow(-root, k) / scale;
        }
        if (k == taps_of(phase) - 1) factors[first + static_cast<size_t>(points_of(phase)) - 1] = 1;
      }
      rows.push_back(combination(factors, m, -1));
    }
    return Halide::mux(tap, rows);
  }

  // Row `point` of G times w.
  Halide::Expr weight_transform(const Halide::Expr &point, const Terms &w) const {
    Terms rows;
    for (int phase = 0; phase < stride_; phase++) {
      const Terms own = every(w, phase);
      if (is_single(phase)) {
        rows.insert(rows.end(), static_cast<size_t>(results_), own[0]);
        continue;
      }
      rows.push_back(combination({1 / value(polynomial(0), 0)}, own, -1));
      for (const double a : roots_) {
        const double scale = 2 * a * a * value(polynomial(a), a);
        Row plus, minus;
        for (size_t k = 0; k < own.size(); k++) {
          plus.push_back(std::pow(a, k) / scale);
          minus.push_back(std::pow(-a, k) / scale);
        }
        rows.push_back(combination(plus, own, -1));
        rows.push_back(combination(minus, own, -1));
      }
      rows.push_back(own.back());
    }
    return Halide::mux(point, rows);
  }

 private:
  int taps_, stride_, results_;  // results_: of one phase
  Row roots_;
  bool transposed_;

  int taps_of(int phase) const { return (taps_ - phase + stride_ - 1) / stride_; }
  bool is_single(int phase) const { return taps_of(phase) == 1; }
  int points_of(int phase) const { return results_ + taps_of(phase) - 1; }
  Terms every(const Terms &all, int phase) const {
    Terms own;
    for (size_t k = static_cast<size_t>(phase); k < all.size(); k += static_cast<size_t>(stride_))
      own.push_back(all[k]);
    return own;
  }
  static Row powers_of(double x, size_t count) {
    Row powers;
    for (size_t k = 0; k < count; k++) powers.push_back(std::pow(x, k));
    return powers;
  }
  // Result k of a phase from its products.
  Halide::Expr phase_result(int phase, int k, const Terms &m) const {
    if (is_single(phase)) return m[static_cast<size_t>(k)];
    Halide::Expr sum;
    const auto add = [&](const Halide::Expr &term) { sum = sum.defined() ? sum + term : term; };
    if (k == 0) add(m.front());
    if (k == results_ - 1) add(m.back());
    for (size_t a = 0; a < roots_.size(); a++) {
      const Halide::Expr &plus = m[1 + 2 * a], &minus = m[2 + 2 * a];
      const Halide::Expr pair = k % 2 != 0 ? plus - minus : plus + minus;
      const double power = std::pow(roots_[a], k);
      add(power == 1 ? pair : Halide::Internal::make_const(pair.type(), power) * pair);
    }
    return sum;
  }
  // The product of x^2 - q^2 over all roots q but `without`, and its value.
  Row polynomial(double without) const {
    Row all{1};
    for (const double q : roots_) {
      if (q != without) all = product(all, {-q * q, 0, 1});
    }
    return all;
  }
  static double value(const Row &polynomial, double x) {
    double sum = 0;
    for (size_t k = polynomial.size(); k-- > 0;) sum = sum * x + polynomial[k];
    return sum;
  }
};

}  // namespace sluice::winograd
