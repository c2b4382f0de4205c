// SPDX-License-Identifier: Apache-2.0
#include "runtime/device_block.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "runtime/device.h"
#include "runtime/kernel_call.h"

namespace sluice {
namespace {

constexpr int64_t kElement = sizeof(float);
constexpr int64_t kRow = int64_t{1} << 20;    // elements; an extent of Halide has 31 bits
constexpr int64_t kPiece = int64_t{1} << 28;  // elements of one copy
std::atomic<int64_t> copied_up{0}, copied_down{0};

}  // namespace

int64_t DeviceBlock::bytes_up() { return copied_up; }
int64_t DeviceBlock::bytes_down() { return copied_down; }

DeviceBlock::DeviceBlock(const Device &device, void *host, int64_t bytes, bool constant, const std::string &where)
    : device_(device), host_(static_cast<char *>(host)), bytes_(bytes), constant_(constant), where_(where) {
  const int64_t elements = std::max<int64_t>((bytes + kElement - 1) / kElement, 1), row = std::min(elements, kRow);
  dimensions_[0] = halide_dimension_t(0, static_cast<int32_t>(row), 1);
  dimensions_[1] = halide_dimension_t(0, static_cast<int32_t>((elements + row - 1) / row), static_cast<int32_t>(row));
  memory_.type = halide_type_of<float>();
  memory_.dimensions = 2;
  memory_.dim = dimensions_;
  CallContext context = device.call_context();
  const int code = device.driver().device_malloc(&context, &memory_, &device.driver());
  if (code == 0) return;
  device.require();
  throw DeviceError(
      fmt::format("{}: no memory for {} MB on device {} ({})", where, bytes >> 20, device.kind(), context.error));
}

DeviceBlock::~DeviceBlock() {
  CallContext context = device_.call_context();
  device_.driver().device_free(&context, &memory_);
}

// The buffer's device part only.
int DeviceBlock::crop(halide_buffer_t &buffer, int64_t offset, CallContext &context) const {
  const int64_t element = offset / kElement, row = dimensions_[0].extent;
  halide_dimension_t place[] = {halide_dimension_t(static_cast<int32_t>(element % row), 1, 1),
                                halide_dimension_t(static_cast<int32_t>(element / row), 1, static_cast<int32_t>(row))};
  halide_buffer_t piece{};
  piece.type = memory_.type;
  piece.dimensions = 2;
  piece.dim = place;
  const int code = device_.driver().device_crop(&context, &memory_, &piece);
  buffer.device = piece.device;
  buffer.device_interface = piece.device_interface;
  return code;
}

bool DeviceBlock::attach(halide_buffer_t &buffer, CallContext &context) const {
  const int64_t offset = reinterpret_cast<char *>(buffer.host) - host_;
  if (offset % device_.alignment() != 0) return false;
  if (crop(buffer, offset, context) != 0) throw DeviceError(fmt::format("{}: {}", where_, context.error));
  buffer.set_host_dirty(false);
  buffer.set_device_dirty(!constant_);
  return true;
}

void DeviceBlock::detach(halide_buffer_t &buffer, CallContext &context) const {
  device_.driver().device_release_crop(&context, &buffer);
}

void DeviceBlock::copy(const void *host, int64_t bytes, bool up) const {
  int64_t offset = static_cast<const char *>(host) - host_;
  for (int64_t left = bytes / kElement; left > 0;) {
    const int64_t elements = std::min(left, kPiece);
    halide_dimension_t dimension(0, static_cast<int32_t>(elements), 1);
    halide_buffer_t buffer{};
    buffer.host = reinterpret_cast<uint8_t *>(host_ + offset);
    buffer.type = memory_.type;
    buffer.dimensions = 1;
    buffer.dim = &dimension;
    CallContext context = device_.call_context();
    int code = crop(buffer, offset, context);
    if (code == 0) {
      buffer.set_host_dirty(up);
      buffer.set_device_dirty(!up);
      code = up ? device_.driver().copy_to_device(&context, &buffer, &device_.driver())
                : device_.driver().copy_to_host(&context, &buffer);
      detach(buffer, context);
    }
    if (code != 0) {
      throw DeviceError(fmt::format("{}: copying {} device {} failed ({}): {}", where_, up ? "to" : "from",
                                    device_.kind(), code, context.error));
    }
    left -= elements;
    offset += elements * kElement;
  }
  (up ? copied_up : copied_down) += bytes;
}

void DeviceBlock::upload(const void *host, int64_t bytes) const { copy(host, bytes, true); }
void DeviceBlock::download(const void *host, int64_t bytes) const { copy(host, bytes, false); }

}  // namespace sluice
