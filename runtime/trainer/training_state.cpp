// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/training_state.h"

#include <fmt/format.h>

#include <charconv>
#include <span>

#include "weights_io/convert.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

const std::string kKind = "training checkpoint", kVersion = "1";
const std::string kWeight = "weight.", kState = "state.", kAverage = "average.", kOptimizer = "optimizer.",
                  kPool = "pool.";
constexpr char kSeparator = '/';  // between a step and its optimiser's tensors; not in names of steps

std::string hash_of(const std::string &text) { return sha256_of(std::as_bytes(std::span(text))); }

void add_tensors(Archive &archive, const std::string &prefix, const TensorMap &tensors) {
  for (const auto &[name, tensor] : tensors) archive.tensors[prefix + name] = tensor;
}

class ArchiveReader {
 public:
  ArchiveReader(Archive archive, const std::string &file) : archive_(std::move(archive)), file_(file) {}

  [[noreturn]] void fail(const std::string &what) const {
    throw Error(ErrorCode::bad_file, fmt::format("{}: {}", file_, what));
  }

  const std::string &text(const std::string &key) const {
    const auto found = archive_.metadata.find(key);
    if (found == archive_.metadata.end()) fail("no checkpoint of a training: it has no '" + key + "'");
    return found->second;
  }

  bool has(const std::string &key) const { return archive_.metadata.contains(key); }

  template <typename Number>
  Number number(const std::string &key) const {
    const std::string &value = text(key);
    Number result{};
    const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (problem != std::errc() || end != value.data() + value.size()) fail("'" + key + "' is no number");
    return result;
  }

  TensorMap take(const std::string &prefix) {
    TensorMap taken;
    auto at = archive_.tensors.lower_bound(prefix);
    while (at != archive_.tensors.end() && at->first.starts_with(prefix)) {
      taken[at->first.substr(prefix.size())] = std::move(at->second);
      at = archive_.tensors.erase(at);
    }
    return taken;
  }

  // Metadata whose keys begin so, without that.
  std::vector<std::string> keys(const std::string &prefix) const {
    std::vector<std::string> found;
    for (auto at = archive_.metadata.lower_bound(prefix);
         at != archive_.metadata.end() && at->first.starts_with(prefix); ++at)
      found.push_back(at->first.substr(prefix.size()));
    return found;
  }

  void finish() const {
    if (!archive_.tensors.empty()) fail("unexpected tensor '" + archive_.tensors.begin()->first + "'");
  }

 private:
  Archive archive_;
  const std::string &file_;
};

}  // namespace

Archive state_archive(const TrainingState &state, const std::string &recipe_text) {
  Archive archive;
  archive.metadata = {{"project", "sluice"},
                      {"kind", kKind},
                      {"checkpoint_version", kVersion},
                      {"step", std::to_string(state.step)},
                      {"skips", std::to_string(state.skips)},
                      {"seed", std::to_string(state.seed)},
                      {"batch", std::to_string(state.batch)},
                      {"best_loss", fmt::format("{}", state.best_loss)},
                      {"recipe", recipe_text},
                      {"recipe_sha256", hash_of(recipe_text)}};
  add_tensors(archive, kWeight, state.parameters);
  add_tensors(archive, kState, state.state);
  add_tensors(archive, kAverage, state.average);
  add_tensors(archive, kPool, state.pools);
  for (const auto &[step, optimizer] : state.optimizers) {
    archive.metadata[kOptimizer + step] = std::to_string(optimizer.steps);
    add_tensors(archive, kOptimizer + step + kSeparator, optimizer.tensors);
  }
  return archive;
}

TrainingState state_of_archive(Archive archive, const std::string &file, std::string &recipe_text) {
  ArchiveReader reader(std::move(archive), file);
  if (reader.text("kind") != kKind) reader.fail("no checkpoint of a training");
  if (reader.text("checkpoint_version") != kVersion)
    reader.fail(fmt::format("checkpoint version {}, expected {}", reader.text("checkpoint_version"), kVersion));
  TrainingState state;
  state.step = reader.number<int64_t>("step");
  state.skips = reader.number<int64_t>("skips");
  state.seed = reader.number<uint64_t>("seed");
  state.batch = reader.has("batch") ? reader.number<int64_t>("batch") : 0;
  state.best_loss = reader.number<double>("best_loss");
  recipe_text = reader.text("recipe");
  if (reader.text("recipe_sha256") != hash_of(recipe_text)) reader.fail("the recipe in it is damaged");
  state.parameters = reader.take(kWeight);
  state.state = reader.take(kState);
  state.average = reader.take(kAverage);
  state.pools = reader.take(kPool);
  for (const std::string &step : reader.keys(kOptimizer)) {
    OptimizerState &optimizer = state.optimizers[step];
    optimizer.steps = reader.number<int64_t>(kOptimizer + step);
    optimizer.tensors = reader.take(kOptimizer + step + kSeparator);
  }
  reader.finish();
  return state;
}

BorrowedTensors::BorrowedTensors(TensorMap &all, const std::vector<std::string> &names) : all_(all) {
  for (const std::string &name : names) {
    if (auto tensor = all.extract(name)) tensors.insert(std::move(tensor));
  }
}

}  // namespace sluice
