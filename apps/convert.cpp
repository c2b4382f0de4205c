// SPDX-License-Identifier: Apache-2.0
// sluice convert: a published checkpoint into a weights file, and weights into a file for PyTorch.
#include "weights_io/convert.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/commands.h"
#include "apps/console.h"
#include "apps/inspect_checkpoint.h"
#include "apps/model_files.h"
#include "weights_io/error.h"
#include "weights_io/torch/torch_writer.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

struct ConvertCommandOptions {
  std::string source, output, model, licence, to = "safetensors", dialect;
  bool list = false, json = false, bgr_to_rgb = false;
};

// The names file beside the graph, and the graph that the result must fit.
struct ConvertTarget {
  fs::path graph, names;
};

ConvertTarget find_target(const std::string &model) {
  if (is_model_name(model)) return {find_graph(model), find_model_file(model, ".names")};
  return {model, fs::path(model).replace_extension(".names")};
}

void print_report(const ConvertCommandOptions &options, const Converted &converted) {
  const ConvertReport &report = converted.report;
  if (options.json) {
    return print_json({{"input", options.source},
                       {"output", options.output},
                       {"model", options.model},
                       {"format", report.format},
                       {"dialect", report.dialect},
                       {"known", report.known.empty() ? Json(nullptr) : Json(report.known)},
                       {"tensors_read", report.tensors_read},
                       {"tensors_written", report.tensors_written},
                       {"ignored", report.ignored},
                       {"others", report.others},
                       {"parameters", as_object(report.parameters)},
                       {"metadata", as_object(converted.archive.metadata)}});
  }
  std::string parameters, left_out;
  for (const auto &[key, value] : report.parameters) parameters += fmt::format(", {}={}", key, value);
  if (report.ignored + report.others > 0)
    left_out = fmt::format("; left out: {} tensors, {} other values", report.ignored, report.others);
  if (!report.known.empty()) print_message(fmt::format("{}: {}", options.source, printable(report.known)));
  print_message(fmt::format("{}: {} tensors from a {}, dialect {}{}{}", options.output, report.tensors_written,
                            report.format, report.dialect, parameters, left_out));
}

// The weights as they are called in a file for PyTorch.
Converted exported(Converted converted, const NamesFile &names, const ConvertCommandOptions &options) {
  Export file = export_names(names, options.dialect, std::move(converted.archive.tensors), options.source);
  converted.archive.tensors = std::move(file.tensors);
  converted.report.dialect = file.dialect;
  converted.report.tensors_written = converted.archive.tensors.size();
  return converted;
}

void run_convert(const ConvertCommandOptions &options) {
  if (options.list) return list_checkpoint(options.source, options.json);
  if (options.output.empty() || options.model.empty()) {
    throw Error(ErrorCode::usage, "convert: -o OUT and --model NAME are required, unless --list is given");
  }
  if (!options.dialect.empty() && options.to != "torch")
    throw Error(ErrorCode::usage, "convert: --dialect is for --to torch");
  check_output_folder(options.output);
  const ConvertTarget target = find_target(options.model);
  const NamesFile names = read_names(target.names);
  Converted converted =
      convert_checkpoint(options.source, names, target.graph.stem().string(), {options.licence, options.bgr_to_rgb});
  check_interrupted();
  Model::load(target.graph, converted.archive);  // it fits, or nothing is written
  check_interrupted();
  if (options.to == "torch") {
    converted = exported(std::move(converted), names, options);
    write_torch_zip(options.output, converted.archive);
  } else {
    write_weights(options.output, converted.archive);
  }
  print_report(options, converted);
}

}  // namespace

void add_convert_command(CLI::App &program) {
  CLI::App *command = program.add_subcommand("convert", "Make a weights file from a published checkpoint, or go back");
  const auto options = std::make_shared<ConvertCommandOptions>();
  command
      ->add_option("FILE", options->source,
                   "Checkpoint: PyTorch (zip or legacy), TensorFlow V2 (its .index or prefix), safetensors, or weights")
      ->required();
  command->add_option("-o,--output", options->output, "The file to write");
  command->add_option("--model", options->model, "Model whose names to use");
  command->add_option("--to", options->to, "safetensors: a weights file; torch: a .pth under published names")
      ->check(CLI::IsMember({"safetensors", "torch"}));
  command->add_option("--dialect", options->dialect, "With --to torch: whose names; default: the published ones");
  command->add_option("--licence", options->licence, "Licence to record; default: what is known of the checkpoint");
  command->add_flag("--bgr-to-rgb,--rgb-to-bgr", options->bgr_to_rgb,
                    "Turn the channels of pictures around: for weights trained on the other order");
  command->add_flag("--list", options->list, "Print the names and shapes in FILE, write nothing");
  command->add_flag("--json", options->json, "Print JSON: the report, or one object a tensor");
  command->callback([options] { run_convert(*options); });
}

}  // namespace sluice
