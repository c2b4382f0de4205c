// SPDX-License-Identifier: Apache-2.0
// sluice inspect: what is in a checkpoint, in a graph, in the program.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <tuple>

#include "apps/commands.h"
#include "apps/console.h"
#include "apps/inspect_checkpoint.h"
#include "apps/inspect_gates.h"
#include "apps/inspect_graph.h"
#include "apps/model_files.h"
#include "runtime/kernel_table.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

struct InspectOptions {
  std::string file, weights, output, size = "512x512", mode = "eval";
  std::vector<std::string> settings, gates;  // gates: picture and mask, or empty
  int64_t frames = 8;
  bool kernels = false, gate_table = false, json = false;
  std::vector<std::string> devices;
};

void list_kernels(const InspectOptions &options) {
  list_training_kernels();
  for (const Kernel &kernel : KernelTable::linked().kernels()) {
    if (options.json) {
      Json variant = Json::object();
      for (const auto &[key, value] : kernel.variant) variant[key] = value;
      print_json({{"symbol", kernel.symbol},
                  {"layer", kernel.layer},
                  {"direction", kernel.direction},
                  {"device", kernel.device},
                  {"variant", variant}});
    } else {
      print_line(kernel.symbol);
    }
  }
}

void inspect_graph(const InspectOptions &options) {
  GraphQuestion question;
  std::tie(question.open.height, question.open.width) = parse_size(options.size);
  question.parameters = parse_settings(options.settings);
  question.graph = find_graph(options.file);
  question.weights = options.weights;
  question.open.frames = options.frames;
  question.mode = options.mode;
  question.kernels = options.kernels;
  question.devices = options.devices;
  const Json graph = describe_graph(question);
  if (options.json) {
    print_json(graph);
  } else {
    print_graph(graph);
  }
}

void inspect_model_gates(const InspectOptions &options) {
  if (options.file.empty() || is_checkpoint(options.file)) {
    throw Error(ErrorCode::usage, "inspect: --gates and --gate-table are about a GRAPH");
  }
  GateQuestion question;
  question.model.model = options.file;
  question.model.weights = options.weights;
  question.model.settings = options.settings;
  question.model.mode = options.mode;
  question.model.keep_weights = true;  // gates are models of their own, with the same weights
  question.output = options.output;
  question.json = options.json;
  if (options.gate_table) return inspect_gate_table(question);
  inspect_gates(question, options.gates.at(0), options.gates.at(1));
}

void run_inspect(const InspectOptions &options) {
  if (options.gate_table || !options.gates.empty()) {
    inspect_model_gates(options);
  } else if (!options.output.empty()) {
    throw Error(ErrorCode::usage, "inspect: --output is for --gates and --gate-table");
  } else if (options.file.empty()) {
    if (!options.kernels) throw Error(ErrorCode::usage, "inspect: give a FILE, a GRAPH, or --kernels");
    list_kernels(options);
  } else if (is_checkpoint(options.file)) {
    inspect_checkpoint(options.file, options.json);
  } else {
    inspect_graph(options);
  }
}

}  // namespace

void add_inspect_command(CLI::App &program) {
  CLI::App *command = program.add_subcommand("inspect", "Say what is in a checkpoint, a weights file or a graph");
  const auto options = std::make_shared<InspectOptions>();
  command->add_option("FILE", options->file, "Checkpoint, weights file, graph file or model name");
  command->add_option("--weights", options->weights,
                      "Weights of the graph; without them shapes come from its attributes");
  command->add_option("--size", options->size,
                      "Height and width, where a graph leaves them open, HxW; default: 512x512");
  command->add_option("--frames", options->frames, "Frames of a clip, for a graph that leaves them open; default: 8")
      ->check(CLI::Range(int64_t{1}, kMaxSide));
  command->add_option("--mode", options->mode, "eval (stored statistics) or train (batch statistics, power steps)")
      ->check(CLI::IsMember({"eval", "train"}));
  add_set_option(*command, options->settings);
  CLI::Option *gates =
      command->add_option("--gates", options->gates, "IMAGE MASK: how far the gate of every layer is open");
  gates->type_name("IMAGE MASK")->expected(2);
  CLI::Option *table = command->add_flag("--gate-table", options->gate_table, "How far gates are open for every class");
  table->excludes(gates);
  command->add_option("-o,--output", options->output, "With --gates or --gate-table: a picture of them, .png or .jpg");
  CLI::Option *kernels =
      command->add_flag("--kernels", options->kernels, "The kernels of every node, or without FILE all that are built");
  command->add_option("--device", options->devices, "With --kernels of a graph: a device's besides; may be repeated")
      ->needs(kernels);
  command->add_flag("--json", options->json, "Print JSON: one object, or one a kernel");
  command->callback([options] { run_inspect(*options); });
}

}  // namespace sluice
