// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>

#include "runtime/graph_file.h"
#include "runtime/trainer/sample_grid.h"
#include "runtime/trainer/start_weights.h"
#include "runtime/training/gradients.h"
#include "weights_io/atomic_file.h"
#include "weights_io/convert.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kBatchesAhead = 2;
constexpr double kWarmAverage = 10;  // an average begins as a mean of the last steps: decay (1 + s) / (10 + s) at most

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

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

struct Trainer::Sums {
  Clock::time_point start = Clock::now();
  double waited_before = 0;
  int64_t rounds = 0;
  std::map<std::string, double> updates;  // by step: rounds that were not left out
  std::map<std::string, double> losses;
  std::map<std::string, double> totals, norms, rates;  // by step
  StepTimes times;
};

Trainer::Trainer(Recipe recipe, TrainOptions options, TrainEvents events)
    : recipe_(std::move(recipe)),
      options_(std::move(options)),
      events_(std::move(events)),
      steps_(options_.steps.value_or(recipe_.run_steps)),
      checkpoints_(options_.out / "checkpoints", recipe_.checkpoint_keep) {
  register_training();
  if (steps_ < 1) throw Error(ErrorCode::usage, "--steps: 1 or more");
  const auto find = options_.find_graph;
  for (const RecipeNetwork &network : recipe_.networks) {
    const fs::path file = find ? find(network.graph) : fs::path(network.graph);
    networks_[network.name] = read_graph(file, parse_options(load_options(network, "train")));
    forms_[network.name] = read_graph(file, parse_options(load_options(network, "train", "training")));
  }
  begin();
  if (!options_.resume.empty()) resume();
  source_ = std::make_unique<BatchSource>(recipe_, options_.data, state_.seed,
                                          [this](const std::string &text) { tell(text); });
  make_steps();
}

Trainer::~Trainer() = default;

void Trainer::tell(const std::string &message) const {
  if (events_.message) events_.message(message);
}

std::set<std::string> Trainer::trained_networks() const {
  std::set<std::string> trained;
  for (const RecipeStep &step : recipe_.steps) trained.insert(step.trains.begin(), step.trains.end());
  return trained;
}

// The state before the first step.
void Trainer::begin() {
  if (options_.resume.empty() && !checkpoints_.files().empty()) {
    throw Error(ErrorCode::usage,
                fmt::format("{}: a training is there already; --resume latest goes on with it", options_.out.string()));
  }
  state_.seed = options_.seed.value_or(recipe_.seed);
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
    found = checkpoints_.newest([this](const std::string &text) { tell(text); });
    if (found.file.empty()) {
      if (!checkpoints_.files().empty())
        throw Error(ErrorCode::bad_file, fmt::format("{}: no checkpoint in it can be read", options_.out.string()));
      return tell("no checkpoint to resume: the training begins");
    }
  } else {
    found = {options_.resume, CheckpointFolder::read(options_.resume)};
  }
  const std::string file = found.file.string();
  std::string text;
  TrainingState state = state_of_archive(std::move(found.archive), file, text);
  if (text != identity_of(recipe_) && !options_.changed_recipe) {
    throw Error(ErrorCode::usage, fmt::format("{}: it was made with another text or other parameters of the recipe "
                                              "than {}; --changed-recipe resumes all the same",
                                              file, recipe_.file));
  }
  if (options_.seed && *options_.seed != state.seed) {
    throw Error(ErrorCode::usage,
                fmt::format("{}: it was made with seed {}, --seed says {}", file, state.seed, *options_.seed));
  }
  check_fit(state, file);
  state_ = std::move(state);
  tell(fmt::format("resumed {} after {} steps", file, state_.step));
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
    trained_.push_back(std::make_unique<TrainedStep>(recipe_, step, graph, state_));
  }
  if (recipe_.sample.every == 0) return;
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
  return fmt::format(
      "recipe {}: seed {}, {} parameters, {} of {}x{}, batch {}, {} MB of tensors, {} MB of packed weights",
      recipe_.name, state_.seed, parameters, samples, recipe_.data.width, recipe_.data.height, recipe_.data.batch,
      arena >> 20, packed >> 20);
}

// ---- a round

// Of all steps: which of them makes update number `place` of a round, from 0.
const TrainedStep &Trainer::step_of(uint64_t place) const {
  for (const auto &step : trained_) {
    const auto own = static_cast<uint64_t>(step->updates());
    if (place < own) return *step;
    place -= own;
  }
  throw Error(ErrorCode::usage, "no such update");
}

