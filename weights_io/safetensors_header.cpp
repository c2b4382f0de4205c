// SPDX-License-Identifier: Apache-2.0
// A JSON event handler that accepts exactly the safetensors header and nothing else: no document tree is ever built.
#include "weights_io/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <tuple>
#include <utility>

#include "weights_io/crc32.h"
#include "weights_io/error.h"
#include "weights_io/text.h"

namespace sluice::safetensors {
namespace {

class HeaderHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderHandler(const std::string &file) : file_(file) {}

  Header take() { return std::move(header_); }

  bool key(string_t &text) override {
    key_.swap(text);
    switch (place_) {
      case Place::top:
        return top_key();
      case Place::metadata:
        if (key_.ends_with(kHeaderName) && !key_.starts_with(kChecksumPrefix) && key_ != kSourceChecksum)
          fail(fmt::format("metadata key {}: such names are reserved", in_quotes(key_)));
        return metadata_key();
      default:
        return tensor_key();
    }
  }

  bool string(string_t &text) override {
    if (place_ == Place::metadata) {
      value_->swap(text);
      return true;
    }
    if (place_ != Place::tensor || key_ != "dtype") unexpected("a string");
    const auto dtype = dtype_from_name(text);
    if (!dtype) fail_tensor(fmt::format("unknown dtype {}", in_quotes(text)));
    entry().dtype = *dtype;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ == Place::shape) {
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) fail_tensor("an extent overflows");
      if (entry().shape.size() == kMaxRank) fail_tensor(fmt::format("more than {} dimensions", kMaxRank));
      entry().shape.push_back(static_cast<int64_t>(value));
    } else if (place_ == Place::offsets) {
      if (offsets_ == 2) fail_tensor("data_offsets has more than two numbers");
      (offsets_ == 0 ? entry().begin : entry().end) = value;
      ++offsets_;
    } else {
      unexpected("a number");
    }
    return true;
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::outside) {
      place_ = Place::top;
    } else if (place_ == Place::top) {
      place_ = key_ == "__metadata__" ? Place::metadata : Place::tensor;
      seen_ = 0;
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::tensor && seen_ != (kDtype | kShape | kOffsets)) {
      fail_tensor("dtype, shape and data_offsets are not all there");
    }
    place_ = place_ == Place::top ? Place::outside : Place::top;
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::tensor || key_ == "dtype") unexpected("an array");
    place_ = key_ == "shape" ? Place::shape : Place::offsets;
    offsets_ = 0;
    return true;
  }

  bool end_array() override {
    if (place_ == Place::offsets && offsets_ != 2) fail_tensor("data_offsets has fewer than two numbers");
    place_ = Place::tensor;
    return true;
  }

  bool null() override { unexpected("null"); }
  bool boolean(bool) override { unexpected("a boolean"); }
  bool number_integer(number_integer_t) override { unexpected("a negative number"); }
  bool number_float(number_float_t, const string_t &) override { unexpected("a number that is no 64-bit integer"); }
  bool binary(binary_t &) override { unexpected("binary data"); }

  bool parse_error(std::size_t position, const std::string &, const nlohmann::detail::exception &) override {
    fail(fmt::format("the header is not valid JSON at byte {}", position));
  }

 private:
  enum class Place { outside, top, metadata, tensor, shape, offsets };
  static constexpr unsigned kDtype = 1, kShape = 2, kOffsets = 4;

  bool top_key() {
    if (key_ == "__metadata__") {
      if (std::exchange(seen_metadata_, true)) fail("duplicate key '__metadata__'");
      return true;
    }
    const std::string refusal = refusal_of_name(key_);
    if (!refusal.empty()) fail(refusal);
    if (!names_.insert(key_).second) fail(fmt::format("duplicate tensor {}", in_quotes(key_)));
    if (header_.tensors.size() == kMaxTensors) fail(fmt::format("more than {} tensors", kMaxTensors));
    header_.tensors.emplace_back().name = key_;
    return true;
  }

  bool metadata_key() {
    const auto [entry, fresh] = header_.metadata.try_emplace(key_);
    if (!fresh) fail(fmt::format("duplicate key {} in __metadata__", in_quotes(key_)));
    if (header_.metadata.size() > kMaxMetadata) fail(fmt::format("more than {} metadata entries", kMaxMetadata));
    value_ = &entry->second;
    return true;
  }

  bool tensor_key() {
    const unsigned field = key_ == "dtype" ? kDtype : key_ == "shape" ? kShape : key_ == "data_offsets" ? kOffsets : 0;
    if (field == 0) fail_tensor(fmt::format("unknown key {}", in_quotes(key_)));
    if ((seen_ & field) != 0) fail_tensor(fmt::format("duplicate key {}", in_quotes(key_)));
    seen_ |= field;
    return true;
  }

  Entry &entry() { return header_.tensors.back(); }

  [[noreturn]] void fail(const std::string &reason) const { refuse(file_, reason); }
  [[noreturn]] void fail_tensor(const std::string &reason) {
    fail(fmt::format("tensor {}: {}", in_quotes(entry().name), reason));
  }
  [[noreturn]] void unexpected(const char *what) {
    switch (place_) {
      case Place::outside:
        fail(fmt::format("the header is {}, not an object", what));
      case Place::top:
        fail(fmt::format("{} is {}, not an object", in_quotes(key_), what));
      case Place::metadata:
        fail(fmt::format("__metadata__ {} is {}, not a string", in_quotes(key_), what));
      default:
        fail_tensor(fmt::format("{} holds {}", in_quotes(key_), what));
    }
  }

  const std::string &file_;
  Header header_;
  std::set<std::string> names_;
  std::string key_;
  std::string *value_ = nullptr;  // of the metadata entry that is being read
  Place place_ = Place::outside;
  unsigned seen_ = 0;
  std::size_t offsets_ = 0;
  bool seen_metadata_ = false;
};

