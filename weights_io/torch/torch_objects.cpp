// SPDX-License-Identifier: Apache-2.0
// From the values of a pickle to named views of storages.
#include "weights_io/torch/torch_objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "weights_io/checkpoint_formats.h"
#include "weights_io/error.h"
#include "weights_io/safetensors_header.h"
#include "weights_io/text.h"
#include "weights_io/torch/pickle_globals.h"
#include "weights_io/torch/torch_tensor.h"

namespace sluice {
namespace {

using pickle::Kind;
using pickle::Value;

constexpr uint64_t kMebibyte = uint64_t{1} << 20;
constexpr uint64_t kBudgetBytes = 24 * kMebibyte;
// Beyond the size of the file: what views of one storage may take when each is made dense, ...
constexpr uint64_t kDistinctBytes = 24 * kMebibyte;
// ... and how often all of them may be there under further names.
constexpr uint64_t kNamesOfOne = 4;
constexpr uint64_t kMaxPieces = 4'000'000;
constexpr uint64_t kTensorBytes = 400;  // of a tensor in the maps of a checkpoint, without its name
constexpr uint64_t kOtherBytes = 150;
constexpr std::size_t kMaxDepth = 100;
constexpr const char *kTooDeep = "its pickle is nested deeper than 100 containers";

bool is_container(Kind kind) { return kind == Kind::dictionary || kind == Kind::list || kind == Kind::tuple; }

struct Distinct {
  bool operator()(const TensorView *a, const TensorView *b) const {
    const auto parts = [](const TensorView &view) {
      return std::tie(view.storage, view.offset, view.dtype, view.shape, view.strides);
    };
    return parts(*a) < parts(*b);
  }
};

// Walks the tree twice, both times with a stack of its own: once to see in which containers tensors lie, which also
// finds what contains itself, once to name them. Containers without tensors are named as a whole.
class Walk {
 public:
  Walk(const pickle::Tree &tree, pickle::Budget &budget, const std::string &file, uint64_t file_bytes)
      : tree_(tree), budget_(budget), file_(file), file_bytes_(file_bytes), reader_(tree, budget, file) {}

  TorchObjects run() {
    budget_.take(2 * tree_.nodes.size());
    marks_.assign(tree_.nodes.size(), Mark::unseen);
    mark_containers();
    if (is_container(tree_.root.kind())) {
      name_containers();
    } else if (tree_.root.kind() == Kind::call) {
      path_ = "tensor";
      leaf(tree_.root);
    } else {
      fail(fmt::format("its pickle holds {}, and no tensors", pickle::describe(tree_.root.kind())));
    }
    objects_.storages = reader_.take_storages();
    return std::move(objects_);
  }

 private:
  enum class Mark : unsigned char { unseen, open, without, with };

  struct Frame {
    Value value;
    std::size_t next = 0;
    std::size_t path = 0;  // the length of the name of the container
  };

  [[noreturn]] void fail(const std::string &reason) const {
    throw Error(ErrorCode::bad_file, fmt::format("{}: {}", file_, reason));
  }

  // ---- where tensors are

  bool holds_tensor(Value value) const {
    return value.kind() == Kind::call || (is_container(value.kind()) && marks_[value.index()] == Mark::with);
  }

  void open(Value value) {
    Mark &mark = marks_[value.index()];
    if (mark == Mark::open) fail("its pickle holds a container that contains itself");
    if (mark != Mark::unseen) return;
    if (frames_.size() == kMaxDepth) fail(kTooDeep);
    mark = Mark::open;
    frames_.push_back({value, 0, 0});
  }

  void mark_containers() {
    if (is_container(tree_.root.kind())) open(tree_.root);
    while (!frames_.empty()) {
      Frame &frame = frames_.back();
      const std::vector<Value> &items = tree_.items(frame.value);
      if (frame.next < items.size()) {
        const Value item = items[frame.next++];
        if (is_container(item.kind())) open(item);
        continue;
      }
      const std::size_t step = frame.value.kind() == Kind::dictionary ? 2 : 1;
      Mark found = Mark::without;
      for (std::size_t i = step - 1; i < items.size(); i += step) {
        if (holds_tensor(items[i])) found = Mark::with;
      }
      marks_[frame.value.index()] = found;
      frames_.pop_back();
    }
  }

  // ---- names

