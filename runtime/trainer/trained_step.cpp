// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/trained_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <span>

#include "runtime/trainer/draws.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

class Timer {
 public:
  explicit Timer(double &seconds) : seconds_(seconds) {}
  ~Timer() { seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
  Timer(const Timer &) = delete;
  Timer &operator=(const Timer &) = delete;

 private:
  double &seconds_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

bool belongs_to(const std::string &weight, const std::vector<std::string> &networks) {
  return std::find(networks.begin(), networks.end(), weight.substr(0, weight.find('.'))) != networks.end();
}

std::vector<std::string> names_of(const TensorMap &tensors, const std::vector<std::string> &networks) {
  std::vector<std::string> names;
  for (const auto &[name, tensor] : tensors) {
    if (belongs_to(name, networks)) names.push_back(name);
  }
  return names;
}

// Of the data's tensors that the graph reads.
std::map<std::string, std::vector<int64_t>> shapes_of(const Graph &graph, const RecipeData &data) {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const DataTensor &tensor : data.kind->tensors()) {
    const auto reads = [&](const GraphInput &input) { return input.name == tensor.name; };
    if (std::none_of(graph.inputs.begin(), graph.inputs.end(), reads)) continue;
    std::vector<int64_t> &shape = shapes[tensor.name] = {tensor.one_a_batch ? 1 : data.batch};
    shape.insert(shape.end(), tensor.shape.begin(), tensor.shape.end());
  }
  return shapes;
}

}  // namespace

TrainedStep::TrainedStep(const Recipe &recipe, const RecipeStep &step, const StepGraph &graph, TrainingState &state,
                         ProcessGroup &group, const std::string &device)
    : step_(step),
      group_(group),
      objectives_(graph.objectives),
      image_order_(graph.image_order),
      still_(graph.still),
      random_(graph.random),
      trained_(names_of(state.parameters, step.trains)),
      batch_(recipe.data.batch),
      learning_rate_(LearningRate::parse(step.learning_rate)) {
  TensorMap initial;
  for (const TensorMap *part : {&state.parameters, &state.state}) {
    for (const std::string &name : names_of(*part, graph.networks)) initial[name] = part->at(name);
  }
  for (const auto &[name, tensor] : initial) weights_.push_back(name);
  LoadOptions load;
  load.mode = "train";
  load.purpose = "training";
  load.device = device;
  model_ = std::make_unique<Model>(graph.graph, std::move(initial), load);
  auto shapes = shapes_of(graph.graph, recipe.data);
  for (const auto &[name, shape] : shapes) inputs_.push_back(name);
  for (const RandomInput &random : random_) shapes[random.name] = {recipe.data.batch, random.width};
  PassOptions options;
  for (const Objective &objective : objectives_) {
    if (!objective.is_penalty) options.seeded.push_back(objective.tensor);
  }
  PenaltyGradients::want(graph.penalties, options);
  options.wanted = [this](const std::string &name) {
    return std::binary_search(trained_.begin(), trained_.end(), name);
  };
  options.group = &group_;
  pass_ = std::make_unique<TrainingPass>(*model_, shapes, std::move(options));
  penalties_ = std::make_unique<PenaltyGradients>(graph.penalties, *pass_);
  if (group_.size() > 1 && !graph.pools.empty()) {
    throw Error(ErrorCode::usage,
                fmt::format("{}:{}: step '{}' has a pool of pictures, which one process alone can keep", recipe.file,
                            step.line, step.name));
  }
  pools_ = std::make_unique<PicturePools>(graph.pools, step.name, *pass_);
  seeds_ = penalties_->seeds();
  if (group_.size() > 1)
    exchange_ = std::make_unique<GradientExchange>(group_, pass_->weight_gradients(), pass_->finishing_order());
  for (const Objective &objective : objectives_) {
    if (objective.is_penalty) continue;
    if (pass_->value(objective.tensor).elements() != 1) {
      throw Error(ErrorCode::bad_file, fmt::format("{}:{}: step '{}' minimises '{}', which is not one number",
                                                   recipe.file, step.line, step.name, objective.tensor));
    }
    StoredTensor &seed = seeds_[objective.tensor] = StoredTensor::of_f32({1});
    seed.f32()[0] = static_cast<float>(objective.weight);
  }
  BorrowedTensors trained(state.parameters, trained_);
  optimizer_ = std::make_unique<Optimizer>(step.optimizer, trained.tensors);
  const auto before = state.optimizers.find(step.name);
  if (before != state.optimizers.end()) optimizer_->restore(before->second.tensors, before->second.steps);
}

void TrainedStep::load(TrainingState &state, TensorMap &parameters, StepTimes &times) {
  const Timer timer(times.pack_s);
  for (TensorMap *part : {&parameters, &state.state}) {
    const BorrowedTensors own(*part, weights_);
    model_->replace_weights(own.tensors);
  }
}

