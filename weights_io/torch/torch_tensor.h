// SPDX-License-Identifier: Apache-2.0
// One tensor of a pickle: the call that would make it in PyTorch, its arguments checked, as a view of a storage.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "weights_io/torch/pickle.h"
#include "weights_io/torch/pickle_globals.h"
#include "weights_io/torch/torch_objects.h"

namespace sluice {

struct TorchTensor {
  TensorView view;
  std::string unread;  // what it is, when it is of a kind that is not read
};

class TorchTensorReader {
 public:
  // Reads all persistent ids of the tree, which must outlive it. Throws Error(bad_file).
  TorchTensorReader(const pickle::Tree &tree, pickle::Budget &budget, const std::string &file);

  // Of a value of Kind::call. `name` is for messages.
  TorchTensor tensor(pickle::Value value, std::string_view name);

  std::vector<TorchStorage> take_storages() { return std::move(storages_); }

 private:
  // The part of a storage that one persistent id names.
  struct Part {
    std::size_t storage = 0;
    const pickle::ElementType *element = nullptr;
    uint64_t offset = 0, bytes = 0;
  };

  [[noreturn]] void fail(const std::string &reason) const;
  [[noreturn]] void fail_tensor(const std::string &reason) const;
  Part part_of(pickle::Value id);
  std::size_t storage_of(std::string_view key, uint64_t bytes, const pickle::ElementType &element);
  void narrow(Part &part, pickle::Value view) const;
  // An integer of at least 0.
  uint64_t size_of(pickle::Value value, const char *what) const;
  std::vector<int64_t> sizes_of(pickle::Value value, const char *what) const;

  TorchTensor called(pickle::Role role, const std::vector<pickle::Value> &arguments, int depth);
  TorchTensor of_type(const std::vector<pickle::Value> &arguments, int depth);
  TorchTensor wrapped(pickle::Value value, int depth);
  // reach_bytes, where neither it nor the dense size overflows.
  uint64_t checked_reach(const TensorView &view) const;
  TorchTensor view_of(const std::vector<pickle::Value> &arguments, const pickle::ElementType *stated);
  void check_count(const std::vector<pickle::Value> &arguments, std::size_t least, std::size_t most) const;
  bool is_negated(pickle::Value metadata) const;

  const pickle::Tree &tree_;
  const std::string &file_;
  std::string_view name_;
  std::vector<TorchStorage> storages_;
  std::unordered_map<std::string_view, std::size_t> by_key_;
  std::vector<Part> parts_;
};

}  // namespace sluice
