// SPDX-License-Identifier: Apache-2.0
// Batches by number. What is in batch k is a function of the recipe, the seed, the files and k alone.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/trainer/pictures.h"
#include "runtime/trainer/recipe.h"
#include "weights_io/tensor.h"

namespace sluice {

// May be called from several threads.
class BatchSource {
 public:
  // `folder`: as PictureFiles takes it; not read where the recipe computes its pictures. `report` as there.
  BatchSource(const Recipe &recipe, const std::filesystem::path &folder, uint64_t seed,
              std::function<void(const std::string &)> report);

  // image [batch 3 h w], 0..255, RGB or, with order "bgr", BGR. mask [batch 1 h w], or [1 1 h w] where one serves all.
  // `purpose` tells apart streams of batches: "train", "validation", "sample". Every file comes once before one comes
  // again; a file that cannot be read gives its place to the next of that order.
  TensorMap batch(const std::string &purpose, uint64_t number, const std::string &order) const;
  // The same with another number of samples.
  TensorMap batch(const std::string &purpose, uint64_t number, const std::string &order, int64_t samples) const;

  size_t files() const { return files_ ? files_->size() : 0; }  // 0: pictures are computed

 private:
  using Order = std::vector<uint32_t>;
  std::shared_ptr<const Order> order_of(const std::string &purpose, uint64_t epoch) const;
  std::shared_ptr<const Photo> photo(const std::string &purpose, uint64_t sample) const;
  void add_sample(const std::string &purpose, uint64_t sample, const std::string &order, float *image) const;

  RecipeData data_;
  MaskOptions masks_;
  uint64_t seed_;
  std::unique_ptr<PictureFiles> files_;
  mutable std::mutex mutex_;
  mutable std::map<std::pair<std::string, uint64_t>, std::shared_ptr<const Order>> orders_;  // the last few epochs
};

}  // namespace sluice