// What a step draws is a function of the seed, the step and the update's number. A batch may bring its own.
StoredTensor TrainedStep::drawn(const RandomInput &random, uint64_t seed, int64_t number) const {
  StoredTensor numbers = StoredTensor::of_f32({batch_, random.width});
  for (int64_t n = 0; n < batch_; n++) {
    const int64_t sample = (number * group_.size() + group_.rank()) * batch_ + n;
    Draws draws(seed, step_.name + " " + random.name, static_cast<uint64_t>(sample));
    for (int64_t i = 0; i < random.width; i++)
      numbers.f32()[n * random.width + i] = static_cast<float>(random.normal ? draws.normal() : draws.uniform());
  }
  return numbers;
}

void TrainedStep::forward(const TensorMap &batch, uint64_t seed, int64_t number, bool pooled, StepResult &result) {
  const Timer timer(result.times.forward_s);
  TensorMap inputs;
  for (const std::string &name : inputs_) inputs[name] = batch.at(name);
  for (const RandomInput &random : random_) {
    const auto given = batch.find(random.name);
    inputs[random.name] = given != batch.end() ? given->second : drawn(random, seed, number);
  }
  RunOptions options;
  options.progress = [&](int done, int, const std::string &) {
    penalties_->before_step(done);
    if (pooled) pools_->before_step(done);
  };
  pass_->forward(inputs, options);
  for (const Objective &objective : objectives_) {
    const double value = objective.is_penalty ? penalties_->value(objective.tensor)
                                              : *static_cast<const float *>(pass_->value(objective.tensor).data);
    result.losses[objective.tensor] = value;
    result.total += objective.weight * value;
  }
  if (!std::isfinite(result.total)) {
    const std::string first = pass_->first_non_finite_value();
    result.not_finite = fmt::format("tensor '{}'", first.empty() ? "the sum of the losses" : first);
  }
  if (group_.size() > 1) share_losses(result);
}

// Means over the processes; what is not finite in one of them is so in all.
void TrainedStep::share_losses(StepResult &result) {
  const Timer timer(result.times.exchange_s);
  const auto count = static_cast<size_t>(group_.size()), values = result.losses.size() + 1;
  std::vector<double> mine, all(count * values);
  for (const auto &[name, value] : result.losses) mine.push_back(value);
  mine.push_back(result.total);
  group_.gather(std::as_bytes(std::span(mine)), std::as_writable_bytes(std::span(all)));
  const auto mean = [&](size_t at) {
    double sum = 0;
    for (size_t process = 0; process < count; process++) sum += all[process * values + at];
    return sum / static_cast<double>(count);
  };
  size_t at = 0;
  for (auto &[name, value] : result.losses) value = mean(at++);
  result.total = mean(at);
  if (std::isfinite(result.total)) return;
  const std::vector<std::string> found = gather_texts(group_, result.not_finite);
  for (size_t process = 0; process < count; process++) {
    if (found[process].empty()) continue;
    result.not_finite = fmt::format("{} in process {}", found[process], process);
    return;
  }
  result.not_finite = "the sum of the losses of all processes";
}

bool TrainedStep::backward(StepResult &result) {
  const Timer timer(result.times.backward_s);
  if (exchange_) {
    pass_->backward(seeds_, {},
                    [this](const std::string &name, const StoredTensor &gradient) { exchange_->add(name, gradient); });
    const Timer waiting(result.times.exchange_s);
    exchange_->finish(pass_->weight_gradients());
  } else {
    pass_->backward(seeds_);
  }
  const double most = step_.clip_norm > 0 ? step_.clip_norm : std::numeric_limits<double>::max();
  result.gradient_norm = clip_gradients(pass_->weight_gradients(), most);
  if (std::isfinite(result.gradient_norm)) return true;
  result.not_finite = fmt::format("the gradient of '{}'", first_non_finite(pass_->weight_gradients()));
  return false;
}

void TrainedStep::update(TrainingState &state, StepResult &result) {
  const Timer timer(result.times.update_s);
  result.learning_rate = learning_rate_.at(state.step);
  BorrowedTensors trained(state.parameters, trained_);
  optimizer_->step(trained.tensors, pass_->weight_gradients(), result.learning_rate);
  std::string bad = first_non_finite(trained.tensors);
  if (bad.empty()) bad = first_non_finite(optimizer_->state());
  if (bad.empty()) bad = first_non_finite(pass_->state());
  if (!bad.empty()) {
    throw Error(ErrorCode::input_failed,
                fmt::format("step {} ({}): '{}' is no longer finite after the update at a learning rate of {}; the "
                            "checkpoints from before are as they were",
                            state.step + 1, step_.name, bad, result.learning_rate));
  }
  for (const auto &[name, tensor] : pass_->state()) {
    if (!belongs_to(name, still_)) state.state.at(name) = tensor;
  }
  pools_->commit(state.pools);
}

StepResult TrainedStep::run(const TensorMap &batch, TrainingState &state, int64_t update_number) {
  StepResult result;
  const int64_t number = state.step * step_.updates + update_number;
  pools_->begin(state.pools, state.seed, static_cast<uint64_t>(number));
  load(state, state.parameters, result.times);
  forward(batch, state.seed, number, true, result);
  if (result.not_finite.empty() && backward(result)) update(state, result);
  return result;
}

StepResult TrainedStep::evaluate(const TensorMap &batch, TrainingState &state, TensorMap &parameters) {
  StepResult result;
  load(state, parameters, result.times);
  forward(batch, state.seed, 0, false, result);
  return result;
}

}  // namespace sluice
