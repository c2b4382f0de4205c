// SPDX-License-Identifier: Apache-2.0
// The networks of models/ that have small fixtures, for tests that run them whole.
#pragma once
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "runtime/model.h"
#include "tests/support/fixture.h"

namespace sluice::testing {

struct NetworkCase {
  std::string model, weights, fixture;          // models/<model>.graph; tests/fixtures/<...>.safetensors
  double value_bound = 0, gradient_bound = 0;   // ten times what a plain float32 run of the reference got
  std::map<std::string, std::string> settings;  // besides those that the weights tell
};

inline void PrintTo(const NetworkCase &one, std::ostream *out) { *out << one.fixture; }

const std::vector<NetworkCase> &network_cases();

// A fixture's network with the weights it was made with, and where each published weight went.
struct Network {
  Archive fixture;
  std::shared_ptr<const Model> model;
  std::map<std::string, std::string> ours;  // published weight -> name here
};

// Weights are loaded under their published names.
Network load_network(const NetworkCase &one, LoadOptions options = {});

// Inputs of the fixture that the network has (a target is the loss's).
TensorMap inputs_of(const Network &network);

}  // namespace sluice::testing
