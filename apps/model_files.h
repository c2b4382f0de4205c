// SPDX-License-Identifier: Apache-2.0
// Finding models by name, and the options by which commands load them.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/model.h"

namespace CLI {
class App;
}

namespace sluice {

// Where data of this name lies for the running program: installed with it, or in the source of the build that it is in.
std::vector<std::filesystem::path> folders_of_program(const std::string &name);

// <name><extension> in $SLUICE_MODELS, then where the build and an installation keep models. Error(not_found) with the
// places looked in.
std::filesystem::path find_model_file(const std::string &name, const std::string &extension);

// A graph file, or the graph of a model by its name. Whatever has a folder, the extension .graph, or is there as a file
// is a file.
bool is_model_name(const std::string &name_or_file);
std::filesystem::path find_graph(const std::string &name_or_file);

// What `--set name=value ...` says. Error(usage) for anything else.
std::map<std::string, std::string> parse_settings(const std::vector<std::string> &settings);

constexpr int64_t kMaxSide = 65'500;  // of pictures
// Height and width of --size "HxW". Error(usage) for anything else.
std::pair<int64_t, int64_t> parse_size(const std::string &text);

struct ModelOptions {
  std::string model;                         // name or file
  std::string weights;                       // empty: see load_model
  std::string weights_option = "--weights";  // how a command calls it, for messages
  std::string device = "cpu";
  std::string mode = "eval";  // or "train"
  std::string algorithm = "fastest";
  std::string purpose = "inference";
  int threads = 0;
  std::vector<std::string> settings;
  bool keep_weights = false;  // see LoadOptions
  bool prepack = true;
};

void add_set_option(CLI::App &command, std::vector<std::string> &settings);
void add_device_option(CLI::App &command, std::string &device);  // --device
void tell_device(const std::string &device);                     // says once why auto is the CPU
void add_run_options(CLI::App &command, ModelOptions &options);  // --weights, --threads, --device, --set, --no-prepack

enum class MissingWeights {
  take_shipped,  // without --weights: the file beside the graph must be there
  allow,         // without --weights: that file for a model given by name; for a graph file there are none
};

// The weights file that load_model reads; empty when there is none. Error(not_found).
std::filesystem::path find_weights(const ModelOptions &options, MissingWeights missing);

// Sets the number of threads and loads.
std::shared_ptr<const Model> load_model(const ModelOptions &options, MissingWeights missing);

}  // namespace sluice
