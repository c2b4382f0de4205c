// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/picture_pool.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/tensor_layout.h"
#include "weights_io/error.h"

namespace sluice {

void exchange(StoredTensor &batch, StoredTensor &held, int64_t size, Draws &draws) {
  if (held.shape.empty()) {
    held.shape = batch.shape;
    held.shape[0] = 0;
    held = StoredTensor::of_f32(held.shape);
  }
  if (!std::equal(batch.shape.begin() + 1, batch.shape.end(), held.shape.begin() + 1, held.shape.end())) {
    throw Error(ErrorCode::bad_file, fmt::format("a pool holds samples {} (of all), not {}", shape_text(held.shape),
                                                 shape_text(batch.shape)));
  }
  const int64_t elements = batch.elements() / batch.shape[0];
  const int64_t before = held.shape[0], after = std::min(size, before + batch.shape[0]);
  if (after > before) {
    std::vector<int64_t> shape = held.shape;
    shape[0] = after;
    StoredTensor larger = StoredTensor::of_f32(shape);
    std::copy_n(held.f32(), held.elements(), larger.f32());
    held = std::move(larger);
  }
  int64_t filled = before;
  for (int64_t n = 0; n < batch.shape[0]; n++) {
    float *own = batch.f32() + n * elements;
    if (filled < after) {
      std::copy_n(own, elements, held.f32() + elements * filled++);
    } else if (draws.uniform() < 0.5) {
      std::swap_ranges(own, own + elements, held.f32() + elements * draws.integer(0, after - 1));
    }
  }
}

PicturePools::PicturePools(std::vector<PicturePool> pools, const std::string &step, TrainingPass &pass)
    : pools_(std::move(pools)), step_(step), pass_(pass) {
  for (size_t i = 0; i < pools_.size(); i++) due_[pass_.plan().step(pools_[i].name) + 1] = i;
}

void PicturePools::begin(const TensorMap &held, uint64_t seed, uint64_t round) {
  seed_ = seed, round_ = round;
  next_.clear();
  for (const PicturePool &pool : pools_) {
    const std::string key = step_ + "." + pool.name;
    const auto found = held.find(key);
    next_[key] = found == held.end() ? StoredTensor() : found->second;
  }
}

void PicturePools::before_step(int step) {
  const auto found = due_.find(step);
  if (found == due_.end()) return;
  const PicturePool &pool = pools_[found->second];
  const BufferView view = pass_.changing_value(pool.name);
  StoredTensor batch = read_output(view);
  Draws draws(seed_, step_ + " pool " + pool.name, round_);
  exchange(batch, next_.at(step_ + "." + pool.name), pool.size, draws);
  fill_input(GraphInput{}, batch, view);
}

void PicturePools::commit(TensorMap &held) {
  for (auto &[key, tensor] : next_) held[key] = std::move(tensor);
  next_.clear();
}

}  // namespace sluice
