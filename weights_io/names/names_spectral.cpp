// SPDX-License-Identifier: Apache-2.0
// Solving for v of a spectral norm, in double precision. Files of PyTorch before spectral norm's version 1 hold weight,
// weight_orig and weight_u, and what wrote them did not keep v (pytorch/pytorch: torch/nn/utils/spectral_norm.py).
#include "weights_io/names/names_spectral.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "weights_io/error.h"

namespace sluice {
namespace {

// The factor by which `divided` becomes the weight.
double norm_by(const StoredTensor &weight, const StoredTensor &divided) {
  constexpr double kTolerance = 1e-3;  // generous to files in half precision
  const float *const w = weight.f32(), *const d = divided.f32();
  const int64_t elements = weight.elements();
  double product = 0, square = 0, length = 0, rest = 0;
  for (int64_t i = 0; i < elements; ++i) {
    product += static_cast<double>(w[i]) * d[i];
    square += static_cast<double>(d[i]) * d[i];
    length += static_cast<double>(w[i]) * w[i];
  }
  const double norm = product / square;
  for (int64_t i = 0; i < elements; ++i) rest += std::pow(w[i] - norm * d[i], 2);
  if (std::isfinite(norm) && norm > 0 && rest <= kTolerance * kTolerance * length) return norm;
  throw Error(ErrorCode::bad_file, "is not the weight divided by a norm");
}

}  // namespace

std::string solve_refusal(const std::vector<int64_t> &weight_shape, const std::vector<int64_t> &u_shape) {
  if (weight_shape.size() > 1 && u_shape.size() == 1 && u_shape[0] == weight_shape[0] && u_shape[0] > 0) return {};
  return fmt::format("no v belongs to a weight of shape {} and a u of shape {}", shape_text(weight_shape),
                     shape_text(u_shape));
}

std::vector<int64_t> shape_of_v(const std::vector<int64_t> &weight_shape) {
  return {element_count(weight_shape) / weight_shape[0]};
}

StoredTensor solved_v(const StoredTensor &weight, const StoredTensor &u, const StoredTensor *divided) {
  constexpr double kLeast = 1e-12;
  StoredTensor result = StoredTensor::of_f32(shape_of_v(weight.shape));
  const auto columns = static_cast<std::size_t>(result.elements());
  std::vector<double> v(columns, 0);
  const float *row = weight.f32();
  for (int64_t o = 0; o < weight.shape[0]; ++o, row += columns) {
    const double factor = u.f32()[o];
    for (std::size_t k = 0; k < columns; ++k) v[k] += factor * row[k];
  }
  double square = 0;
  for (const double value : v) square += value * value;
  double scale = 1 / std::max(std::sqrt(square), kLeast);
  if (divided != nullptr) scale = norm_by(weight, *divided) / square;
  if (!std::isfinite(scale)) throw Error(ErrorCode::bad_file, "has no norm in the direction of u");
  for (std::size_t k = 0; k < columns; ++k) result.f32()[k] = static_cast<float>(v[k] * scale);
  return result;
}

}  // namespace sluice