  void name_containers() {
    frames_.push_back({tree_.root, 0, 0});
    while (!frames_.empty()) {
      Frame &frame = frames_.back();
      path_.resize(frame.path);
      const std::vector<Value> &items = tree_.items(frame.value);
      if (frame.next == items.size()) {
        frames_.pop_back();
        continue;
      }
      const bool is_dictionary = frame.value.kind() == Kind::dictionary;
      if (frame.path != 0) path_ += '.';
      if (is_dictionary) {
        add_key(items[frame.next], holds_tensor(items[frame.next + 1]));
      } else {
        path_ += fmt::format("{}", frame.next);
      }
      const Value value = items[frame.next + (is_dictionary ? 1 : 0)];
      frame.next += is_dictionary ? 2 : 1;
      if (is_container(value.kind()) && holds_tensor(value)) {
        check_name();
        if (frames_.size() == kMaxDepth) fail(kTooDeep);
        frames_.push_back({value, 0, path_.size()});
      } else {
        leaf(value);
      }
    }
  }

  void add_key(Value key, bool has_tensor) {
    const bool is_text = key.kind() == Kind::text || key.kind() == Kind::bytes;
    if (is_text && is_valid_utf8(tree_.text(key))) {
      path_ += tree_.text(key);
    } else if (key.kind() == Kind::integer) {
      path_ += fmt::format("{}", key.integer());
    } else if (has_tensor) {
      fail(fmt::format("a tensor in {} under a key that is {}", in_quotes(path_),
                       is_text ? "not valid UTF-8" : pickle::describe(key.kind())));
    } else {
      path_ += fmt::format("({})", is_text ? "not text" : pickle::describe(key.kind()));
    }
  }

  void check_name() const {
    const std::string refusal = safetensors::refusal_of_name(path_);
    if (!refusal.empty()) fail(refusal);
  }

  // ---- leaves

  void leaf(Value value) {
    if (value.kind() != Kind::call) return add_other(what(value));
    check_name();
    TorchTensor tensor = reader_.tensor(value, path_);
    if (!tensor.unread.empty()) return add_other(tensor.unread);
    budget_.take(kTensorBytes + 2 * path_.size());
    if (objects_.tensors.size() == kMaxCheckpointTensors)
      fail(fmt::format("more than {} tensors", kMaxCheckpointTensors));
    const auto [place, is_new] = objects_.tensors.emplace(path_, std::move(tensor.view));
    if (!is_new) fail(fmt::format("two tensors named {}", in_quotes(path_)));
    count(place->second);
  }

  void add_other(std::string text) {
    budget_.take(kOtherBytes + path_.size() + text.size());
    objects_.others.emplace(path_, std::move(text));
  }

  std::string what(Value value) const {
    if (value.kind() == Kind::opaque || value.kind() == Kind::global) return pickle::global_of(value.index()).what;
    if (!is_container(value.kind())) return pickle::describe(value.kind());
    const std::size_t length = tree_.items(value).size() / (value.kind() == Kind::dictionary ? 2 : 1);
    return fmt::format("{} of {} value{}", pickle::describe(value.kind()), length, length == 1 ? "" : "s");
  }

  // What reading everything takes, against bombs: views that repeat a storage, and a name for each of a million.
  void count(const TensorView &view) {
    const uint64_t bytes = dense_bytes(view);
    if (bytes > file_bytes_ + kDistinctBytes) too_large();
    all_bytes_ += bytes;
    if (distinct_.insert(&view).second) {
      distinct_bytes_ += bytes;
      pieces_ += pieces(view);
    }
    if (distinct_bytes_ > file_bytes_ + kDistinctBytes) too_large();
    if (all_bytes_ / kNamesOfOne > file_bytes_ + kDistinctBytes) too_large();
    if (pieces_ > kMaxPieces) fail(fmt::format("tensor {} is scattered over its storage", in_quotes(path_)));
  }

  [[noreturn]] void too_large() const {
    fail(fmt::format("tensor {} and those before it are larger than the file ({} bytes): its views repeat the storages",
                     in_quotes(path_), file_bytes_));
  }

  const pickle::Tree &tree_;
  pickle::Budget &budget_;
  const std::string &file_;
  uint64_t file_bytes_;
  TorchTensorReader reader_;
  TorchObjects objects_;
  std::vector<Mark> marks_;
  std::vector<Frame> frames_;
  std::string path_;
  std::set<const TensorView *, Distinct> distinct_;
  uint64_t all_bytes_ = 0, distinct_bytes_ = 0, pieces_ = 0;
};

}  // namespace

pickle::Budget object_budget(const std::string &file, uint64_t file_bytes, uint64_t pickle_bytes) {
  return {file, kBudgetBytes + (file_bytes - std::min(pickle_bytes, file_bytes))};
}

TorchObjects torch_objects(const pickle::Tree &tree, pickle::Budget &budget, const std::string &file,
                           uint64_t file_bytes) {
  return Walk(tree, budget, file, file_bytes).run();
}

}  // namespace sluice
