// SPDX-License-Identifier: Apache-2.0
// sluice grad: gradients of a graph's inputs and weights.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/commands.h"
#include "apps/console.h"
#include "apps/model_files.h"
#include "apps/tensor_names.h"
#include "runtime/graph_file.h"
#include "runtime/input_shapes.h"
#include "runtime/training/gradients.h"
#include "weights_io/error.h"
#include "weights_io/safetensors.h"

namespace sluice {
namespace {

struct GradOptions {
  ModelOptions model;
  std::string input, grad_output, output;
  bool json = false;
};

[[noreturn]] void refuse_without_gradients(const Model &model) {
  const std::string reason =
      model.graph().losses.empty() ? "the graph has no loss lines" : "the graph's loss layers are not built";
  throw Error(ErrorCode::usage, fmt::format("model {}: {}; give --grad-output FILE", model.graph().model, reason));
}

// Gradients under names of tensors, where the file may say nodes.
TensorMap read_output_gradients(const Model &model, const std::string &file) {
  TensorMap named;
  for (auto &[name, gradient] : read_safetensors(file).tensors) {
    const Graph &graph = model.graph();
    const std::string tensor = has_output(graph, name) ? name : tensor_of_name(graph, name);
    if (!named.emplace(tensor, std::move(gradient)).second) {
      throw Error(ErrorCode::input_failed, fmt::format("{}: two gradients for the tensor '{}'", file, tensor));
    }
  }
  return named;
}

void run_grad(const GradOptions &options) {
  check_output_folder(options.output);
  const auto model = load_model(options.model, MissingWeights::allow);
  if (options.grad_output.empty()) refuse_without_gradients(*model);
  const TensorMap inputs = read_safetensors(options.input).tensors;
  first_given_input(model->graph(), inputs);  // refuses names that are not inputs
  const TensorMap output_gradients = read_output_gradients(*model, options.grad_output);
  TensorMap result;
  {
    Progress progress(true);
    RunOptions run;
    run.progress = progress.callback();
    run.cancel = &interrupt_flag();
    result = gradients(*model, inputs, output_gradients, run);
  }
  check_interrupted();
  Json shapes = Json::object();
  for (const auto &[name, tensor] : result) shapes[name] = tensor.shape;
  write_safetensors(options.output, {std::move(result), {}});
  if (options.json) print_json({{"input", options.input}, {"output", options.output}, {"tensors", shapes}});
}

}  // namespace

void prepare_training(char **) { register_training(); }
void list_training_kernels() {}

void add_grad_command(CLI::App &program) {
  CLI::App *command = program.add_subcommand("grad", kGradSummary);
  const auto options = std::make_shared<GradOptions>();
  options->model.algorithm = "direct";
  options->model.purpose = "training";
  options->model.keep_weights = true;
  command->add_option("GRAPH", options->model.model, "Graph file or model name")->required();
  command->add_option("--input", options->input, "Input tensors, safetensors, under the graph's names")->required();
  command->add_option("--grad-output", options->grad_output,
                      "Gradients of outputs or nodes; default: the graph's loss");
  command->add_option("--output", options->output, "Gradients, safetensors: of inputs and of <node>.<port>")
      ->required();
  command
      ->add_option("--mode", options->model.mode, "eval (stored statistics) or train (batch statistics, power steps)")
      ->check(CLI::IsMember({"eval", "train"}));
  add_run_options(*command, options->model);
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options] { run_grad(*options); });
}

}  // namespace sluice
