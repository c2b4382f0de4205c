// SPDX-License-Identifier: Apache-2.0
// sluice run: any graph on tensors of a file.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>

#include "apps/commands.h"
#include "apps/console.h"
#include "apps/model_files.h"
#include "apps/tensor_names.h"
#include "weights_io/error.h"
#include "weights_io/safetensors.h"

namespace sluice {
namespace {

struct GraphRunOptions {
  ModelOptions model;
  std::string input, input_prefix, output, state_output;
  std::vector<std::string> keep;
  bool json = false;
};

// The tensors whose names begin with `prefix`, without it.
TensorMap without_prefix(const TensorMap &tensors, const std::string &prefix) {
  TensorMap chosen;
  for (const auto &[name, tensor] : tensors) {
    if (name.starts_with(prefix)) chosen[name.substr(prefix.size())] = tensor;
  }
  return chosen;
}

// Kept tensors under the names the caller used; outputs keep theirs.
void rename_kept(const Graph &graph, const std::vector<std::string> &names, TensorMap &results) {
  TensorMap named;
  for (auto &entry : results) {
    if (has_output(graph, entry.first)) named.insert(entry);
  }
  for (const std::string &name : names) {
    if (!has_output(graph, name)) named[name] = results.at(tensor_of_name(graph, name));
  }
  results = std::move(named);
}

void write_results(const GraphRunOptions &options, TensorMap results, TensorMap state) {
  write_safetensors(options.output, {std::move(results), {}});
  if (options.state_output.empty()) return;
  try {
    write_safetensors(options.state_output, {std::move(state), {}});
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(options.output, ignored);
    throw;
  }
}

Json describe_results(const GraphRunOptions &options, const TensorMap &results, double milliseconds) {
  Json outputs = Json::object();
  for (const auto &[name, tensor] : results) outputs[name] = tensor.shape;
  return {{"input", options.input}, {"output", options.output}, {"tensors", outputs}, {"milliseconds", milliseconds}};
}

void run_graph(const GraphRunOptions &options) {
  check_output_folder(options.output);
  if (!options.state_output.empty()) check_output_folder(options.state_output);
  const auto model = load_model(options.model, MissingWeights::allow);
  const TensorMap inputs = without_prefix(read_safetensors(options.input).tensors, options.input_prefix);
  RunOptions run;
  for (const std::string &name : options.keep) run.keep.push_back(tensor_of_name(model->graph(), name));
  run.cancel = &interrupt_flag();
  TensorMap state;
  run.state = &state;
  const auto start = std::chrono::steady_clock::now();
  TensorMap results;
  {
    Progress progress(true);
    run.progress = progress.callback();
    results = model->run(inputs, run);
  }
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  rename_kept(model->graph(), options.keep, results);
  check_interrupted();
  const Json description = describe_results(options, results, time.count());
  write_results(options, std::move(results), std::move(state));
  if (options.json) print_json(description);
}

}  // namespace

void add_run_command(CLI::App &program) {
  CLI::App *command = program.add_subcommand("run", "Run a graph on tensors");
  const auto options = std::make_shared<GraphRunOptions>();
  command->add_option("GRAPH", options->model.model, "Graph file or model name")->required();
  command->add_option("--input", options->input, "Input tensors, safetensors, under the graph's names")->required();
  command->add_option("--input-prefix", options->input_prefix, "Take only tensors whose names begin so, without it");
  command->add_option("--output", options->output, "Output tensors, safetensors")->required();
  command
      ->add_option("--mode", options->model.mode, "eval (stored statistics) or train (batch statistics, power steps)")
      ->check(CLI::IsMember({"eval", "train"}));
  command->add_option("--state-output", options->state_output,
                      "What the run made of the weights file's state (running statistics ...), safetensors");
  command->add_option("--keep", options->keep, "Nodes whose results are written too, with commas; may be repeated")
      ->delimiter(',')
      ->allow_extra_args(false);
  add_run_options(*command, options->model);
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options] { run_graph(*options); });
}

}  // namespace sluice
