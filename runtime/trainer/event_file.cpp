// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/event_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <bit>
#include <chrono>
#include <cstring>

#include "weights_io/tensorflow/crc32c.h"

namespace sluice {
namespace {

// Fields of the messages.
constexpr uint32_t kEventTime = 1, kEventStep = 2, kEventVersion = 3, kEventSummary = 5;
constexpr uint32_t kSummaryValue = 1, kValueTag = 1, kValueNumber = 2, kValueImage = 4;
constexpr uint32_t kImageHeight = 1, kImageWidth = 2, kImageColourspace = 3, kImageBytes = 4;
constexpr uint64_t kRgb = 3;

enum Wire : uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

template <typename Number>
std::string little_endian(Number value) {
  std::string text(sizeof(value), '\0');
  std::memcpy(text.data(), &value, sizeof(value));  // every machine that runs Sluice is little endian
  return text;
}

std::string varint_text(uint64_t value) {
  std::string text;
  for (; value >= 0x80; value >>= 7) text += static_cast<char>((value & 0x7f) | 0x80);
  return text + static_cast<char>(value);
}

std::string key(uint32_t field, Wire wire) { return varint_text(field << 3 | static_cast<uint32_t>(wire)); }
std::string number_field(uint32_t field, uint64_t value) { return key(field, varint) + varint_text(value); }
std::string bytes_field(uint32_t field, std::string_view value) {
  return key(field, bytes) + varint_text(value.size()) + std::string(value);
}

uint32_t checksum(std::string_view text) {
  return masked_crc32c(crc32c(std::as_bytes(std::span<const char>(text.data(), text.size()))));
}

std::string event_at(int64_t step) {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  return key(kEventTime, fixed64) + little_endian(std::bit_cast<uint64_t>(now.count())) +
         number_field(kEventStep, static_cast<uint64_t>(step));
}

std::filesystem::path new_name(const std::filesystem::path &folder) {
  char host[256] = "host";
  if (::gethostname(host, sizeof(host) - 1) != 0) std::strcpy(host, "host");
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  return folder / fmt::format("events.out.tfevents.{}.{}.{}", seconds.count(), host, ::getpid());
}

}  // namespace

EventFile::EventFile(const std::filesystem::path &folder) : file_(new_name(folder)) {
  add(event_at(0) + bytes_field(kEventVersion, "brain.Event:2"));
}

// length, its checksum, the message, its checksum
void EventFile::add(const std::string &event) {
  const std::string length = little_endian(static_cast<uint64_t>(event.size()));
  file_.append(length + little_endian(checksum(length)) + event + little_endian(checksum(event)));
}

void EventFile::add_numbers(int64_t step, const std::map<std::string, double> &numbers) {
  std::string summary;
  for (const auto &[tag, number] : numbers) {
    const std::string value = key(kValueNumber, fixed32) + little_endian(static_cast<float>(number));
    summary += bytes_field(kSummaryValue, bytes_field(kValueTag, tag) + value);
  }
  add(event_at(step) + bytes_field(kEventSummary, summary));
}

void EventFile::add_picture(int64_t step, const std::string &tag, int width, int height,
                            std::span<const std::byte> png) {
  const std::string image =
      number_field(kImageHeight, static_cast<uint64_t>(height)) +
      number_field(kImageWidth, static_cast<uint64_t>(width)) + number_field(kImageColourspace, kRgb) +
      bytes_field(kImageBytes, std::string_view(reinterpret_cast<const char *>(png.data()), png.size()));
  const std::string value = bytes_field(kValueTag, tag) + bytes_field(kValueImage, image);
  add(event_at(step) + bytes_field(kEventSummary, bytes_field(kSummaryValue, value)));
}

}  // namespace sluice
