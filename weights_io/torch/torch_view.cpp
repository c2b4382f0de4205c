// SPDX-License-Identifier: Apache-2.0
// Gathering a strided view piece by piece.
#include "weights_io/torch/torch_view.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr uint64_t kPieceBytes = uint64_t{1} << 20;
// A piece in which fewer than one byte in so many is wanted is not read as a whole.
constexpr uint64_t kSparsest = 64;

[[noreturn]] void overflow() { throw Error(ErrorCode::bad_file, "a tensor's size overflows"); }

uint64_t product(uint64_t a, uint64_t b) {
  uint64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) overflow();
  return result;
}

uint64_t sum(uint64_t a, uint64_t b) {
  uint64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) overflow();
  return result;
}

// Strides in bytes.
struct Axis {
  uint64_t extent = 1;
  uint64_t from = 0;  // in the storage
  uint64_t to = 0;    // in the dense tensor
};

// The axes with more than one element, widest stride in the storage first: in this order a view that does not repeat
// elements is read from front to back.
std::vector<Axis> axes_of(const TensorView &view) {
  std::vector<Axis> axes;
  uint64_t dense = size_bytes(view.dtype);
  const uint64_t size = dense;
  for (std::size_t i = view.shape.size(); i > 0; --i) {
    const auto extent = static_cast<uint64_t>(view.shape[i - 1]);
    if (extent > 1) axes.push_back({extent, static_cast<uint64_t>(view.strides[i - 1]) * size, dense});
    dense *= extent;
  }
  std::reverse(axes.begin(), axes.end());
  std::stable_sort(axes.begin(), axes.end(), [](const Axis &a, const Axis &b) { return a.from > b.from; });
  return axes;
}

// The last `inner` axes lie within one piece, and of the axis before them `together` elements at a time.
struct Plan {
  std::vector<Axis> axes;
  std::size_t inner = 0;
  uint64_t inner_bytes = 0;  // that the inner axes span
  uint64_t together = 1;

  std::size_t first_inner() const { return axes.size() - inner; }
};

uint64_t most_together(const Axis &axis, uint64_t span, uint64_t wanted) {
  if (axis.from == 0) return axis.extent;
  uint64_t together = std::min(axis.extent, 1 + (kPieceBytes - span) / axis.from);
  // The bytes wanted grow with each element as fast as the span, or slower.
  const auto too_sparse = [&](uint64_t count) { return span + (count - 1) * axis.from > kSparsest * wanted * count; };
  if (together > 1 && too_sparse(together)) together = 1;
  return together;
}

Plan plan_of(const TensorView &view) {
  Plan plan;
  plan.axes = axes_of(view);
  plan.inner_bytes = size_bytes(view.dtype);
  uint64_t wanted = plan.inner_bytes;
  while (plan.inner < plan.axes.size()) {
    const Axis &axis = plan.axes[plan.axes.size() - 1 - plan.inner];
    plan.together = most_together(axis, plan.inner_bytes, wanted);
    if (plan.together != axis.extent) return plan;
    plan.inner_bytes += (axis.extent - 1) * axis.from;
    if (axis.from != 0) wanted *= axis.extent;
    ++plan.inner;
  }
  plan.together = 1;
  return plan;
}

bool is_dense(const std::vector<Axis> &axes) {
  return std::all_of(axes.begin(), axes.end(), [](const Axis &axis) { return axis.from == axis.to; });
}

// `axes` are at most as many as a tensor may have dimensions.
void copy_axes(std::span<const Axis> axes, const std::byte *from, std::byte *to, std::size_t size) {
  if (axes.empty()) {
    std::memcpy(to, from, size);
    return;
  }
  const Axis &axis = axes.front();
  for (uint64_t i = 0; i < axis.extent; ++i) {
    copy_axes(axes.subspan(1), from + i * axis.from, to + i * axis.to, size);
  }
}

class Gatherer {
 public:
  Gatherer(ByteSource &source, const TensorView &view, std::vector<std::byte> &result)
      : source_(source), plan_(plan_of(view)), size_(size_bytes(view.dtype)), result_(result) {}

  void run(std::size_t axis, uint64_t from, uint64_t to) {
    if (axis == plan_.first_inner()) return piece(1, from, to);
    const Axis &here = plan_.axes[axis];
    if (axis + 1 < plan_.first_inner()) {
      for (uint64_t i = 0; i < here.extent; ++i) run(axis + 1, from + i * here.from, to + i * here.to);
      return;
    }
    for (uint64_t i = 0; i < here.extent; i += plan_.together) {
      piece(std::min(plan_.together, here.extent - i), from + i * here.from, to + i * here.to);
    }
  }

 private:
  // `count` elements of the last outer axis, with all that lies in them.
  void piece(uint64_t count, uint64_t from, uint64_t to) {
    std::vector<Axis> axes(plan_.axes.begin() + static_cast<std::ptrdiff_t>(plan_.first_inner()), plan_.axes.end());
    uint64_t bytes = plan_.inner_bytes;
    if (count > 1) {
      const Axis &outer = plan_.axes[plan_.first_inner() - 1];
      axes.insert(axes.begin(), {count, outer.from, outer.to});
      bytes += (count - 1) * outer.from;
    }
    buffer_.resize(static_cast<std::size_t>(bytes));
    source_.read_at(from, buffer_);
    copy_axes(axes, buffer_.data(), result_.data() + to, size_);
  }

  ByteSource &source_;
  Plan plan_;
  std::size_t size_;
  std::vector<std::byte> &result_;
  std::vector<std::byte> buffer_;
};

}  // namespace

uint64_t dense_bytes(const TensorView &view) {
  return product(static_cast<uint64_t>(element_count(view.shape)), size_bytes(view.dtype));
}

uint64_t reach_bytes(const TensorView &view) {
  if (element_count(view.shape) == 0) return 0;
  uint64_t last = 0;
  for (std::size_t i = 0; i < view.shape.size(); ++i) {
    last = sum(last, product(static_cast<uint64_t>(view.shape[i] - 1), static_cast<uint64_t>(view.strides[i])));
  }
  return sum(view.offset, product(sum(last, 1), size_bytes(view.dtype)));
}

uint64_t pieces(const TensorView &view) {
  if (element_count(view.shape) == 0) return 0;
  const Plan plan = plan_of(view);
  if (is_dense(plan.axes)) return 1;
  uint64_t count = 1;
  for (std::size_t i = 0; i < plan.first_inner(); ++i) {
    const uint64_t together = i + 1 == plan.first_inner() ? plan.together : 1;
    count = product(count, (plan.axes[i].extent - 1) / together + 1);
  }
  return count;
}

std::vector<std::byte> read_view(ByteSource &source, uint64_t begin, const TensorView &view) {
  const uint64_t bytes = dense_bytes(view);
  if (bytes == 0) return {};
  const uint64_t first = sum(begin, view.offset);
  if (is_dense(axes_of(view))) return source.read_part(first, bytes);
  if (!source.holds(begin, reach_bytes(view))) source.read_part(begin, reach_bytes(view));  // says what is missing
  std::vector<std::byte> result(static_cast<std::size_t>(bytes));
  Gatherer(source, view, result).run(0, first, 0);
  return result;
}

}  // namespace sluice