uint64_t Trainer::updates_of_round() const {
  uint64_t updates = 0;
  for (const auto &step : trained_) updates += static_cast<uint64_t>(step->updates());
  return updates;
}

bool Trainer::update(TrainedStep &step, int64_t number, Sums &sums) {
  TensorMap batch = loader_->next();
  if (events_.batch) events_.batch(state_.step, batch);
  const StepResult result = step.run(batch, state_, number);
  sums.times.pack_s += result.times.pack_s;
  sums.times.forward_s += result.times.forward_s;
  sums.times.backward_s += result.times.backward_s;
  sums.times.update_s += result.times.update_s;
  if (!result.not_finite.empty()) {
    tell(fmt::format("step {} ({}): {} is not finite; no update", state_.step + 1, step.name(), result.not_finite));
    return false;
  }
  for (const auto &[name, value] : result.losses) sums.losses[step.name() + "." + name] += value;
  sums.updates[step.name()]++;
  sums.totals[step.name()] += result.total;
  sums.norms[step.name()] += result.gradient_norm;
  sums.rates[step.name()] = result.learning_rate;
  return true;
}

bool Trainer::round(Sums &sums) {
  bool all_finite = true;
  for (const auto &step : trained_) {
    for (int64_t i = 0; i < step->updates(); i++) all_finite = update(*step, i, sums) && all_finite;
  }
  const Clock::time_point start = Clock::now();
  if (!state_.average.empty()) {
    const double s = static_cast<double>(state_.step);
    const double decay = std::min(recipe_.average_decay, (1 + s) / (kWarmAverage + s));
    std::vector<std::string> names;
    for (const auto &[name, tensor] : state_.average) names.push_back(name);
    const BorrowedTensors averaged(state_.parameters, names);
    update_average(state_.average, averaged.tensors, decay);
  }
  sums.times.update_s += seconds_since(start);
  state_.step++;
  sums.rounds++;
  return all_finite;
}

void Trainer::run(const std::atomic<bool> &stop) {
  std::vector<std::string> columns = {"seconds", "loss"};
  for (const auto &step : trained_) {
    for (const Objective &objective : step->objectives()) columns.push_back(step->name() + "." + objective.tensor);
    columns.push_back(step->name() + ".gradient_norm");
    columns.push_back(step->name() + ".learning_rate");
  }
  for (const char *name : {"images_per_s", "data_wait", "pack_ms", "forward_ms", "backward_ms", "update_ms"})
    columns.emplace_back(name);
  log_ = std::make_unique<TrainingLog>(options_.out, columns, state_.step);
  const std::string identity = identity_of(recipe_);
  write_file_atomically(options_.out / "recipe", std::as_bytes(std::span(identity)));
  const auto make = [this](uint64_t number) {
    return source_->batch("train", number, step_of(number % updates_of_round()).image_order());
  };
  loader_ = std::make_unique<BatchLoader>(make, static_cast<uint64_t>(state_.step) * updates_of_round(),
                                          recipe_.data.threads, kBatchesAhead);
  Sums sums;
  bool saved = false;
  if (state_.step == 0 && recipe_.sample.every > 0) sample();
  while (state_.step < steps_) {
    state_.skips = round(sums) ? 0 : state_.skips + 1;
    if (state_.skips > recipe_.most_skips) {
      throw Error(ErrorCode::input_failed, fmt::format("{} steps in a row had numbers that are not finite; the last "
                                                       "checkpoint is from before, or try a smaller learning rate",
                                                       state_.skips));
    }
    if (due(recipe_.log_every)) report(sums);
    if (due(recipe_.validate_every)) validate();
    if (due(recipe_.sample.every)) sample();
    saved = due(recipe_.checkpoint_every);
    if (saved) save();
    if (stop.load()) {
      if (!saved) save();
      throw Error(ErrorCode::interrupted,
                  fmt::format("interrupted after step {}; --resume latest goes on", state_.step));
    }
  }
  if (!saved) save();  // there was nothing left to do
}

