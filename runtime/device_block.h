// SPDX-License-Identifier: Apache-2.0
// A block of the host's memory and its twin on a device, place for place.
#pragma once
#include <HalideRuntime.h>

#include <cstdint>
#include <string>

namespace sluice {

class Device;
struct CallContext;

class DeviceBlock {
 public:
  // `where` is named in errors. constant: once uploaded, both have the same values for good. DeviceError when there is
  // no memory, Error not_found when there is no driver.
  DeviceBlock(const Device &device, void *host, int64_t bytes, bool constant, const std::string &where);
  ~DeviceBlock();
  DeviceBlock(const DeviceBlock &) = delete;

  const Device &device() const { return device_; }
  bool constant() const { return constant_; }
  bool holds(const void *host) const { return host >= host_ && host < host_ + bytes_; }

  // Gives a buffer whose host memory lies here its place on the device, until it is detached. False, and nothing done,
  // where kernels of the device can take no buffer that begins there.
  bool attach(halide_buffer_t &buffer, CallContext &context) const;
  void detach(halide_buffer_t &buffer, CallContext &context) const;

  // Copies a part, named by its place on the host. Waits for what computes it. DeviceError.
  void upload(const void *host, int64_t bytes) const;
  void download(const void *host, int64_t bytes) const;

  // Bytes copied by all blocks of the process so far.
  static int64_t bytes_up();
  static int64_t bytes_down();

 private:
  int crop(halide_buffer_t &buffer, int64_t offset, CallContext &context) const;
  void copy(const void *host, int64_t bytes, bool up) const;

  const Device &device_;
  char *host_;
  int64_t bytes_;
  bool constant_;
  std::string where_;
  halide_buffer_t memory_{};
  halide_dimension_t dimensions_[2]{};
};

}  // namespace sluice
