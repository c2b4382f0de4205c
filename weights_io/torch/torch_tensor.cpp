// SPDX-License-Identifier: Apache-2.0
// Checking persistent ids and the arguments of the functions that rebuild tensors (pytorch/pytorch: torch/_utils.py,
// torch/serialization.py).
#include "weights_io/torch/torch_tensor.h"

#include <fmt/format.h>

#include "weights_io/checkpoint_formats.h"
#include "weights_io/error.h"
#include "weights_io/safetensors_header.h"
#include "weights_io/text.h"

namespace sluice {

using pickle::Global;
using pickle::global_of;
using pickle::Kind;
using pickle::Role;
using pickle::Value;

namespace {

constexpr uint64_t kStorageBytes = 200;  // of a storage in the lists and maps
constexpr int kMaxWraps = 4;             // a parameter of a parameter of ...

}  // namespace

TorchTensorReader::TorchTensorReader(const pickle::Tree &tree, pickle::Budget &budget, const std::string &file)
    : tree_(tree), file_(file) {
  parts_.reserve(tree.storages.size());
  for (const Value id : tree.storages) {
    budget.take(kStorageBytes);
    parts_.push_back(part_of(id));
  }
}

void TorchTensorReader::fail(const std::string &reason) const {
  throw Error(ErrorCode::bad_file, fmt::format("{}: {}", file_, reason));
}

void TorchTensorReader::fail_tensor(const std::string &reason) const {
  fail(fmt::format("tensor {}: {}", in_quotes(name_), reason));
}

// ---- storages

uint64_t TorchTensorReader::size_of(Value value, const char *what) const {
  if (value.kind() != Kind::integer) fail(fmt::format("{} that is {}", what, pickle::describe(value.kind())));
  if (value.integer() < 0) fail(fmt::format("{} of {}", what, value.integer()));
  return static_cast<uint64_t>(value.integer());
}

TorchTensorReader::Part TorchTensorReader::part_of(Value id) {
  if (id.kind() != Kind::tuple) fail(fmt::format("a persistent id that is {}", pickle::describe(id.kind())));
  const std::vector<Value> &items = tree_.items(id);
  if (items.empty() || items[0].kind() != Kind::text) fail("a persistent id that names nothing");
  if (tree_.text(items[0]) == "module") fail(fmt::format("holds a whole pickled module: {}", kSaveStateDict));
  if (tree_.text(items[0]) != "storage") fail(fmt::format("a persistent id of {}", in_quotes(tree_.text(items[0]))));
  if (items.size() < 5 || items.size() > 6) fail(fmt::format("a storage of {} parts, expected 5 or 6", items.size()));
  if (items[1].kind() != Kind::global || global_of(items[1].index()).role != Role::storage) {
    fail(fmt::format("a storage whose type is {}", pickle::describe(items[1].kind())));
  }
  if (items[2].kind() != Kind::text) fail(fmt::format("a storage whose key is {}", pickle::describe(items[2].kind())));
  if (items[3].kind() != Kind::text) fail("a storage whose location is no string");
  const pickle::ElementType &element = *global_of(items[1].index()).element;
  const uint64_t elements = size_of(items[4], "a storage size");
  Part part;
  if (__builtin_mul_overflow(elements, uint64_t{element.size}, &part.bytes)) fail("a storage size that overflows");
  part.element = &element;
  part.storage = storage_of(tree_.text(items[2]), part.bytes, element);
  if (items.size() == 6 && items[5].kind() != Kind::none) narrow(part, items[5]);
  return part;
}

std::size_t TorchTensorReader::storage_of(std::string_view key, uint64_t bytes, const pickle::ElementType &element) {
  const auto [place, is_new] = by_key_.emplace(key, storages_.size());
  if (is_new) {
    if (storages_.size() == kMaxCheckpointTensors) fail(fmt::format("more than {} storages", kMaxCheckpointTensors));
    storages_.push_back({std::string(key), bytes, element.size});
    return place->second;
  }
  const TorchStorage &known = storages_[place->second];
  if (known.bytes != bytes) {
    fail(fmt::format("storage {} has {} bytes and elsewhere {}", in_quotes(key), known.bytes, bytes));
  }
  return place->second;
}

// A view of a storage, as files of early versions have them: key, offset, size.
void TorchTensorReader::narrow(Part &part, Value view) const {
  const bool is_view = view.kind() == Kind::tuple && tree_.items(view).size() == 3;
  if (!is_view) fail("a view of a storage that is not of three parts");
  const uint64_t offset = size_of(tree_.items(view)[1], "the offset of a view");
  const uint64_t elements = size_of(tree_.items(view)[2], "the size of a view");
  const uint64_t there = part.bytes / part.element->size;
  if (offset > there || elements > there - offset) fail("a view that leaves its storage");
  part.offset = offset * part.element->size;
  part.bytes = elements * part.element->size;
}

// ---- tensors

TorchTensor TorchTensorReader::tensor(Value value, std::string_view name) {
  name_ = name;
  return wrapped(value, 0);
}

TorchTensor TorchTensorReader::wrapped(Value value, int depth) {
  if (value.kind() != Kind::call) fail_tensor(fmt::format("made of {}", pickle::describe(value.kind())));
  if (depth > kMaxWraps) fail_tensor("a parameter of a parameter of a parameter");
  const Global global = global_of(tree_.called(value));
  if (global.role == Role::unread_tensor) return {{}, global.what};
  return called(global.role, tree_.arguments(value), depth);
}

TorchTensor TorchTensorReader::called(Role role, const std::vector<Value> &arguments, int depth) {
  switch (role) {
    case Role::rebuild_tensor:
      check_count(arguments, 4, 4);
      return view_of(arguments, nullptr);
    case Role::rebuild_tensor_v2:
      check_count(arguments, 6, 7);
      if (arguments.size() == 7 && is_negated(arguments[6])) break;
      return view_of(arguments, nullptr);
    case Role::rebuild_tensor_v3:
      check_count(arguments, 7, 8);
      if (arguments.size() == 8 && is_negated(arguments[7])) break;
      if (arguments[6].kind() != Kind::global || global_of(arguments[6].index()).role != Role::dtype) {
        fail_tensor("its element type is no element type");
      }
      return view_of(arguments, global_of(arguments[6].index()).element);
    case Role::rebuild_parameter:
      check_count(arguments, 3, 3);
      return wrapped(arguments[0], depth + 1);
    case Role::rebuild_parameter_with_state:
      check_count(arguments, 4, 4);
      return wrapped(arguments[0], depth + 1);
    case Role::rebuild_from_type:
      check_count(arguments, 4, 4);
      return of_type(arguments, depth + 1);
    default:
      fail_tensor("made by something that makes no tensor");
  }
  return {{}, "a tensor with its sign bit set apart, which is not read"};
}

TorchTensor TorchTensorReader::of_type(const std::vector<Value> &arguments, int depth) {
  if (depth > kMaxWraps) fail_tensor("a parameter of a parameter of a parameter");
  if (arguments[0].kind() != Kind::global || arguments[2].kind() != Kind::tuple) fail_tensor("made of no function");
  if (arguments[1].kind() != Kind::global || global_of(arguments[1].index()).role != Role::tensor_class) {
    fail_tensor("of a class that is none of torch");
  }
  return called(global_of(arguments[0].index()).role, tree_.items(arguments[2]), depth);
}

void TorchTensorReader::check_count(const std::vector<Value> &arguments, std::size_t least, std::size_t most) const {
  if (arguments.size() >= least && arguments.size() <= most) return;
  fail_tensor(fmt::format("made of {} arguments, expected {}", arguments.size(), most));
}

// Whether the metadata of a tensor say that its numbers are to be negated or conjugated.
bool TorchTensorReader::is_negated(Value metadata) const {
  if (metadata.kind() == Kind::none) return false;
  if (metadata.kind() != Kind::dictionary) fail_tensor("its metadata are no dictionary");
  const std::vector<Value> &pairs = tree_.items(metadata);
  for (std::size_t i = 1; i < pairs.size(); i += 2) {
    if (pairs[i].kind() != Kind::boolean || pairs[i].integer() != 0) return true;
  }
  return false;
}

std::vector<int64_t> TorchTensorReader::sizes_of(Value value, const char *what) const {
  if (value.kind() != Kind::tuple && value.kind() != Kind::list) fail_tensor(fmt::format("its {} is no tuple", what));
  const std::vector<Value> &items = tree_.items(value);
  if (items.size() > safetensors::kMaxRank) {
    fail_tensor(fmt::format("{} dimensions, at most {} are read", items.size(), safetensors::kMaxRank));
  }
  std::vector<int64_t> sizes;
  for (const Value item : items) {
    if (item.kind() != Kind::integer || item.integer() < 0)
      fail_tensor(fmt::format("its {} is not of whole numbers", what));
    sizes.push_back(item.integer());
  }
  return sizes;
}

uint64_t TorchTensorReader::checked_reach(const TensorView &view) const {
  try {
    dense_bytes(view);
    return reach_bytes(view);
  } catch (const Error &error) {
    fail_tensor(error.what());
  }
}

TorchTensor TorchTensorReader::view_of(const std::vector<Value> &arguments, const pickle::ElementType *stated) {
  if (arguments[0].kind() != Kind::storage) {
    fail_tensor(fmt::format("its storage is {}", pickle::describe(arguments[0].kind())));
  }
  if (arguments.size() > 4 && arguments[4].kind() != Kind::boolean) fail_tensor("requires_grad is no truth value");
  const Part &part = parts_[arguments[0].index()];
  const pickle::ElementType &element = stated != nullptr ? *stated : *part.element;
  if (!element.dtype) return {{}, fmt::format("a tensor of type {}, which is not read", element.name)};
  if (arguments[1].kind() != Kind::integer || arguments[1].integer() < 0) {
    fail_tensor("its offset is no whole number");
  }
  TensorView view = {part.storage, *element.dtype, 0, sizes_of(arguments[2], "size"), sizes_of(arguments[3], "stride")};
  if (view.shape.size() != view.strides.size()) {
    fail_tensor(fmt::format("{} dimensions and {} strides", view.shape.size(), view.strides.size()));
  }
  if (__builtin_mul_overflow(static_cast<uint64_t>(arguments[1].integer()), uint64_t{element.size}, &view.offset)) {
    fail_tensor("its offset overflows");
  }
  const uint64_t reach = checked_reach(view);
  if (reach > part.bytes) fail_tensor(fmt::format("reaches to byte {} of a storage of {}", reach, part.bytes));
  view.offset = reach == 0 ? 0 : view.offset + part.offset;
  return {std::move(view), {}};
}

}  // namespace sluice
