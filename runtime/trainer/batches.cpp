// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/batches.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/image/resample.h"

namespace sluice {
namespace {

constexpr int64_t kBytesOfMega = 1 << 20;
constexpr size_t kEpochsKept = 4;

// A part of a picture.
struct Window {
  int x = 0, y = 0, width = 0, height = 0;
};

Window window_of(const RecipeData &data, const Photo &photo, Draws &draws) {
  if (data.crop == Crop::whole) return {0, 0, photo.width, photo.height};
  // The largest scale at which a window of the wanted shape fits.
  const double fitting =
      std::min(static_cast<double>(photo.width) / data.width, static_cast<double>(photo.height) / data.height);
  double scale = data.crop == Crop::centre ? fitting : std::min(1.0, fitting);  // pixels of the picture for one of ours
  if (data.shorter) {
    const int shorter = std::min(photo.width, photo.height);
    const int64_t most = std::clamp<int64_t>(shorter, data.shorter->first, data.shorter->second);
    const auto wanted = static_cast<double>(draws.integer(data.shorter->first, most));
    scale = std::min(fitting, shorter / wanted);
  }
  Window window;
  window.width = std::clamp(static_cast<int>(std::lround(data.width * scale)), 1, photo.width);
  window.height = std::clamp(static_cast<int>(std::lround(data.height * scale)), 1, photo.height);
  const int across = photo.width - window.width, down = photo.height - window.height;
  const bool random = data.crop == Crop::random;
  window.x = random ? static_cast<int>(draws.integer(0, across)) : across / 2;
  window.y = random ? static_cast<int>(draws.integer(0, down)) : down / 2;
  return window;
}

Plane plane_of(const Photo &photo, const Window &window, int channel) {
  Plane plane{window.width, window.height, {}};
  plane.values.reserve(static_cast<size_t>(window.width) * static_cast<size_t>(window.height));
  for (int y = 0; y < window.height; y++) {
    const size_t row = static_cast<size_t>(window.y + y) * static_cast<size_t>(photo.width);
    const uint8_t *samples = photo.samples.data() + (row + static_cast<size_t>(window.x)) * 3;
    for (int x = 0; x < window.width; x++) plane.values.push_back(samples[x * 3 + channel]);
  }
  return plane;
}

}  // namespace

BatchSource::BatchSource(const Recipe &recipe, const std::filesystem::path &folder, uint64_t seed,
                         std::function<void(const std::string &)> report)
    : data_(recipe.data), masks_(recipe.masks), seed_(seed) {
  if (data_.kind == PictureKind::files)
    files_ = std::make_unique<PictureFiles>(folder, data_.cache_mb * kBytesOfMega, std::move(report));
}

// An order of all files, drawn anew for every epoch.
std::shared_ptr<const BatchSource::Order> BatchSource::order_of(const std::string &purpose, uint64_t epoch) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto key = std::make_pair(purpose, epoch);
  const auto known = orders_.find(key);
  if (known != orders_.end()) return known->second;
  Order order(files_->size());
  std::iota(order.begin(), order.end(), 0u);
  const uint64_t stream = stream_of(purpose + " order") + epoch * 0x9e3779b97f4a7c15;
  for (size_t i = order.size(); i > 1; i--) {
    const double drawn = uniform_number(seed_, stream, i) * static_cast<double>(i);
    std::swap(order[i - 1], order[std::min(static_cast<size_t>(drawn), i - 1)]);
  }
  if (orders_.size() >= kEpochsKept) orders_.erase(orders_.begin());
  return orders_[key] = std::make_shared<const Order>(std::move(order));
}

std::shared_ptr<const Photo> BatchSource::photo(const std::string &purpose, uint64_t sample) const {
  if (files_ == nullptr) {
    Draws draws(seed_, purpose + " picture", sample);
    return std::make_shared<const Photo>(procedural_picture(data_.width, data_.height, draws));
  }
  const uint64_t count = files_->size();
  const std::shared_ptr<const Order> order = order_of(purpose, sample / count);
  for (uint64_t place = sample % count;; place = (place + 1) % count) {  // ends: get() throws when all are bad
    if (auto found = files_->get((*order)[place])) return found;
  }
}

void BatchSource::add_sample(const std::string &purpose, uint64_t sample, const std::string &order,
                             float *image) const {
  const std::shared_ptr<const Photo> whole = photo(purpose, sample);
  Draws draws(seed_, purpose + " window", sample);
  const Window window = window_of(data_, *whole, draws);
  const bool flip = data_.flip && draws.uniform() < 0.5;
  for (int c = 0; c < 3; c++) {
    Plane plane = plane_of(*whole, window, order == "bgr" ? 2 - c : c);
    if (plane.width != data_.width || plane.height != data_.height)
      plane = resize(plane, data_.width, data_.height, Filter::bicubic);
    for (int y = 0; y < data_.height; y++) {
      for (int x = 0; x < data_.width; x++)
        *image++ = std::clamp(plane.at(flip ? data_.width - 1 - x : x, y), 0.0f, 255.0f);
    }
  }
}

TensorMap BatchSource::batch(const std::string &purpose, uint64_t number, const std::string &order) const {
  return batch(purpose, number, order, data_.batch);
}

TensorMap BatchSource::batch(const std::string &purpose, uint64_t number, const std::string &order,
                             int64_t samples) const {
  const auto count = static_cast<uint64_t>(samples), first = number * count;
  const int64_t height = data_.height, width = data_.width, masks = data_.mask_per_sample ? samples : 1;
  StoredTensor image = StoredTensor::of_f32({samples, 3, height, width});
  for (uint64_t i = 0; i < count; i++)
    add_sample(purpose, first + i, order, image.f32() + static_cast<int64_t>(i) * 3 * height * width);
  StoredTensor mask = StoredTensor::of_f32({masks, 1, height, width});
  float *value = mask.f32();
  for (uint64_t i = 0; i < static_cast<uint64_t>(masks); i++) {
    Draws draws(seed_, purpose + " mask", data_.mask_per_sample ? first + i : number);
    for (const uint8_t hole : draw_mask(masks_, data_.width, data_.height, draws)) *value++ = hole;
  }
  TensorMap tensors;
  tensors["image"] = std::move(image);
  tensors["mask"] = std::move(mask);
  return tensors;
}

}  // namespace sluice
