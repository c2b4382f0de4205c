// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/batches.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr int64_t kColours = 3;

int64_t elements_of(const std::vector<int64_t> &shape) {
  int64_t elements = 1;
  for (const int64_t extent : shape) elements *= extent;
  return elements;
}

// Red and blue change places.
void turn_colours(const DataTensor &kind, StoredTensor &tensor) {
  const int64_t plane = elements_of(kind.shape) / kColours;
  for (int64_t n = 0; n < tensor.shape[0]; n++) {
    float *red = tensor.f32() + n * kColours * plane;
    std::swap_ranges(red, red + plane, red + 2 * plane);
  }
}

}  // namespace

BatchSource::BatchSource(const Recipe &recipe, const std::filesystem::path &data, uint64_t seed,
                         std::function<void(const std::string &)> report)
    : tensors_(recipe.data.kind->tensors()),
      batch_(recipe.data.batch),
      source_(recipe.data.kind->open({data, seed, recipe.masks, std::move(report)})) {}

TensorMap BatchSource::batch(const std::string &purpose, uint64_t number, const std::string &order) const {
  return batch(purpose, number, order, batch_);
}

TensorMap BatchSource::batch(const std::string &purpose, uint64_t number, const std::string &order, int64_t samples,
                             uint64_t parts) const {
  TensorMap tensors;
  SampleValues shared;
  for (const DataTensor &kind : tensors_) {
    std::vector<int64_t> shape = {kind.one_a_batch ? 1 : samples};
    shape.insert(shape.end(), kind.shape.begin(), kind.shape.end());
    StoredTensor &tensor = tensors[kind.name] = StoredTensor::of_f32(shape);
    if (kind.one_a_batch) shared[kind.name] = tensor.f32();
  }
  if (!shared.empty()) source_->shared(purpose, number / parts, shared);
  const auto count = static_cast<uint64_t>(samples);
  for (uint64_t i = 0; i < count; i++) {
    SampleValues values;
    for (const DataTensor &kind : tensors_) {
      if (!kind.one_a_batch)
        values[kind.name] = tensors[kind.name].f32() + static_cast<int64_t>(i) * elements_of(kind.shape);
    }
    source_->sample(purpose, number * count + i, values);
  }
  for (const DataTensor &kind : tensors_) {
    if (kind.colour && order == "bgr") turn_colours(kind, tensors[kind.name]);
  }
  return tensors;
}

}  // namespace sluice
