// SPDX-License-Identifier: Apache-2.0
// The parsed network: plain data, in the order of the graph file. Nothing here knows what an op computes.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

// The value of one `key=value`. Expressions are already evaluated: numbers are canonical decimal text, words stay
// words.
struct AttributeValue {
  std::vector<std::string> items;

  // The items as written in a graph file: "a,b".
  std::string text() const {
    std::string joined;
    for (const std::string &item : items) {
      if (&item != items.data()) joined += ',';
      joined += item;
    }
    return joined;
  }

  // A list of equal items becomes the one item ("2,2" -> "2"); any other value is returned as it is.
  AttributeValue collapse() const {
    if (items.empty() || std::any_of(items.begin(), items.end(), [&](const auto &i) { return i != items.front(); })) {
      return *this;
    }
    return {{items.front()}};
  }
};

struct Node {
  std::string op, name;
  std::vector<std::string> inputs, outputs;  // tensor names
  std::map<std::string, AttributeValue> attributes;
  std::string weights;  // parameters and state are stored as this + port: "name." unless the line says weights=PREFIX
  std::string
      norm_weights;  // those of the layer's norm as this + weight, bias, running_mean, running_var; empty: as all
  std::map<std::string, std::string> renamed;  // port -> its name behind `weights`, where that is not the port's own
  int line = 0;  // of the statement; for a node of a block, the line inside the block; of a composite op, its line
};

struct Dimension {
  std::string symbol;  // empty: the extent is fixed
  int64_t extent = 0;
};

struct GraphInput {
  std::string name;
  std::vector<Dimension> shape;                      // n c h w order, as written; 1 to 6 dimensions
  float scale = 1, offset = 0;                       // network value = given value * scale + offset
  std::string order;                                 // "", "rgb" or "bgr"
  std::string pad = "zero";                          // or "edge": how padding to the model's multiple is filled
  std::optional<float> value;                        // a constant input, made by the runner when it is not given
  std::optional<std::pair<int64_t, int64_t>> range;  // whole numbers from first to last, such as labels; others refused
  int line = 0;
};

struct GraphOutput {
  std::string name, from;        // from: the tensor
  std::vector<Dimension> shape;  // empty: not stated
  float scale = 1, offset = 0;   // picture sample 0..255 = tensor value * scale + offset
  std::string order;             // "", "rgb" or "bgr"
  int line = 0;
};

struct Graph {
  std::string file, model;
  int64_t multiple = 1;                           // heights and widths are padded to a multiple of this
  std::map<std::string, std::string> parameters;  // after overrides
  std::vector<GraphInput> inputs;
  std::vector<Node> nodes;
  std::vector<GraphOutput> outputs;
  std::vector<std::string> losses;  // raw lines
};

}  // namespace sluice
