// SPDX-License-Identifier: Apache-2.0
// Files that claim, expand or cost far more than they hold.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace sluice::hostile {

struct Bomb {
  std::string kind;  // how hostile_reader reads it
  std::string what;
  std::function<std::string()> file;  // made when its turn comes
  std::string reason;                 // part of the message of its refusal
};

std::vector<Bomb> picture_bombs();
std::vector<Bomb> checkpoint_bombs();
std::vector<Bomb> graph_bombs();
std::vector<Bomb> names_bombs();

}  // namespace sluice::hostile
