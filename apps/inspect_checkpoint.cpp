// SPDX-License-Identifier: Apache-2.0
// sluice inspect FILE and sluice convert --list: the tensors of a checkpoint.
#include "apps/inspect_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "apps/console.h"
#include "apps/model_files.h"
#include "weights_io/checkpoint.h"

namespace sluice {
namespace {

struct ValueRange {
  double least = std::numeric_limits<double>::infinity(), most = -least;
  int64_t non_finite = 0;

  void add(double value) {
    if (std::isfinite(value)) {
      least = std::min(least, value);
      most = std::max(most, value);
    } else {
      non_finite++;
    }
  }
};

template <typename T, typename Convert>
ValueRange range_as(const StoredTensor &tensor, Convert convert) {
  ValueRange range;
  for (size_t at = 0; at + sizeof(T) <= tensor.bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, tensor.bytes.data() + at, sizeof(T));
    range.add(convert(value));
  }
  return range;
}

ValueRange range_of(const StoredTensor &tensor) {
  const auto plain = [](auto value) { return static_cast<double>(value); };
  const auto f16 = [](uint16_t bits) { return static_cast<double>(std::bit_cast<float>(f32_bits_from_f16(bits))); };
  const auto bf16 = [](uint16_t bits) { return static_cast<double>(std::bit_cast<float>(f32_bits_from_bf16(bits))); };
  switch (tensor.dtype) {
    case DType::f64:
      return range_as<double>(tensor, plain);
    case DType::f32:
      return range_as<float>(tensor, plain);
    case DType::f16:
      return range_as<uint16_t>(tensor, f16);
    case DType::bf16:
      return range_as<uint16_t>(tensor, bf16);
    case DType::i64:
      return range_as<int64_t>(tensor, plain);
    case DType::i32:
      return range_as<int32_t>(tensor, plain);
    case DType::i16:
      return range_as<int16_t>(tensor, plain);
    case DType::i8:
      return range_as<int8_t>(tensor, plain);
    case DType::u8:
    case DType::boolean:
      return range_as<uint8_t>(tensor, plain);
  }
  return {};
}

Json describe_tensor(const std::string &tensor, const StoredTensor &stored) {
  const ValueRange range = range_of(stored);
  Json item = {
      {"name", tensor}, {"dtype", name(stored.dtype)}, {"shape", stored.shape}, {"min", nullptr}, {"max", nullptr}};
  if (range.least <= range.most) {
    item["min"] = range.least;
    item["max"] = range.most;
  }
  item["non_finite"] = range.non_finite;
  return item;
}

void print_tensor(const Json &tensor) {
  const std::string range = tensor["min"].is_null() ? "no finite values"
                                                    : fmt::format("{:.6g} .. {:.6g}", tensor["min"].get<double>(),
                                                                  tensor["max"].get<double>());
  print_line(fmt::format("{} {} {} {} non-finite={}", printable(tensor["name"].get<std::string>()),
                         tensor["dtype"].get<std::string>(), shape_text(tensor["shape"].get<std::vector<int64_t>>()),
                         range, tensor["non_finite"].get<int64_t>()));
}

void print_others(const Checkpoint &checkpoint) {
  for (const auto &[other, kind] : checkpoint.others()) print_line(fmt::format("{}: {}", printable(other), kind));
}

}  // namespace

bool is_checkpoint(const std::string &file) {
  if (file.ends_with(".graph")) return false;
  for (const char *extension : {".safetensors", ".pth", ".pt", ".ckpt", ".index"}) {
    if (file.ends_with(extension)) return true;
  }
  return looks_like_checkpoint(file);
}

void inspect_checkpoint(const std::string &file, bool json) {
  const std::unique_ptr<Checkpoint> checkpoint = open_checkpoint(file);
  Json result = {{"file", file},
                 {"format", name(checkpoint->format())},
                 {"metadata", as_object(checkpoint->metadata())},
                 {"tensors", Json::array()}};
  if (!json) {
    print_line(fmt::format("format: {}", name(checkpoint->format())));
    for (const auto &[key, value] : checkpoint->metadata()) {
      if (!key.starts_with("crc32.")) print_line(fmt::format("{}: {}", printable(key), printable(value)));
    }
  }
  int64_t parameters = 0;
  for (const auto &entry : checkpoint->tensors()) {
    check_interrupted();
    const StoredTensor stored = checkpoint->read(entry.first);
    parameters += stored.elements();
    Json tensor = describe_tensor(entry.first, stored);
    if (json) {
      result["tensors"].push_back(std::move(tensor));
    } else {
      print_tensor(tensor);
    }
  }
  result["others"] = as_object(checkpoint->others());
  result["parameter_count"] = parameters;
  if (json) return print_json(result);
  print_others(*checkpoint);
  print_line(fmt::format("{} tensors, {} parameters", checkpoint->tensors().size(), parameters));
}

void list_checkpoint(const std::string &file, bool json) {
  const std::unique_ptr<Checkpoint> checkpoint = open_checkpoint(file);
  for (const auto &[tensor, entry] : checkpoint->tensors()) {
    if (json) {
      print_json({{"name", tensor}, {"dtype", name(entry.dtype)}, {"shape", entry.shape}});
    } else {
      print_line(fmt::format("{} {} {}", printable(tensor), name(entry.dtype), shape_text(entry.shape)));
    }
  }
  if (!json) print_others(*checkpoint);
}

}  // namespace sluice
