// SPDX-License-Identifier: Apache-2.0
// Gates as text, JSON and pictures.
#include "apps/inspect_gates.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "apps/console.h"
#include "apps/inspect_table.h"
#include "runtime/tasks/class_names.h"
#include "runtime/tasks/gate_pictures.h"
#include "runtime/tasks/gates.h"
#include "weights_io/error.h"
#include "weights_io/safetensors.h"

namespace sluice {
namespace {

void check_output(const std::string &output) {
  if (output.empty()) return;
  if (!can_write(output)) {
    throw Error(ErrorCode::usage, fmt::format("{}: unknown picture extension; expected .png, .jpg or .jpeg", output));
  }
  check_output_folder(output);
}

std::vector<uint8_t> read_mask_of(const std::string &file, const std::string &image_file, const Picture &image) {
  int width = 0, height = 0;
  std::vector<uint8_t> mask = read_mask(file, &width, &height);
  if (width != image.width || height != image.height) {
    throw Error(ErrorCode::input_failed, fmt::format("{}: the mask is {} x {}, the picture {} is {} x {}", file, width,
                                                     height, image_file, image.width, image.height));
  }
  return mask;
}

void print_maps(const std::vector<GateMap> &maps) {
  std::vector<std::vector<std::string>> rows{{"layer", "op", "gate", "openness"}};
  for (const GateMap &map : maps) {
    rows.push_back({map.node, map.op, shape_text(map.shape), fmt::format("{:.4f}", map.openness)});
  }
  for (const std::string &line : table_lines(rows, 3)) print_line(line);
}

Json describe_maps(const std::vector<GateMap> &maps) {
  Json gates = Json::array();
  for (const GateMap &map : maps) {
    gates.push_back({{"node", map.node}, {"op", map.op}, {"shape", map.shape}, {"openness", map.openness}});
  }
  return gates;
}

// A name a class, of those that have one.
std::vector<std::string> names_for(const ClassGates &table, const GateQuestion &question, const Graph &graph) {
  const auto weights = find_weights(question.model, MissingWeights::take_shipped);
  const auto metadata = read_safetensors(weights).metadata;
  const auto list = metadata.find("classes");
  const auto known = class_names(list == metadata.end() ? "" : list->second, class_count(graph));
  std::vector<std::string> names;
  for (int64_t k = table.first_class; k < table.first_class + table.classes; k++) {
    const bool named = k >= 0 && k < static_cast<int64_t>(known.size());
    names.push_back(named ? known[static_cast<size_t>(k)] : std::to_string(k));
  }
  return names;
}

void print_gate_table(const ClassGates &table, const std::vector<std::string> &names) {
  std::vector<std::vector<std::string>> rows{{"block", "gate"}};
  for (const std::string &name : names) rows.front().push_back(printable(name));
  for (const ClassGate &gate : table.gates) {
    std::vector<std::string> row{gate.node, gate.port};
    for (size_t k = 0; k < names.size(); k++) row.push_back(fmt::format("{:.4f}", gate.mean(k)));
    rows.push_back(row);
  }
  for (const std::string &line : table_lines(rows, 2)) print_line(line);
}

Json describe_gate_table(const ClassGates &table, const std::vector<std::string> &names) {
  Json item = {{"classes", Json::array()}, {"gates", Json::array()}};
  for (size_t k = 0; k < names.size(); k++) {
    item["classes"].push_back({{"label", table.first_class + static_cast<int64_t>(k)}, {"name", names[k]}});
  }
  for (const ClassGate &gate : table.gates) {
    Json means = Json::array();
    for (size_t k = 0; k < names.size(); k++) means.push_back(gate.mean(k));
    item["gates"].push_back({{"node", gate.node},
                             {"gate", gate.port},
                             {"channels", gate.channels()},
                             {"mean", means},
                             {"values", gate.values}});
  }
  return item;
}

RunOptions run_options(Progress &progress) {
  RunOptions run;
  run.progress = progress.callback();
  run.cancel = &interrupt_flag();
  return run;
}

void write_output(const GateQuestion &question, const Picture &picture) {
  check_interrupted();
  write_picture(question.output, picture);
}

}  // namespace

void inspect_gates(const GateQuestion &question, const std::string &image_file, const std::string &mask_file) {
  check_output(question.output);
  find_graph(question.model.model);  // a wrong name is said before pictures are read
  const Picture image = read_picture(image_file);
  const std::vector<uint8_t> mask = read_mask_of(mask_file, image_file, image);
  const auto model = load_model(question.model, MissingWeights::take_shipped);
  check_interrupted();
  std::vector<GateMap> maps;
  {
    Progress progress(true);
    maps = gate_maps(*model, hole_inputs(model->graph(), image, mask), run_options(progress));
  }
  if (!question.output.empty()) write_output(question, gate_sheet(maps));
  if (!question.json) return print_maps(maps);
  Json item = {{"model", model->graph().model}, {"input", image_file}, {"mask", mask_file}};
  if (!question.output.empty()) item["output"] = question.output;
  item["width"] = image.width;
  item["height"] = image.height;
  item["gates"] = describe_maps(maps);
  print_json(item);
}

void inspect_gate_table(const GateQuestion &question) {
  check_output(question.output);
  const auto model = load_model(question.model, MissingWeights::take_shipped);
  check_interrupted();
  ClassGates table;
  {
    Progress progress(true);
    table = class_gates(*model, run_options(progress));
  }
  const std::vector<std::string> names = names_for(table, question, model->graph());
  if (!question.output.empty()) write_output(question, class_gate_picture(table, names));
  if (!question.json) return print_gate_table(table, names);
  Json item = {{"model", model->graph().model}};
  if (!question.output.empty()) item["output"] = question.output;
  item.update(describe_gate_table(table, names));
  print_json(item);
}

}  // namespace sluice
