// SPDX-License-Identifier: Apache-2.0
// What `sluice inspect` shows of a network's gates: for a picture, or for every class.
#pragma once
#include <string>

#include "apps/model_files.h"

namespace sluice {

struct GateQuestion {
  ModelOptions model;
  std::string output;  // picture; empty: only text
  bool json = false;
};

// `sluice inspect MODEL --gates IMAGE MASK`
void inspect_gates(const GateQuestion &question, const std::string &image, const std::string &mask);
// `sluice inspect MODEL --gate-table`
void inspect_gate_table(const GateQuestion &question);

}  // namespace sluice
