// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "runtime/trainer/trainer.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr int64_t kSteps = 2;

class TemporaryFolder {
 public:
  TemporaryFolder(std::filesystem::path path, bool own) : path_(std::move(path)), own_(own) {}
  ~TemporaryFolder() {
    if (!own_) return;
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

 private:
  std::filesystem::path path_;
  bool own_;
};

}  // namespace

void try_training(Recipe recipe, TrainOptions options, const TrainEvents &events, const std::atomic<bool> &stop) {
  recipe.log_every = recipe.checkpoint_every = 1;
  if (recipe.validate_every > 0) recipe.validate_every = 1;
  if (recipe.sample.every > 0) recipe.sample.every = 1;
  options.out /= "dry-run";
  options.resume.clear();
  options.steps = kSteps;
  const TemporaryFolder folder(options.out, options.group == nullptr || options.group->rank() == 0);
  Archive written;
  {
    Trainer trainer(recipe, options, events);
    if (events.message) events.message(trainer.summary());
    trainer.run(stop);
    written = state_archive(trainer.state(), recipe.text);
  }
  options.resume = "latest";
  const Trainer again(recipe, options, events);
  const Archive read = state_archive(again.state(), recipe.text);
  in_all(options.group == nullptr ? alone() : *options.group, [&] {
    if (read.tensors == written.tensors && read.metadata == written.metadata && again.state().step == kSteps) return;
    throw Error(ErrorCode::input_failed,
                fmt::format("{}: the checkpoint read back is not what was written", options.out.string()));
  });
}

}  // namespace sluice
