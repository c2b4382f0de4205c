// SPDX-License-Identifier: Apache-2.0
// References of optimisers: plain loops in float32, whose every bit the kernels should have. Nothing has a derivative.
#pragma once
#include "tests/layers/layer_cases.h"

namespace sluice::testing {

// What a step makes of one element, by the names of the output ports; `in` and the result hold one number a port.
template <typename Rule>
Array<double> updated(const std::string &port, const Attributes &attributes, const Operands<double> &in) {
  const Array<double> &parameter = in.at("parameter");
  Array<double> made(parameter.shape);
  std::map<std::string, float> one;
  for (size_t i = 0; i < made.values.size(); i++) {
    for (const auto &[name, array] : in)
      one[name] = static_cast<float>(array.values.size() == 1 ? array.values[0] : array.values[i]);
    made.values[i] = static_cast<double>(Rule::template step<float>(attributes, one).at(port));
  }
  return made;
}

template <typename Rule>
LayerReference optimizer_reference(const std::vector<std::string> &state) {
  const auto of_port = [](const std::string &port) {
    return [port](const Attributes &attributes, const Operands<double> &in) {
      return updated<Rule>(port, attributes, in);
    };
  };
  LayerReference reference;
  reference.value = of_port("new_parameter");
  reference.bound = [](const Attributes &, const Operands<double> &in) {
    return Array<double>(in.at("parameter").shape);
  };
  for (const std::string &port : state) reference.others["new_" + port] = of_port("new_" + port);
  return reference;
}

}  // namespace sluice::testing