void Trainer::report(Sums &sums) {
  const double seconds = seconds_since(sums.start), rounds = static_cast<double>(sums.rounds);
  TrainReport told;
  told.step = state_.step, told.steps = steps_;
  std::vector<double> numbers = {seconds, 0};
  for (const auto &step : trained_) {
    const double updates = sums.updates[step->name()];  // 0 makes nan of the means
    for (const Objective &objective : step->objectives()) {
      const std::string name = step->name() + "." + objective.tensor;
      told.losses.emplace_back(name, sums.losses[name] / updates);
      numbers.push_back(told.losses.back().second);
    }
    numbers.push_back(sums.norms[step->name()] / updates);
    numbers.push_back(sums.rates[step->name()]);
    told.loss += sums.totals[step->name()] / updates;
  }
  numbers[1] = told.loss;
  told.images_per_s = rounds * static_cast<double>(recipe_.data.batch) / seconds;
  told.data_wait = (loader_->waited_s() - sums.waited_before) / seconds;
  told.seconds_left = seconds / rounds * static_cast<double>(steps_ - state_.step);
  told.times = {sums.times.pack_s / rounds, sums.times.forward_s / rounds, sums.times.backward_s / rounds,
                sums.times.update_s / rounds};
  constexpr double kMs = 1e3;
  for (const double number : {told.images_per_s, told.data_wait, told.times.pack_s * kMs, told.times.forward_s * kMs,
                              told.times.backward_s * kMs, told.times.update_s * kMs})
    numbers.push_back(number);
  log_->add(state_.step, numbers);
  if (events_.report) events_.report(told);
  sums = Sums();
  sums.waited_before = loader_->waited_s();
}

// ---- what is written

TensorMap Trainer::network_weights(const std::string &network) {
  const std::string prefix = network + ".";
  TensorMap weights;
  for (const TensorMap *part : {&state_.average, &state_.parameters, &state_.state}) {
    for (auto at = part->lower_bound(prefix); at != part->end() && at->first.starts_with(prefix); ++at)
      weights.emplace(at->first.substr(prefix.size()), at->second);  // averaged ones come first
  }
  return weights;
}

void Trainer::save() {
  for (const auto &step : trained_) state_.optimizers[step->name()] = step->optimizer_state();
  const fs::path file = checkpoints_.save(state_.step, state_archive(state_, identity_of(recipe_)));
  for (const std::string &name : trained_networks())
    write_weights(options_.out / (name + ".safetensors"), weights_archive(name));
  if (events_.saved) events_.saved(file);
}

Archive Trainer::weights_archive(const std::string &network) {
  const Graph &graph = networks_.at(network);
  Archive archive;
  archive.metadata = {{"project", "sluice"},
                      {"model", graph.model},
                      {"format_version", "1"},
                      {"licence", "unknown"},
                      {"training_recipe", recipe_.name},
                      {"training_steps", std::to_string(state_.step)},
                      {"training_seed", std::to_string(state_.seed)}};
  for (const auto &[parameter, value] : graph.parameters) archive.metadata["param." + parameter] = value;
  archive.tensors = network_weights(network);
  return archive;
}

// The first step's objectives over batches that are never trained on, with the weights that are written.
void Trainer::validate() {
  double loss = 0;
  TensorMap parameters = state_.parameters;
  for (const auto &[name, tensor] : state_.average) parameters[name] = tensor;
  for (int64_t i = 0; i < recipe_.validate_batches; i++) {
    const TensorMap batch = source_->batch("validation", static_cast<uint64_t>(i), trained_[0]->image_order());
    loss += trained_[0]->evaluate(batch, state_, parameters).total / static_cast<double>(recipe_.validate_batches);
  }
  log_->add_number(state_.step, "validation_loss", loss);
  const bool best = loss < state_.best_loss;
  tell(fmt::format("step {}: validation loss {:.5f}{}", state_.step, loss, best ? ", the best so far" : ""));
  if (!best) return;
  state_.best_loss = loss;
  for (const std::string &name : recipe_.steps[0].trains) {
    Archive archive = weights_archive(name);
    archive.metadata["validation_loss"] = fmt::format("{}", loss);
    write_weights(options_.out / (name + "_best.safetensors"), archive);
  }
}

void Trainer::sample() {
  shown_->replace_weights(network_weights(recipe_.sample.network));
  const std::vector<DataTensor> data = recipe_.data.kind->tensors();
  const std::string order = shown_order_of(shown_->graph(), data);
  std::vector<TensorMap> samples;
  for (int64_t i = 0; i < recipe_.sample.count; i++)
    samples.push_back(source_->batch("sample", static_cast<uint64_t>(i), order, 1));
  log_->add_picture(state_.step, sample_grid(*shown_, recipe_.sample.output, data, samples));
}

}  // namespace sluice
