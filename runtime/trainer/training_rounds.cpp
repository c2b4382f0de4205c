// SPDX-License-Identifier: Apache-2.0
// A training at work: rounds, and what they write.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <span>

#include "runtime/trainer/sample_grid.h"
#include "runtime/trainer/trainer.h"
#include "runtime/training/optimizer.h"
#include "weights_io/atomic_file.h"
#include "weights_io/convert.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kBatchesAhead = 2;
constexpr double kWarmAverage = 10;  // an average begins as a mean of the last steps: decay (1 + s) / (10 + s) at most

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

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

TensorMap Trainer::next_batch() {
  TensorMap batch;
  in_all(group_, [&] { batch = loader_->next(); });
  return batch;
}

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
  return std::max<uint64_t>(updates, 1);  // recipes have a step
}

bool Trainer::update(TrainedStep &step, int64_t number, Sums &sums) {
  TensorMap batch = next_batch();
  if (events_.batch) events_.batch(state_.step, batch);
  const StepResult result = step.run(batch, state_, number);
  sums.times.pack_s += result.times.pack_s;
  sums.times.forward_s += result.times.forward_s;
  sums.times.backward_s += result.times.backward_s;
  sums.times.update_s += result.times.update_s;
  sums.times.exchange_s += result.times.exchange_s;
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

void Trainer::start_log() {
  std::vector<std::string> columns = {"seconds", "loss"};
  for (const auto &step : trained_) {
    for (const Objective &objective : step->objectives()) columns.push_back(step->name() + "." + objective.tensor);
    columns.push_back(step->name() + ".gradient_norm");
    columns.push_back(step->name() + ".learning_rate");
  }
  for (const char *name :
       {"images_per_s", "data_wait", "pack_ms", "forward_ms", "backward_ms", "update_ms", "exchange_ms"})
    columns.emplace_back(name);
  log_ = std::make_unique<TrainingLog>(options_.out, columns, state_.step);
  write_file_atomically(options_.out / "recipe", std::as_bytes(std::span(identity_)));
}

// Batch k of the training is made of parts, one a process.
void Trainer::start_loader() {
  const auto parts = static_cast<uint64_t>(group_.size()), part = static_cast<uint64_t>(group_.rank());
  const auto make = [this, parts, part](uint64_t number) {
    const std::string &order = step_of(number % updates_of_round()).image_order();
    return source_->batch("train", number * parts + part, order, recipe_.data.batch, parts);
  };
  loader_ = std::make_unique<BatchLoader>(make, static_cast<uint64_t>(state_.step) * updates_of_round(),
                                          recipe_.data.threads, kBatchesAhead);
}

void Trainer::stop_if_asked(const std::atomic<bool> &stop, bool saved) {
  if (!true_in_any(group_, stop.load())) return;
  if (!saved) save();
  throw SharedError(ErrorCode::interrupted,
                    fmt::format("interrupted after step {}; --resume latest goes on", state_.step));
}

void Trainer::run(const std::atomic<bool> &stop) {
  const auto led = [this](const std::function<void()> &work) {
    in_all(group_, [&] {
      if (leads()) work();
    });
  };
  led([this] { start_log(); });
  start_loader();
  Sums sums;
  bool saved = false;
  if (state_.step == 0 && recipe_.sample.every > 0) led([this] { sample(); });
  while (state_.step < steps_) {
    state_.skips = round(sums) ? 0 : state_.skips + 1;
    if (state_.skips > recipe_.most_skips) {
      throw SharedError(ErrorCode::input_failed,
                        fmt::format("{} steps in a row had numbers that are not finite; the last checkpoint is from "
                                    "before, or try a smaller learning rate",
                                    state_.skips));
    }
    if (due(recipe_.log_every)) led([&] { report(sums); });
    if (due(recipe_.validate_every)) validate();
    if (due(recipe_.sample.every)) led([this] { sample(); });
    saved = due(recipe_.checkpoint_every);
    if (saved) save();
    stop_if_asked(stop, saved);
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
  told.images_per_s = rounds * static_cast<double>(state_.batch) / seconds;
  told.data_wait = (loader_->waited_s() - sums.waited_before) / seconds;
  told.seconds_left = seconds / rounds * static_cast<double>(steps_ - state_.step);
  told.times = {sums.times.pack_s / rounds, sums.times.forward_s / rounds, sums.times.backward_s / rounds,
                sums.times.update_s / rounds, sums.times.exchange_s / rounds};
  constexpr double kMs = 1e3;
  for (const double number : {told.images_per_s, told.data_wait, told.times.pack_s * kMs, told.times.forward_s * kMs,
                              told.times.backward_s * kMs, told.times.update_s * kMs, told.times.exchange_s * kMs})
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

// All wait until it is on the disk, and make sure that they are still one training.
void Trainer::save() {
  check_alike();
  for (const auto &step : trained_) state_.optimizers[step->name()] = step->optimizer_state();
  in_all(group_, [this] {
    if (!leads()) return;
    const fs::path file = checkpoints_->save(state_.step, state_archive(state_, identity_));
    for (const std::string &name : trained_networks())
      write_weights(options_.out / (name + ".safetensors"), weights_archive(name));
    if (events_.saved) events_.saved(file);
  });
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
    const auto parts = static_cast<uint64_t>(group_.size()), part = static_cast<uint64_t>(group_.rank());
    TensorMap batch;
    in_all(group_, [&] {
      batch = source_->batch("validation", static_cast<uint64_t>(i) * parts + part, trained_[0]->image_order(),
                             recipe_.data.batch, parts);
    });
    loss += trained_[0]->evaluate(batch, state_, parameters).total / static_cast<double>(recipe_.validate_batches);
  }
  const bool best = loss < state_.best_loss;
  if (best) state_.best_loss = loss;
  in_all(group_, [&] {
    if (!leads()) return;
    log_->add_number(state_.step, "validation_loss", loss);
    tell(fmt::format("step {}: validation loss {:.5f}{}", state_.step, loss, best ? ", the best so far" : ""));
    for (const std::string &name : recipe_.steps[0].trains) {
      if (!best) break;
      Archive archive = weights_archive(name);
      archive.metadata["validation_loss"] = fmt::format("{}", loss);
      write_weights(options_.out / (name + "_best.safetensors"), archive);
    }
  });
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
