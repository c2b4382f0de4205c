// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/optimizer_reference.h"

namespace sluice::testing {
namespace {

struct Rmsprop {
  template <typename T>
  static std::map<std::string, T> step(const Attributes &a, const std::map<std::string, T> &in) {
    const T decay = static_cast<T>(a.real("decay", 0.99)), epsilon = static_cast<T>(a.real("epsilon", 1e-8));
    const T momentum = static_cast<T>(a.real("momentum", 0)), rate = in.at("learning_rate");
    const T p = in.at("parameter");
    const T g = in.at("gradient") + static_cast<T>(a.real("weight_decay", 0)) * p;
    const T square = decay * in.at("mean_square") + (1 - decay) * (g * g);
    const bool centered = a.word("centered", "false") == "true", torch = a.word("form", "torch") == "torch";
    const T mean = centered ? decay * in.at("mean_gradient") + (1 - decay) * g : T(0);
    const T spread = std::max(square - mean * mean, T(0));
    const T direction = g / (torch ? std::sqrt(spread) + epsilon : std::sqrt(spread + epsilon));
    const T velocity = momentum * in.at("velocity") + (torch ? direction : rate * direction);
    return {{"new_parameter", p - (torch ? rate * velocity : velocity)},
            {"new_mean_square", square},
            {"new_mean_gradient", mean},
            {"new_velocity", velocity}};
  }
};

// The gradient's mean is drawn too, and often more than its mean square allows: the difference is then taken as 0.
LayerCase rmsprop_case(const std::string &name, const std::string &attributes, const std::vector<int64_t> &shape) {
  return {"",         name,
          attributes, {shape, shape, shape, shape, shape, {1}},
          false,      {{"learning_rate", 0.3}},
          {},         {{"mean_square", 5}}};
}

const RegisterLayerCases registered(
    "rmsprop", optimizer_reference<Rmsprop>({"mean_square", "mean_gradient", "velocity"}),
    {
        rmsprop_case("plain", "", {2, 5, 6, 7}),
        rmsprop_case("momentum", "momentum=0.9 decay=0.9", {3, 35, 4, 5}),
        rmsprop_case("centered", "centered=true momentum=0.5 epsilon=0.01", {2, 24, 3, 3}),
        rmsprop_case("decay", "weight_decay=0.01 epsilon=0.001", {3, 18, 2, 5}),
        rmsprop_case("tf", "form=tf momentum=0.9 epsilon=0.25", {2, 18, 5, 2}),
        rmsprop_case("tf_centered", "form=tf centered=true epsilon=0.25 decay=0.5", {2, 33, 4, 4}),
        rmsprop_case("vector", "momentum=0.8", {37}),
        rmsprop_case("rows", "centered=true epsilon=0.01", {3, 1033}),
    });

}  // namespace
}  // namespace sluice::testing
