// SPDX-License-Identifier: Apache-2.0
// Quoting and UTF-8 checking.
#include "weights_io/text.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sluice {
namespace {

uint32_t byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

// The length of the UTF-8 sequence that begins at `i`; 0 where it is ill-formed (RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF).
std::size_t sequence_length(std::string_view text, std::size_t i) {
  const uint32_t lead = byte_at(text, i);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || length > text.size() - i) return 0;
  uint32_t code = lead & (0xffu >> (length + 1));
  for (std::size_t k = 1; k < length; ++k) {
    const uint32_t next = byte_at(text, i + k);
    if ((next & 0xc0) != 0x80) return 0;
    code = (code << 6) | (next & 0x3f);
  }
  if (length == 3 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff))) return 0;
  if (length == 4 && (code < 0x10000 || code > 0x10ffff)) return 0;
  return length;
}

}  // namespace

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kLongest = 100;
  std::string result = "'";
  std::size_t i = 0;
  while (i < text.size() && i < kLongest) {
    const std::size_t length = sequence_length(text, i);
    const uint32_t lead = byte_at(text, i);
    if (length == 0 || lead < 0x20 || lead == 0x7f) {
      result += fmt::format("\\x{:02x}", lead);
      ++i;
    } else {
      result += text.substr(i, length);
      i += length;
    }
  }
  return result + (i < text.size() ? "...'" : "'");
}

bool is_valid_utf8(std::string_view text) {
  constexpr uint64_t kNoAscii = 0x8080808080808080;  // of eight bytes: is one above 0x7f
  for (std::size_t i = 0; i < text.size();) {
    uint64_t eight = kNoAscii;
    if (text.size() - i >= sizeof(eight)) std::memcpy(&eight, text.data() + i, sizeof(eight));
    if ((eight & kNoAscii) == 0) {
      i += sizeof(eight);
      continue;
    }
    const std::size_t length = sequence_length(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

}  // namespace sluice
