// SPDX-License-Identifier: Apache-2.0
// Inside runtime/image: decoders and encoders between bytes in memory and Picture. `name` is used in messages only.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/image/picture.h"

namespace sluice {

using ByteView = std::span<const std::byte>;

bool is_png(ByteView bytes);
bool is_jpeg(ByteView bytes);

Picture decode_picture(ByteView bytes, const std::string &name, const PictureLimits &limits = {});
Picture decode_png(ByteView bytes, const std::string &name, const PictureLimits &limits = {});
Picture decode_jpeg(ByteView bytes, const std::string &name, const PictureLimits &limits = {});

std::vector<std::byte> encode_png(const Picture &picture, const std::string &name);
std::vector<std::byte> encode_jpeg(const Picture &picture, int quality, const std::string &name);

// Throws Error(bad_file) unless both sides and their product are within the limits.
void check_picture_size(uint64_t width, uint64_t height, const std::string &name, const PictureLimits &limits);

// Throws Error(usage) when the fields of a picture that is to be written contradict each other.
void check_picture(const Picture &picture, const std::string &name);

// Appends without throwing, for callbacks of C libraries; false when there is no memory.
bool append_bytes(std::vector<std::byte> *target, const void *data, size_t size) noexcept;

}  // namespace sluice
