// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/trainer.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <set>
#include <span>

#include "runtime/graph_file.h"
#include "runtime/kernel_call.h"
#include "runtime/trainer/sample_grid.h"
#include "runtime/trainer/start_weights.h"
#include "runtime/training/gradients.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

LoadOptions load_options(const RecipeNetwork &network, const char *mode, const char *purpose = "inference") {
  LoadOptions load;
  load.purpose = purpose;
  load.parameters = network.parameters;
  load.mode = mode;
  return load;
}

// The recipe's text, with the values of its parameters as a remark: what a training is.
std::string identity_of(const Recipe &recipe) {
  std::string text = recipe.text;
  if (!text.ends_with('\n')) text += '\n';
  if (!recipe.parameters.empty()) text += "# parameters:";
  for (const auto &[name, value] : recipe.parameters) text += fmt::format(" {}={}", name, value);
  return recipe.parameters.empty() ? text : text + '\n';
}

uint32_t checksum_of(const TensorMap &tensors) {
  uLong crc = crc32(0, nullptr, 0);
  for (const auto &[name, tensor] : tensors)
    crc = crc32_z(crc, reinterpret_cast<const Bytef *>(tensor.bytes.data()), tensor.bytes.size());
  return static_cast<uint32_t>(crc);
}

// Names that are in one map and not, with the same shape, in the other.
std::string differences(const TensorMap &expected, const TensorMap &found) {
  std::string text;
  for (const auto &[name, tensor] : expected) {
    const auto other = found.find(name);
    if (other == found.end()) {
      text += " " + name + " (missing)";
    } else if (other->second.shape != tensor.shape) {
      text += fmt::format(" {} (expected {}, got {})", name, shape_text(tensor.shape), shape_text(other->second.shape));
    }
  }
  for (const auto &[name, tensor] : found) {
    if (expected.count(name) == 0) text += " " + name + " (unexpected)";
  }
  return text;
}

}  // namespace

Trainer::Trainer(Recipe recipe, TrainOptions options, TrainEvents events)
    : recipe_(std::move(recipe)),
      options_(std::move(options)),
      events_(std::move(events)),
      group_(options_.group == nullptr ? alone() : *options_.group),
      identity_(identity_of(recipe_)),
      steps_(options_.steps.value_or(recipe_.run_steps)) {
  in_all(group_, [this] { open(); });
  if (!options_.resume.empty()) share_state();
  in_all(group_, [this] {
    source_ = std::make_unique<BatchSource>(recipe_, options_.data, state_.seed, [this](const std::string &text) {
      if (events_.message) events_.message(text);
    });
    make_steps();
  });
  check_alike();
}

void Trainer::open() {
  register_training();
  if (steps_ < 1) throw Error(ErrorCode::usage, "--steps: 1 or more");
  if (leads()) checkpoints_.emplace(options_.out / "checkpoints", recipe_.checkpoint_keep);
  const auto find = options_.find_graph;
  const char *purpose = group_.size() > 1 ? "distributed_training" : "training";
  for (const RecipeNetwork &network : recipe_.networks) {
    const fs::path file = find ? find(network.graph) : fs::path(network.graph);
    networks_[network.name] = read_graph(file, parse_options(load_options(network, "train")));
    forms_[network.name] = read_graph(file, parse_options(load_options(network, "train", purpose)));
  }
  begin();
  if (leads() && !options_.resume.empty()) resume();
}

Trainer::~Trainer() = default;

// What all processes know, told by one of them.
void Trainer::tell(const std::string &message) const {
  if (leads() && events_.message) events_.message(message);
}

std::set<std::string> Trainer::trained_networks() const {
  std::set<std::string> trained;
  for (const RecipeStep &step : recipe_.steps) trained.insert(step.trains.begin(), step.trains.end());
  return trained;
}

// The state before the first step.
void Trainer::begin() {
  if (leads() && options_.resume.empty() && !checkpoints_->files().empty()) {
    throw Error(ErrorCode::usage,
                fmt::format("{}: a training is there already; --resume latest goes on with it", options_.out.string()));
  }
  state_.seed = options_.seed.value_or(recipe_.seed);
  state_.batch = recipe_.data.batch * group_.size();
  const std::set<std::string> trained = trained_networks();
  for (const RecipeNetwork &network : recipe_.networks) {
    const fs::path folder = fs::path(recipe_.file).parent_path();
    const fs::path file = network.weights.empty() ? fs::path() : folder / network.weights;
    NetworkWeights weights = start_weights(networks_.at(network.name), network, recipe_.data, state_.seed, file);
    for (auto &[name, tensor] : weights.parameters) {
      const std::string full = network.name + "." + name;
      if (recipe_.average_decay > 0 && trained.contains(network.name)) state_.average[full] = tensor;
      state_.parameters[full] = std::move(tensor);
    }
    for (auto &[name, tensor] : weights.state) state_.state[network.name + "." + name] = std::move(tensor);
  }
}

