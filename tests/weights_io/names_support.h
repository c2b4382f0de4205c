// SPDX-License-Identifier: Apache-2.0
// What the tests of names files share: weights made up by the rules alone.
#pragma once
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/weights_io/support.h"
#include "weights_io/names/names.h"
#include "weights_io/names/names_layout.h"
#include "weights_io/names/names_spectral.h"

namespace sluice::test {

// first, first + 1, ...
inline StoredTensor counted(std::vector<int64_t> shape, float first = 0) {
  StoredTensor tensor = StoredTensor::of_f32(std::move(shape));
  for (int64_t i = 0; i < tensor.elements(); ++i) tensor.f32()[i] = first + static_cast<float>(i);
  return tensor;
}

// Our tensors of a model: every one of its own values, all of one rank of one shape, except that vectors v of spectral
// norm are as long as a row of their weight.
inline TensorMap made_up(const NamesFile &names) {
  const std::vector<int64_t> extents = {4, 6, 3, 2, 5};
  TensorMap ours;
  float next = 1;
  for (const NameRule &rule : names.dialects.front().rules) {
    for (const std::string &target : rule.targets) {
      const auto rank = static_cast<int64_t>(rank_of_parts(rule));
      ours[target] = counted({extents.begin(), extents.begin() + rank}, next);
      next += static_cast<float>(ours[target].elements());
    }
  }
  for (const NameDialect &dialect : names.dialects) {
    for (const NameSolve &solve : dialect.solved) {
      ours[solve.v] = counted(shape_of_v(ours.at(solve.weight).shape), next);
    }
  }
  // Numbers whose bits arithmetic would not keep; not where arithmetic is done.
  for (auto &[name, tensor] : ours) {
    if (tensor.elements() < 3 || name.ends_with("_orig") || name.ends_with("_u") || name.ends_with("_v")) continue;
    const uint32_t bits[] = {0x7fa00001, 0x80000000, 1};  // a signalling NaN, -0, the smallest subnormal
    std::memcpy(tensor.bytes.data(), bits, sizeof bits);
    break;
  }
  return ours;
}

inline std::filesystem::path model_file(const std::string &name) { return source_dir() / "models" / name; }

// Every names file of the project, by its path below models/.
inline std::vector<std::string> all_names_files() {
  std::vector<std::string> files;
  const std::filesystem::path folder = model_file("");
  for (const auto &entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".names") files.push_back(entry.path().lexically_relative(folder).string());
  }
  return files;
}

}  // namespace sluice::test
