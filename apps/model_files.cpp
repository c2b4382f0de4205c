// SPDX-License-Identifier: Apache-2.0
// Search of models relative to the program.
#include "apps/model_files.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <optional>
#include <utility>

#include "apps/console.h"
#include "runtime/device.h"
#include "runtime/expression.h"
#include "runtime/kernel_call.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> model_folders() {
  std::vector<fs::path> folders;
  const char *chosen = std::getenv("SLUICE_MODELS");
  if (chosen != nullptr && *chosen != '\0') folders.emplace_back(chosen);
  for (const fs::path &folder : folders_of_program("models")) folders.push_back(folder);
  return folders;
}

bool is_file(const fs::path &path) {
  std::error_code problem;
  return fs::is_regular_file(path, problem);
}

fs::path weights_beside(const fs::path &graph) { return fs::path(graph).replace_extension(".safetensors"); }

}  // namespace

std::vector<fs::path> folders_of_program(const std::string &name) {
  std::error_code problem;
  const fs::path program = fs::read_symlink("/proc/self/exe", problem);
  if (problem) return {};
  const fs::path bin = program.parent_path();
  return {(bin / SLUICE_DATA_FROM_PROGRAMS / name).lexically_normal(), bin.parent_path().parent_path() / name};
}

fs::path find_model_file(const std::string &name, const std::string &extension) {
  std::string places;
  for (const fs::path &folder : model_folders()) {
    fs::path file = folder / (name + extension);
    if (is_file(file)) return file;
    places += (places.empty() ? "" : ", ") + file.string();
  }
  throw Error(ErrorCode::not_found, fmt::format("no model '{}'; looked for {}", name, places));
}

bool is_model_name(const std::string &name_or_file) {
  return name_or_file.find('/') == std::string::npos && !name_or_file.ends_with(".graph") && !is_file(name_or_file);
}

fs::path find_graph(const std::string &name_or_file) {
  return is_model_name(name_or_file) ? find_model_file(name_or_file, ".graph") : fs::path(name_or_file);
}

std::map<std::string, std::string> parse_settings(const std::vector<std::string> &settings) {
  std::map<std::string, std::string> parsed;
  for (const std::string &setting : settings) {
    const size_t equals = setting.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == setting.size()) {
      throw Error(ErrorCode::usage, fmt::format("--set: expected name=value, got '{}'", setting));
    }
    parsed[setting.substr(0, equals)] = setting.substr(equals + 1);
  }
  return parsed;
}

std::pair<int64_t, int64_t> parse_size(const std::string &text) {
  const size_t cross = text.find('x');
  if (cross != std::string::npos) {
    const auto height = as_integer(text.substr(0, cross)), width = as_integer(text.substr(cross + 1));
    const auto fits = [](const std::optional<int64_t> &side) { return side && *side > 0 && *side <= kMaxSide; };
    if (fits(height) && fits(width)) return {*height, *width};
  }
  throw Error(ErrorCode::usage, fmt::format("--size: expected HxW, sides of 1 to {}, got '{}'", kMaxSide, text));
}

void add_set_option(CLI::App &command, std::vector<std::string> &settings) {
  command.add_option("--set", settings, "A parameter of the graph, name=value; may be repeated")
      ->allow_extra_args(false);
}

void add_device_option(CLI::App &command, std::string &device) {
  const auto check = [](const std::string &text) {
    const bool known = text == "cpu" || text == "auto" || text == "opencl" || text == "cuda";
    const bool numbered = text.starts_with("cuda:") && as_integer(text.substr(text.find(':') + 1)).value_or(-1) >= 0;
    return known || numbered ? "" : text + " not in {cpu,cuda,cuda:N,opencl,auto}";
  };
  command.add_option("--device", device, "Where to compute: cpu, cuda, cuda:N, opencl, or auto: CUDA if it works here")
      ->check(CLI::Validator(check, ""));
}

void add_run_options(CLI::App &command, ModelOptions &options) {
  command.add_option("--weights", options.weights, "Weights, a safetensors file");
  command.add_option("--threads", options.threads, "Threads; 0, the default: one a processor");
  add_device_option(command, options.device);
  add_set_option(command, options.settings);
  command.add_flag("!--no-prepack", options.prepack, "Pack weights in each run, layer by layer: less memory, slower");
}

fs::path find_weights(const ModelOptions &options, MissingWeights missing) {
  const fs::path graph = find_graph(options.model);
  if (!options.weights.empty()) return options.weights;
  if (missing == MissingWeights::allow && !is_model_name(options.model)) return {};
  fs::path shipped = weights_beside(graph);
  if (is_file(shipped)) return shipped;
  if (missing == MissingWeights::allow) return {};
  throw Error(ErrorCode::not_found, fmt::format("no weights for {}: {} is not there; give {} FILE",
                                                graph.filename().string(), shipped.string(), options.weights_option));
}

void tell_device(const std::string &device) {
  std::string reason;
  const bool on_cpu = find_device(device, &reason) == nullptr;
  if (static bool said = false; device == "auto" && on_cpu && !std::exchange(said, true))
    print_message(fmt::format("computing on the CPU: {}", reason));
}

std::shared_ptr<const Model> load_model(const ModelOptions &options, MissingWeights missing) {
  set_threads(options.threads);
  tell_device(options.device);
  LoadOptions load;
  load.parameters = parse_settings(options.settings);
  load.device = options.device;
  load.on_failure = [](const std::string &failure) {
    print_message(fmt::format("computing on the CPU, the device failed: {}", failure));
  };
  load.mode = options.mode;
  load.algorithm = options.algorithm;
  load.purpose = options.purpose;
  load.keep_weights = options.keep_weights;
  load.prepack = options.prepack;
  return Model::load(find_graph(options.model), find_weights(options, missing), load);
}

}  // namespace sluice
