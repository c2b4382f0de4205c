// SPDX-License-Identifier: Apache-2.0
// What a pickle written by torch.save holds: its storages, and its tensors as views of them under the names that the
// nesting of its dictionaries gives.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "weights_io/torch/pickle.h"
#include "weights_io/torch/torch_view.h"

namespace sluice {

struct TorchStorage {
  std::string key;
  uint64_t bytes = 0;
  std::size_t element_bytes = 1;
};

struct TorchObjects {
  std::vector<TorchStorage> storages;         // in the order of their first mention
  std::map<std::string, TensorView> tensors;  // within their storages
  std::map<std::string, std::string> others;  // as Checkpoint::others
};

// The memory that the objects of a file may take beyond its own bytes, when the pickle itself takes `pickle_bytes`.
pickle::Budget object_budget(const std::string &file, uint64_t file_bytes, uint64_t pickle_bytes);

// Throws Error(bad_file) where anything is not as torch.save writes it, and where the dense tensors together are much
// larger than the file.
TorchObjects torch_objects(const pickle::Tree &tree, pickle::Budget &budget, const std::string &file,
                           uint64_t file_bytes);

// What to say of a file in which a whole network was pickled.
inline constexpr std::string_view kSaveStateDict = "load it with the code it came from and save its state_dict() alone";

}  // namespace sluice
