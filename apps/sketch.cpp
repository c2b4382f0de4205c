// SPDX-License-Identifier: Apache-2.0
// sluice sketch: a partial sketch and a class in, a coloured picture out.
#include "runtime/tasks/sketch.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <utility>

#include "apps/commands.h"
#include "apps/console.h"
#include "apps/model_files.h"
#include "runtime/graph_file.h"
#include "runtime/tasks/class_names.h"
#include "runtime/tasks/picture_tensor.h"
#include "weights_io/error.h"
#include "weights_io/input_file.h"
#include "weights_io/safetensors_header.h"

namespace sluice {
namespace {

constexpr int kMostCompletions = 1000;

struct SketchOptions {
  std::string sketch, class_name;
  std::string output, gallery, shadow, pad;  // the last three may be empty
  ModelOptions shape, appearance;
  std::vector<std::string> settings;  // of both
  CompletionOptions completion;
  int chosen = 0;
  bool json = false, quiet = false;

  std::vector<std::string> outputs() const {
    std::vector<std::string> files;
    for (const std::string &file : {gallery, shadow, pad, output}) {
      if (!file.empty()) files.push_back(file);
    }
    return files;
  }
};

void check_options(const SketchOptions &options) {
  std::set<std::string> seen;
  for (const std::string &file : options.outputs()) {
    if (!can_write(file)) {
      throw Error(ErrorCode::usage, fmt::format("{}: unknown picture extension; expected .png, .jpg or .jpeg", file));
    }
    if (!seen.insert(file).second) throw Error(ErrorCode::usage, fmt::format("{}: two pictures of this name", file));
    check_output_folder(file);
  }
  if (options.chosen >= options.completion.completions) {
    throw Error(ErrorCode::usage, fmt::format("--choose {}: there are {} completions, counted from 0", options.chosen,
                                              options.completion.completions));
  }
}

// A setting goes to each of the two graphs that has a parameter of the name; one at least must. A wrong model name is
// said here, before pictures are read.
void share_settings(SketchOptions &options) {
  const auto shape_file = find_graph(options.shape.model), appearance_file = find_graph(options.appearance.model);
  if (options.settings.empty()) return;
  const Graph shape = read_graph(shape_file), appearance = read_graph(appearance_file);
  for (const auto &[name, value] : parse_settings(options.settings)) {
    const std::string setting = fmt::format("{}={}", name, value);
    const bool for_shape = shape.parameters.count(name) != 0, for_appearance = appearance.parameters.count(name) != 0;
    if (for_shape) options.shape.settings.push_back(setting);
    if (for_appearance) options.appearance.settings.push_back(setting);
    if (!for_shape && !for_appearance) {
      throw Error(ErrorCode::usage,
                  fmt::format("--set: neither {} nor {} has a parameter '{}'", shape.model, appearance.model, name));
    }
  }
}

// Only the header is read: the file has been checked whole when its weights were loaded.
std::map<std::string, std::string> metadata_of(const std::filesystem::path &weights) {
  InputFile file(weights);
  std::byte prefix[safetensors::kPrefixBytes];
  file.read_exactly(prefix);
  std::string text(static_cast<size_t>(safetensors::header_length(prefix, file.size(), file.name())), '\0');
  file.read_exactly(std::as_writable_bytes(std::span<char>(text)));
  return safetensors::parse_header(text, file.size() - sizeof(prefix) - text.size(), file.name()).metadata;
}

// The same class may have another number in either network.
int64_t label_for(const std::string &name, const SketchNetwork &network, const ModelOptions &options) {
  if (!network.has_classes()) return 0;
  const int64_t count = class_count(network.graph());
  const auto metadata = metadata_of(find_weights(options, MissingWeights::take_shipped));
  const auto list = metadata.find("classes");
  return class_number(name, class_names(list == metadata.end() ? "" : list->second, count), count);
}

// All or none: what was written before one that fails is removed.
void write_pictures(const std::vector<std::pair<std::string, Picture>> &pictures) {
  for (size_t i = 0; i < pictures.size(); i++) {
    try {
      write_picture(pictures[i].first, pictures[i].second);
    } catch (...) {
      std::error_code ignored;
      for (size_t written = 0; written < i; written++) std::filesystem::remove(pictures[written].first, ignored);
      throw;
    }
  }
}

void print_result(const SketchOptions &options, int64_t label, const Picture &image, double milliseconds) {
  Json item = {{"input", options.sketch},
               {"output", options.output},
               {"class", options.class_name},
               {"label", label},
               {"completions", options.completion.completions},
               {"chosen", options.chosen},
               {"seed", options.completion.seed},
               {"std", options.completion.deviation},
               {"width", image.width},
               {"height", image.height},
               {"milliseconds", milliseconds}};
  if (!options.gallery.empty()) item["gallery"] = options.gallery;
  if (!options.shadow.empty()) item["shadow"] = options.shadow;
  if (!options.pad.empty()) item["pad"] = options.pad;
  print_json(item);
}

void run_sketch(SketchOptions options) {
  check_options(options);
  options.appearance.threads = options.shape.threads;
  options.appearance.device = options.shape.device;
  share_settings(options);
  const Picture sketch = read_picture(options.sketch);
  const SketchNetwork shape(load_model(options.shape, MissingWeights::take_shipped), kShapeSide);
  const SketchNetwork appearance(load_model(options.appearance, MissingWeights::take_shipped), kAppearanceSide);
  const int64_t shape_label = label_for(options.class_name, shape, options.shape);
  const int64_t appearance_label = label_for(options.class_name, appearance, options.appearance);
  check_interrupted();

  const auto start = std::chrono::steady_clock::now();
  std::vector<Plane> completions;
  Picture image;
  {
    Progress progress(!options.quiet);
    options.completion.run.progress = progress.callback();
    options.completion.run.cancel = &interrupt_flag();
    completions = complete_sketch(shape, shape_label, sketch, options.completion);
    image = colour_sketch(appearance, appearance_label, completions[static_cast<size_t>(options.chosen)],
                          options.completion.seed, options.completion.run);
  }
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;

  std::vector<std::pair<std::string, Picture>> pictures;
  const Plane shadow = shadow_of(completions);
  if (!options.gallery.empty()) pictures.emplace_back(options.gallery, gallery_picture(completions));
  if (!options.shadow.empty()) pictures.emplace_back(options.shadow, grey_picture(shadow));
  if (!options.pad.empty()) pictures.emplace_back(options.pad, pad_picture(sketch, shadow));
  pictures.emplace_back(options.output, image);
  check_interrupted();
  write_pictures(pictures);
  if (options.json) print_result(options, shape_label, image, time.count());
}

// CLI11 would take a sign, and the nearest number for one that is too large.
std::string refusal_of_seed(const std::string &text) {
  uint64_t seed = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), seed);
  const bool whole = problem == std::errc() && end == text.data() + text.size();
  return whole ? "" : fmt::format("'{}' is not a whole number from 0 to 2^64 - 1", text);
}

