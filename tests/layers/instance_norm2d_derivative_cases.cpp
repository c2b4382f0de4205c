// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/norm_reference.h"

namespace sluice::testing {
namespace {

// As generators/instance_norm2d_derivative.cpp says it.
struct InstanceNorm2dDerivative {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    using std::sqrt;
    const Array<T> &input = in.at("input"), &direction = in.at("direction");
    const auto sets = static_cast<size_t>(input.shape[0] * input.shape[1]);
    const auto channels = static_cast<size_t>(input.shape[1]);
    const size_t space = input.values.size() / sets;
    const auto plane = [=](size_t n, size_t c) { return n * channels + c; };
    const SetStatistics<T> of_input(input, sets, plane), of_direction(direction, sets, plane);
    Array<T> output(input.shape);
    for (size_t s = 0; s < sets; s++) {
      T covariance(0);
      for (size_t i = s * space; i < (s + 1) * space; i++)
        covariance += (input.values[i] - of_input.mean[s]) * direction.values[i] / T(static_cast<double>(space));
      const T scale = T(1) / sqrt(of_input.variance[s] + T(norm_eps(a)));
      for (size_t i = s * space; i < (s + 1) * space; i++) {
        output.values[i] = scale * (direction.values[i] - of_direction.mean[s]) -
                           scale * scale * scale * (input.values[i] - of_input.mean[s]) * covariance;
      }
    }
    return output;
  }
};

const RegisterLayerCases registered("instance_norm2d_derivative", make_reference<InstanceNorm2dDerivative>(),
                                    {
                                        {"", "plain", "", {{2, 7, 9, 8}, {2, 7, 9, 8}}},
                                        {"", "small", "eps=1e-3", {{2, 9, 2, 3}, {2, 9, 2, 3}}},
                                        {"", "wide", "", {{1, 75, 4, 3}, {1, 75, 4, 3}}},
                                    });

}  // namespace
}  // namespace sluice::testing
