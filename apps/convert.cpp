// SPDX-License-Identifier: Apache-2.0
// sluice convert: a published checkpoint into a weights file.
#include "weights_io/convert.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/commands.h"
#include "apps/console.h"
#include "apps/inspect_checkpoint.h"
#include "apps/model_files.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

struct ConvertCommandOptions {
  std::string source, output, model, licence;
  bool list = false, json = false;
};

// The names file beside the graph, and the graph that the result must fit.
struct ConvertTarget {
  fs::path graph, names;
};

ConvertTarget find_target(const std::string &model) {
  if (is_model_name(model)) return {find_graph(model), find_model_file(model, ".names")};
  return {model, fs::path(model).replace_extension(".names")};
}

void check_result(const ConvertCommandOptions &options, const fs::path &graph) {
  try {
    check_interrupted();
    Model::load(graph, options.output);
    check_interrupted();
  } catch (...) {
    std::error_code ignored;
    fs::remove(options.output, ignored);
    throw;
  }
}

void print_report(const ConvertCommandOptions &options, const ConvertReport &report) {
  if (options.json) {
    Json parameters = Json::object();
    for (const auto &[key, value] : report.parameters) parameters[key] = value;
    print_json({{"input", options.source},
                {"output", options.output},
                {"model", options.model},
                {"dialect", report.dialect},
                {"tensors_read", report.tensors_read},
                {"tensors_written", report.tensors_written},
                {"ignored", report.ignored},
                {"parameters", parameters}});
    return;
  }
  std::string parameters;
  for (const auto &[key, value] : report.parameters) parameters += fmt::format(", {}={}", key, value);
  print_message(
      fmt::format("{}: {} tensors, dialect {}{}", options.output, report.tensors_written, report.dialect, parameters));
}

void run_convert(const ConvertCommandOptions &options) {
  if (options.list) return list_checkpoint(options.source, options.json);
  if (options.output.empty() || options.model.empty()) {
    throw Error(ErrorCode::usage, "convert: -o OUT and --model NAME are required, unless --list is given");
  }
  check_output_folder(options.output);
  const ConvertTarget target = find_target(options.model);
  const ConvertReport report =
      convert_checkpoint(options.source, target.names, target.graph.stem().string(), options.output, {options.licence});
  check_result(options, target.graph);
  print_report(options, report);
}

}  // namespace

void add_convert_command(CLI::App &program) {
  CLI::App *command = program.add_subcommand("convert", "Make a weights file from a published checkpoint");
  const auto options = std::make_shared<ConvertCommandOptions>();
  command->add_option("FILE", options->source, "Checkpoint")->required();
  command->add_option("-o,--output", options->output, "Weights, a safetensors file");
  command->add_option("--model", options->model, "Model whose names to use");
  command->add_option("--licence", options->licence, "Licence to record; default: what the checkpoint says");
  command->add_flag("--list", options->list, "Print the names and shapes in FILE, write nothing");
  command->add_flag("--json", options->json, "Print JSON: the report, or one object a tensor");
  command->callback([options] { run_convert(*options); });
}

}  // namespace sluice