void add_outputs(CLI::App &command, SketchOptions &options) {
  command.add_option("-o,--output", options.output, "Coloured picture, .png or .jpg")->required();
  command.add_option("--gallery", options.gallery, "All completions in one picture, two columns, row by row");
  command.add_option("--shadow", options.shadow, "What the completions have in common, in light grey");
  command.add_option("--pad", options.pad, "The sketch over the shadow, of the sketch's size");
}

void add_models(CLI::App &command, SketchOptions &options) {
  options.shape.model = "sketchfill_shape";
  options.appearance.model = "sketchfill_appearance";
  options.shape.weights_option = "--shape-weights";
  options.appearance.weights_option = "--appearance-weights";
  command.add_option("--shape", options.shape.model, "Model that completes, name or graph; default: sketchfill_shape");
  command.add_option("--appearance", options.appearance.model,
                     "Model that colours, name or graph; default: sketchfill_appearance");
  command.add_option("--shape-weights", options.shape.weights, "Weights of the first, a safetensors file");
  command.add_option("--appearance-weights", options.appearance.weights, "Weights of the second");
  command.add_option("--threads", options.shape.threads, "Threads; 0, the default: one a processor");
  add_device_option(command, options.shape.device);
  add_set_option(command, options.settings);
}

}  // namespace

void add_sketch_command(CLI::App &program) {
  CLI::App *command = program.add_subcommand("sketch", "Complete a partial sketch of a class and colour it");
  const auto options = std::make_shared<SketchOptions>();
  command->add_option("SKETCH", options->sketch, "Partial sketch, PNG or JPEG: dark strokes on white")->required();
  command->add_option("--class", options->class_name, "Class, by name or by number from 0")->required();
  add_outputs(*command, *options);
  command->add_option("--completions", options->completion.completions, "How many completions; default: 8")
      ->check(CLI::Range(1, kMostCompletions));
  command->add_option("--choose", options->chosen, "Completion to colour, counted from 0, the default")
      ->check(CLI::Range(0, kMostCompletions));
  command->add_option("--seed", options->completion.seed, "Other numbers give other completions; default: 0")
      ->check(refusal_of_seed);
  command->add_option("--std", options->completion.deviation, "Standard deviation of the noise; default: 0.2")
      ->check(CLI::NonNegativeNumber);
  add_models(*command, *options);
  command->add_flag("--json", options->json, "Print one JSON object");
  command->add_flag("--quiet", options->quiet, "No progress");
  command->callback([options] { run_sketch(*options); });
}

}  // namespace sluice
