// SPDX-License-Identifier: Apache-2.0
#include "runtime/structural.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <span>

#include "runtime/expression.h"
#include "runtime/tensor_layout.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

// n c s1 .. sk from c sk .. s1 n, and back.
Extents file_order(const Extents &extents) {
  if (extents.size() < 2) return extents;
  Extents shape{extents.back(), extents[0]};
  for (size_t d = extents.size() - 2; d >= 1; d--) shape.push_back(extents[d]);
  return shape;
}
Extents memory_order(const Extents &shape) {
  if (shape.size() < 2) return shape;
  Extents extents{shape[1]};
  for (size_t d = shape.size() - 1; d >= 2; d--) extents.push_back(shape[d]);
  extents.push_back(shape[0]);
  return extents;
}

// Walks a view in n c ... order.
class FileOrder {
 public:
  explicit FileOrder(const BufferView &view)
      : shape_(file_order(view.extents)),
        strides_(file_order(view.strides)),
        index_(shape_.size(), 0),
        at_(static_cast<float *>(view.data)) {}
  float &value() const { return *at_; }
  void next() {
    for (size_t d = shape_.size(); d-- > 0;) {
      at_ += strides_[d];
      if (++index_[d] < shape_[d]) return;
      at_ -= strides_[d] * shape_[d];
      index_[d] = 0;
    }
  }

 private:
  Extents shape_, strides_, index_;
  float *at_;
};

template <typename Apply>
void for_both(const BufferView &from, const BufferView &to, Apply apply) {
  FileOrder source(from), target(to);
  for (int64_t i = from.elements(); i > 0; i--, source.next(), target.next()) apply(source.value(), target.value());
}

[[noreturn]] void refuse(const Node &node, const std::string &model, const std::string &what) {
  throw Error(ErrorCode::input_failed, fmt::format("model {}, node {}: {}", model, node.name, what));
}

int64_t number(const Node &node, const std::string &key, int64_t fallback) {
  const auto found = node.attributes.find(key);
  return found == node.attributes.end() ? fallback : as_integer(found->second.items.at(0)).value_or(-1);
}

}  // namespace

bool is_structural(const std::string &op) {
  return op == "concat" || op == "slice" || op == "reshape" || op == "all_gather";
}

ChannelRange slice_range(const Node &node, const Extents &extents, const std::string &model) {
  const ChannelRange range{number(node, "first", 0), number(node, "channels", 0)};
  const int64_t channels = extents.size() < 2 ? 0 : extents[0];
  if (range.first < 0 || range.count <= 0 || range.first + range.count > channels) {
    refuse(
        node, model,
        fmt::format("channels {} to {} of a tensor that has {}", range.first, range.first + range.count - 1, channels));
  }
  return range;
}

Extents reshaped_extents(const Node &node, const Extents &extents, const Extents &like_tensor,
                         const std::string &model) {
  const Extents given = file_order(extents);
  Extents shape;
  int64_t all = 1, known = 1;
  for (const int64_t extent : given) all *= extent;
  int open = -1;
  const std::vector<std::string> &items = node.attributes.at("shape").items;
  bool leading = true;  // zeros so far: counted from the front; later ones from the back
  for (const std::string &item : items) {
    const bool of_other = item == "c" && like_tensor.size() >= 2;
    const int64_t wanted = of_other ? like_tensor[0] : as_integer(item).value_or(-2);
    const size_t d = shape.size(), behind = items.size() - d;
    leading = leading && wanted == 0;
    const size_t like = leading ? d : given.size() - behind;  // wraps to a huge number where there is none
    if (wanted < -1 || (wanted == 0 && like >= given.size()) || (wanted == -1 && open >= 0))
      refuse(node, model, fmt::format("shape={} does not fit", node.attributes.at("shape").text()));
    if (wanted == -1) open = static_cast<int>(d);
    shape.push_back(wanted == 0 ? given[like] : wanted == -1 ? 1 : wanted);
    if (__builtin_mul_overflow(known, shape.back(), &known))
      refuse(node, model, fmt::format("shape={} is too large", node.attributes.at("shape").text()));
  }
  if (open >= 0 && known > 0 && all % known == 0) {
    shape[static_cast<size_t>(open)] = all / known;
    known = all;
  }
  if (known != all) {
    refuse(node, model,
           fmt::format("shape={} has not the {} elements of [{}]", node.attributes.at("shape").text(), all,
                       fmt::join(given, ", ")));
  }
  return memory_order(shape);
}

void gather_view(ProcessGroup &group, const BufferView &mine, const BufferView &all) {
  const BufferView dense(nullptr, mine.extents);
  std::vector<float> own(static_cast<size_t>(dense.elements())), joined(own.size() * static_cast<size_t>(group.size()));
  copy_view(mine, BufferView(own.data(), mine.extents));
  group.gather(std::as_bytes(std::span(own)), std::as_writable_bytes(std::span(joined)));
  copy_view(BufferView(joined.data(), all.extents), all);
}

void add_gathered(ProcessGroup &group, const BufferView &all, const BufferView &mine) {
  const auto parts = static_cast<size_t>(group.size());
  std::vector<float> own(static_cast<size_t>(BufferView(nullptr, all.extents).elements())), theirs(own.size());
  copy_view(all, BufferView(own.data(), all.extents));
  const size_t block = own.size() / parts;
  group.wait(group.begin_exchange(own.data(), theirs.data(), block));
  for (size_t i = 0; i < block; i++) {
    double sum = 0;
    for (size_t part = 0; part < parts; part++) sum += static_cast<double>(theirs[part * block + i]);
    own[i] = static_cast<float>(sum);
  }
  add_reshaped(BufferView(own.data(), mine.extents), mine);
}

void copy_reshaped(const BufferView &from, const BufferView &to) {
  for_both(from, to, [](float source, float &target) { target = source; });
}

void add_reshaped(const BufferView &from, const BufferView &to) {
  for_both(from, to, [](float source, float &target) { target += source; });
}

}  // namespace sluice
