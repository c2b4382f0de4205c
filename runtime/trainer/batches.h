// SPDX-License-Identifier: Apache-2.0
// Batches by number. What is in batch k is a function of the recipe, the seed, the files and k alone.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/trainer/data_kind.h"
#include "runtime/trainer/recipe.h"
#include "weights_io/tensor.h"

namespace sluice {

// May be called from several threads.
class BatchSource {
 public:
  // `data`: what the recipe's kind of data reads; empty where it computes. `report` is told of files that are left out.
  BatchSource(const Recipe &recipe, const std::filesystem::path &data, uint64_t seed,
              std::function<void(const std::string &)> report);

  // The tensors of the recipe's data, [batch ...], or [1 ...] where one serves all. Colours are RGB or, with order
  // "bgr", BGR. `purpose` tells apart streams of batches: "train", "validation", "sample".
  TensorMap batch(const std::string &purpose, uint64_t number, const std::string &order) const;
  // The same with another number of samples; and a batch of `parts` such, of which this is number % parts: where one
  // mask serves a batch it serves all of them.
  TensorMap batch(const std::string &purpose, uint64_t number, const std::string &order, int64_t samples,
                  uint64_t parts = 1) const;

  size_t files() const { return source_->files(); }  // 0: samples are computed

 private:
  std::vector<DataTensor> tensors_;
  int64_t batch_;
  std::unique_ptr<SampleSource> source_;
};

}  // namespace sluice
