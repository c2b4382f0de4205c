// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/optimizer_reference.h"

namespace sluice::testing {
namespace {

struct Sgd {
  template <typename T>
  static std::map<std::string, T> step(const Attributes &a, const std::map<std::string, T> &in) {
    const T momentum = static_cast<T>(a.real("momentum", 0)), decay = static_cast<T>(a.real("weight_decay", 0));
    const T p = in.at("parameter"), g = in.at("gradient") + decay * p;
    const T velocity = momentum * in.at("velocity") + g;
    const T direction = a.word("nesterov", "false") == "true" ? g + momentum * velocity : velocity;
    return {{"new_parameter", p - in.at("learning_rate") * direction}, {"new_velocity", velocity}};
  }
};

LayerCase sgd_case(const std::string &name, const std::string &attributes, const std::vector<int64_t> &shape,
                   double learning_rate = 0.3) {
  return {"", name, attributes, {shape, shape, shape, {1}}, learning_rate == 2, {{"learning_rate", learning_rate}}};
}

const RegisterLayerCases registered("sgd", optimizer_reference<Sgd>({"velocity"}),
                                    {
                                        sgd_case("plain", "", {2, 5, 6, 7}, 2),
                                        sgd_case("momentum", "momentum=0.9", {3, 35, 4, 5}),
                                        sgd_case("nesterov", "momentum=0.9 nesterov=true", {2, 24, 3, 3}),
                                        sgd_case("decay", "momentum=0.5 nesterov=true weight_decay=0.01",
                                                 {3, 18, 2, 5}),
                                        sgd_case("halves", "momentum=0.5 weight_decay=0.25", {2, 35, 5, 3}, 2),
                                        sgd_case("vector", "momentum=0.8", {37}),
                                        sgd_case("rows", "momentum=0.8", {3, 1033}),
                                    });

}  // namespace
}  // namespace sluice::testing
