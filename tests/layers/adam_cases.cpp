// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/optimizer_reference.h"

namespace sluice::testing {
namespace {

struct Adam {
  template <typename T>
  static std::map<std::string, T> step(const Attributes &a, const std::map<std::string, T> &in) {
    // Attributes are float32 in a kernel, too.
    const T beta1 = static_cast<T>(a.real("beta1", 0.9)), beta2 = static_cast<T>(a.real("beta2", 0.999));
    const T epsilon = static_cast<T>(a.real("epsilon", 1e-8)), decay = static_cast<T>(a.real("weight_decay", 0));
    const bool decoupled = a.word("decoupled", "false") == "true";
    const double rate = in.at("learning_rate"), t = in.at("step");
    const T kept = static_cast<T>(decoupled ? 1 - rate * static_cast<double>(decay) : 1);
    const T step_size = static_cast<T>(rate / (1 - std::pow(static_cast<double>(beta1), t)));
    const T correction = static_cast<T>(std::sqrt(1 - std::pow(static_cast<double>(beta2), t)));
    const T p = in.at("parameter");
    const T g = decoupled ? in.at("gradient") : in.at("gradient") + decay * p;
    const T m = beta1 * in.at("first_moment") + (1 - beta1) * g;
    const T v = beta2 * in.at("second_moment") + (1 - beta2) * (g * g);
    const T root = std::sqrt(v);
    const bool torch = a.word("form", "torch") == "torch";
    const T denominator = torch ? root / correction + epsilon : (root + epsilon) / correction;
    return {
        {"new_parameter", kept * p - step_size * (m / denominator)}, {"new_first_moment", m}, {"new_second_moment", v}};
  }
};

LayerCase adam_case(const std::string &name, const std::string &attributes, const std::vector<int64_t> &shape,
                    double step) {
  return {"",         name,
          attributes, {shape, shape, shape, shape, {1}, {1}},
          false,      {{"learning_rate", 0.25}, {"step", step}},
          {},         {{"second_moment", 7}}};
}

const RegisterLayerCases registered("adam", optimizer_reference<Adam>({"first_moment", "second_moment"}),
                                    {
                                        adam_case("first_step", "beta1=0.5", {2, 5, 6, 7}, 1),
                                        adam_case("fifth_step", "beta2=0.99 epsilon=1e-3", {3, 35, 4, 5}, 5),
                                        adam_case("coupled", "weight_decay=0.125", {2, 24, 3, 3}, 3),
                                        adam_case("decoupled", "decoupled=true weight_decay=0.05", {3, 21, 2, 5}, 2),
                                        adam_case("tf", "form=tf beta1=0.5 epsilon=0.125", {2, 18, 5, 2}, 2),
                                        adam_case("late", "", {2, 33, 4, 4}, 100000),
                                        adam_case("vector", "", {37}, 4),
                                        adam_case("rows", "", {3, 1033}, 4),
                                        adam_case("clip", "form=tf", {2, 3, 4, 5, 6}, 4),
                                    });

}  // namespace
}  // namespace sluice::testing
