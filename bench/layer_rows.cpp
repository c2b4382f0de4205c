// SPDX-License-Identifier: Apache-2.0
#include "bench/layer_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fstream>
#include <sstream>

#include "weights_io/error.h"

namespace sluice::bench {
namespace {

constexpr uint32_t kSeed = 1;

std::vector<int64_t> parse_shape(const std::string &text) {
  std::vector<int64_t> shape;
  std::istringstream stream(text);
  for (std::string item; std::getline(stream, item, ',');) shape.push_back(std::stoll(item));
  return shape;
}

}  // namespace

std::vector<LayerRow> read_rows(const std::string &file) {
  std::ifstream stream(file);
  if (!stream) throw Error(ErrorCode::not_found, fmt::format("{}: can't be opened", file));
  std::vector<LayerRow> rows;
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    LayerRow row;
    std::string inputs;
    if (!(words >> row.name)) continue;
    if (!(words >> inputs >> row.op))
      throw Error(ErrorCode::bad_file, fmt::format("{}: row {} is cut short", file, row.name));
    std::istringstream ports(inputs);
    for (std::string port; std::getline(ports, port, ';');) row.inputs.push_back(parse_shape(port));
    std::getline(words, row.attributes);
    rows.push_back(row);
  }
  return rows;
}

LayerNetwork make_layer(const LayerRow &row, const ParseOptions &options) {
  const KernelTable &table = KernelTable::linked();
  std::vector<std::string> from, to{"out0"};
  if (!table.composites().contains(row.op)) {  // those have one output
    const LayerSchema &schema = table.schema(row.op);
    if (schema.inputs.size() < row.inputs.size()) {
      throw Error(ErrorCode::bad_file, fmt::format("row {}: {} has {} inputs", row.name, row.op, schema.inputs.size()));
    }
    for (size_t i = 1; i < schema.outputs.size(); i++) to.push_back(fmt::format("out{}", i));
  }
  std::string text = "model bench\n";
  Shapes shapes;
  for (const std::vector<int64_t> &shape : row.inputs) {
    from.push_back(fmt::format("in{}", from.size()));
    shapes[from.back()] = shape;
    text += fmt::format("input {} [{}]\n", from.back(), fmt::join(shape, " "));
  }
  text += fmt::format("{} node from {} to {} {}\noutput {}\n", row.op, fmt::join(from, ","), fmt::join(to, ","),
                      row.attributes, to[0]);
  LayerNetwork made;
  made.graph = parse_graph(text, row.name, options);
  made.weights = random_weights(made.graph, shapes, kSeed);
  made.inputs = random_inputs(made.graph, shapes, kSeed);
  return made;
}

}  // namespace sluice::bench