void Trainer::resume() {
  CheckpointFolder::Found found;
  if (options_.resume == "latest") {
    found = checkpoints_->newest([this](const std::string &text) { tell(text); });
    if (found.file.empty()) {
      if (!checkpoints_->files().empty())
        throw Error(ErrorCode::bad_file, fmt::format("{}: no checkpoint in it can be read", options_.out.string()));
      return tell("no checkpoint to resume: the training begins");
    }
  } else {
    found = {options_.resume, CheckpointFolder::read(options_.resume)};
  }
  const std::string file = found.file.string();
  std::string text;
  TrainingState state = state_of_archive(std::move(found.archive), file, text);
  if (text != identity_ && !options_.changed_recipe) {
    throw Error(ErrorCode::usage, fmt::format("{}: it was made with another text or other parameters of the recipe "
                                              "than {}; --changed-recipe resumes all the same",
                                              file, recipe_.file));
  }
  if (options_.seed && *options_.seed != state.seed) {
    throw Error(ErrorCode::usage,
                fmt::format("{}: it was made with seed {}, --seed says {}", file, state.seed, *options_.seed));
  }
  if (state.batch != 0 && state.batch != state_.batch && !options_.changed_recipe) {
    throw Error(ErrorCode::usage, fmt::format("{}: it was made with {} pictures an update, {} of {} now; "
                                              "--changed-recipe resumes all the same",
                                              file, state.batch, group_.size(), recipe_.data.batch));
  }
  check_fit(state, file);
  state.batch = state_.batch;
  state_ = std::move(state);
  tell(fmt::format("resumed {} after {} steps", file, state_.step));
}

// What process 0 resumed, to all: others need not see its folder.
void Trainer::share_state() {
  if (group_.size() == 1) return;
  std::vector<std::byte> bytes;
  in_all(group_, [&] {
    if (leads()) bytes = serialize_safetensors(state_archive(state_, identity_));
  });
  uint64_t size = bytes.size();
  group_.broadcast(std::as_writable_bytes(std::span(&size, 1)));
  in_all(group_, [&] { bytes.resize(size); });
  group_.broadcast(bytes);
  in_all(group_, [&] {
    std::string text;
    if (!leads()) state_ = state_of_archive(parse_safetensors(bytes, "process 0's checkpoint"), "checkpoint", text);
  });
}

// All processes are to make the same update of the same weights.
void Trainer::check_alike() {
  if (group_.size() == 1) return;
  const std::vector<std::pair<std::string, std::string>> properties = {
      {"recipe", identity_},
      {"number of steps", std::to_string(steps_)},
      {"number of pictures", std::to_string(source_->files())},
      {"kind of kernels (SLUICE_ISA)", kernel_isa()},
      {"weights", fmt::format("{:08x} {:08x}", checksum_of(state_.parameters), checksum_of(state_.state))}};
  for (const auto &[what, value] : properties) {
    const std::vector<std::string> all = gather_texts(group_, value);
    const auto other = std::find_if(all.begin(), all.end(), [&](const std::string &one) { return one != all[0]; });
    if (other == all.end()) continue;
    throw SharedError(ErrorCode::usage,
                      fmt::format("process {} has another {} than process 0", other - all.begin(), what));
  }
}

void Trainer::check_fit(const TrainingState &found, const std::string &file) const {
  const std::string wrong = differences(state_.parameters, found.parameters) + differences(state_.state, found.state) +
                            differences(state_.average, found.average);
  if (!wrong.empty())
    throw Error(ErrorCode::bad_file, fmt::format("{}: it does not fit the recipe {}:{}", file, recipe_.file, wrong));
}

void Trainer::make_steps() {
  for (const RecipeStep &step : recipe_.steps) {
    const StepGraph graph = compose_step(recipe_, step, forms_, KernelTable::linked().composites());
    trained_.push_back(std::make_unique<TrainedStep>(recipe_, step, graph, state_, group_, options_.device));
  }
  if (recipe_.sample.every == 0 || !leads()) return;
  const auto network = std::find_if(recipe_.networks.begin(), recipe_.networks.end(),
                                    [&](const RecipeNetwork &one) { return one.name == recipe_.sample.network; });
  const fs::path file = options_.find_graph ? options_.find_graph(network->graph) : fs::path(network->graph);
  const LoadOptions load = load_options(*network, "eval");
  shown_ = std::make_unique<Model>(read_graph(file, parse_options(load)), network_weights(network->name), load);
  shown_order_of(shown_->graph(),
                 recipe_.data.kind->tensors());  // refuses what could not be shown before the work, not after
}

std::string Trainer::summary() const {
  int64_t parameters = 0, arena = 0, packed = 0;
  for (const auto &[name, tensor] : state_.parameters) parameters += tensor.elements();
  for (const auto &step : trained_) arena += step->arena_bytes(), packed += step->packed_bytes();
  const std::string samples = source_->files() == 0 ? "computed samples" : fmt::format("{} samples", source_->files());
  const std::string processes = group_.size() == 1 ? "" : fmt::format(" in each of {} processes", group_.size());
  return fmt::format(
      "recipe {}: seed {}, {} parameters, {} of {}x{}, batch {}{}, {} MB of tensors, {} MB of packed weights",
      recipe_.name, state_.seed, parameters, samples, recipe_.data.width, recipe_.data.height, recipe_.data.batch,
      processes, arena >> 20, packed >> 20);
}

}  // namespace sluice
