// SPDX-License-Identifier: Apache-2.0
// Pictures of gates: grey is how far a gate is open, black is shut.
#pragma once
#include <string>
#include <vector>

#include "runtime/tasks/gates.h"

namespace sluice {

// All maps in one grey picture, in their order, row by row, each under its layer's name and mean. The tiles have one
// size, that of the largest map but at most 256 pixels a side; smaller maps are enlarged to the nearest pixel.
// Error(usage) when there are none, Error(input_failed) when the picture would be larger than a PNG file may be here.
Picture gate_sheet(const std::vector<GateMap> &maps);

// A row a class, a column a channel, block beside block; below them the same of beta, by magnitude. `names` stands in
// front of the rows; without it the numbers of the classes do. Errors as above.
Picture class_gate_picture(const ClassGates &table, const std::vector<std::string> &names);

}  // namespace sluice