void check_text(std::string_view text, const std::string &file) {
  if (text.empty() || text.front() != '{') refuse(file, "the header does not begin with '{'");
  const std::size_t last = text.find_last_not_of(' ');
  if (text[last] != '}') refuse(file, "the header does not end with '}' and spaces");
  // The JSON library takes a NUL for the end of its input: what follows would go unread.
  if (text.find('\0') != std::string_view::npos) refuse(file, "the header holds a NUL byte");
  if (!is_valid_utf8(text)) refuse(file, "the header is not valid UTF-8");
}

// The bytes a tensor of this type and shape takes; refuses where a product leaves 64 bits.
uint64_t stated_bytes(const Entry &entry, const std::string &file) {
  int64_t elements = 0;
  try {
    elements = element_count(entry.shape);
  } catch (const Error &error) {
    refuse(file, fmt::format("tensor {}: {}", in_quotes(entry.name), error.what()));
  }
  const uint64_t size = size_bytes(entry.dtype);
  if (static_cast<uint64_t>(elements) > std::numeric_limits<uint64_t>::max() / size) {
    refuse(file, fmt::format("tensor {}: the size of shape {} as {} overflows", in_quotes(entry.name),
                             shape_text(entry.shape), name(entry.dtype)));
  }
  return static_cast<uint64_t>(elements) * size;
}

void check_layout(std::vector<Entry> &tensors, uint64_t payload_bytes, const std::string &file) {
  std::sort(tensors.begin(), tensors.end(), [](const Entry &a, const Entry &b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  uint64_t at = 0;
  for (const Entry &entry : tensors) {
    const std::string who = fmt::format("tensor {}", in_quotes(entry.name));
    if (entry.begin > entry.end) refuse(file, fmt::format("{}: data_offsets run backwards", who));
    if (entry.end > payload_bytes) {
      refuse(file, fmt::format("{}: ends at byte {} of {} bytes of data", who, entry.end, payload_bytes));
    }
    if (entry.begin < at) refuse(file, fmt::format("{}: overlaps the tensor before it", who));
    if (entry.begin > at)
      refuse(file, fmt::format("{}: {} bytes before it belong to no tensor", who, entry.begin - at));
    const uint64_t stated = stated_bytes(entry, file);
    if (entry.end - entry.begin != stated) {
      refuse(file, fmt::format("{}: shape {} as {} takes {} bytes, data_offsets give {}", who, shape_text(entry.shape),
                               name(entry.dtype), stated, entry.end - entry.begin));
    }
    at = entry.end;
  }
  if (at != payload_bytes) refuse(file, fmt::format("{} bytes after the last tensor", payload_bytes - at));
}

}  // namespace

// Lengths before texts: no two headers are one sequence of bytes.
void HeaderChecksum::add(std::string_view text) {
  add(text.size());
  sum_ = crc32(std::as_bytes(std::span(text)), sum_);
}

void HeaderChecksum::add(uint64_t number) { sum_ = crc32(std::as_bytes(std::span(&number, 1)), sum_); }

void HeaderChecksum::add_tensor(std::string_view name, DType dtype, const std::vector<int64_t> &shape) {
  add(name);
  add(std::string_view(sluice::name(dtype)));
  add(shape.size());
  for (const int64_t extent : shape) add(static_cast<uint64_t>(extent));
}

void HeaderChecksum::add_metadata(std::string_view key, std::string_view value) {
  add(key);
  add(value);
}

std::string HeaderChecksum::text() const { return checksum_text(sum_); }

std::string checksum_text(uint32_t sum) { return fmt::format("{:08x}", sum); }

std::string refusal_of_name(std::string_view name) {
  if (name.empty()) return "a tensor has an empty name";
  if (name.find('\0') != std::string_view::npos) return fmt::format("tensor {}: NUL in a name", in_quotes(name));
  if (name.size() > kMaxNameBytes) {
    return fmt::format("tensor {}: a name of {} bytes, at most {} are accepted", in_quotes(name), name.size(),
                       kMaxNameBytes);
  }
  return {};
}

void refuse(const std::string &file, const std::string &reason) {
  throw Error(ErrorCode::bad_file, fmt::format("{}: not a valid safetensors file: {}", file, reason));
}

uint64_t header_length(const std::byte *prefix, uint64_t file_bytes, const std::string &file) {
  uint64_t length = 0;
  std::memcpy(&length, prefix, sizeof(length));
  if (length > kMaxHeaderBytes) {
    refuse(file, fmt::format("a header of {} bytes, at most {} are accepted", length, kMaxHeaderBytes));
  }
  if (length > file_bytes - kPrefixBytes) {
    refuse(file, fmt::format("a header of {} bytes in a file of {}", length, file_bytes));
  }
  return length;
}

Header parse_header(std::string_view text, uint64_t payload_bytes, const std::string &file) {
  check_text(text, file);
  HeaderHandler handler(file);
  nlohmann::json::sax_parse(text.begin(), text.end(), &handler);
  Header header = handler.take();
  check_layout(header.tensors, payload_bytes, file);
  return header;
}

}  // namespace sluice::safetensors
