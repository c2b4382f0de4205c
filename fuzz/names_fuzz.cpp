// SPDX-License-Identifier: Apache-2.0
// Fuzz target: names files, and applying them to checkpoints: one that has what they ask for, and one that the input
// itself gives behind a line "#checkpoint", a tensor a line: NAME TYPE EXTENT,... VALUE.
#include "weights_io/names/names.h"

#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/examine.h"

namespace {

using namespace sluice;
using fuzz::require;

constexpr std::size_t kMostRules = 100;  // of dialects that are applied
// All names of a file may take 64 MB by themselves; the vectors they are in may have grown to twice their size.
constexpr std::size_t kMostHeap = 160u << 20;
const fuzz::Expected kParsed = {.heap_besides_file = kMostHeap};
const fuzz::Expected kApplied = {.codes = {ErrorCode::bad_file, ErrorCode::usage}, .heap_besides_file = kMostHeap};

Archive given_checkpoint(const std::string &text) {
  Archive archive;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line) && archive.tensors.size() < 2 * kMostRules;) {
    std::istringstream words(line);
    std::string name, type, extents;
    float value = 0;
    words >> name >> type >> extents >> value;
    const std::optional<DType> dtype = dtype_from_name(type);
    StoredTensor tensor;
    tensor.dtype = dtype.value_or(DType::f32);
    std::size_t elements = 1;
    for (const char extent : extents) {  // one digit each
      if (extent < '0' || extent > '9' || tensor.shape.size() == 6) continue;
      tensor.shape.push_back(extent - '0');
      elements *= static_cast<std::size_t>(extent - '0');
    }
    if (elements > 4096) continue;
    tensor.bytes.resize(elements * size_bytes(tensor.dtype));
    if (tensor.dtype == DType::f32) tensor = StoredTensor::of_f32(tensor.shape, std::vector(elements, value).data());
    archive.tensors[name] = tensor;
  }
  return archive;
}

// A tensor for every rule, of ones, with its copies and the constants. Extents are 1, or the number of parts.
Archive checkpoint_for(const NameDialect &dialect) {
  Archive archive;
  for (const NameRule &rule : dialect.rules) {
    std::vector<int64_t> shape(rule.axes, 1);
    if (rule.split_axis < rule.permutation.size()) {
      shape.at(rule.permutation[rule.split_axis]) = static_cast<int64_t>(rule.targets.size());
    }
    const std::vector<float> ones(rule.targets.size(), 1.0f);
    archive.tensors[rule.source] = StoredTensor::of_f32(shape, ones.data());
  }
  for (const NameDuplicate &copy : dialect.duplicates) {
    if (archive.tensors.size() < 2 * kMostRules) archive.tensors[copy.source] = archive.tensors[copy.original];
  }
  for (const NameConstant &constant : dialect.constants) {
    archive.tensors[constant.source] = StoredTensor::of_f32(constant.shape, constant.values.data());
  }
  return archive;
}

void check_converted(const NamesFile &names, const Conversion &result) {
  for (const auto &[name, tensor] : result.tensors) {
    require(tensor.dtype == DType::f32 && tensor.bytes.size() == static_cast<std::size_t>(tensor.elements()) * 4,
            "a tensor has the bytes of its shape");
  }
  require(result.parameters.size() == names.parameters.size(), "every parameter has a value");
  Export exported;
  if (fuzz::succeeds(
          0, [&] { exported = export_names(names, result.dialect, result.tensors, fuzz::kInputName); }, kApplied)) {
    const Conversion again = apply_names(names, {exported.tensors, {}}, fuzz::kInputName);
    require(again.tensors == result.tensors, "what is exported is read again the same");
  }
  TensorMap tensors = result.tensors;
  if (!names.picture.empty())
    fuzz::succeeds(
        0, [&] { swap_picture_channels(names, tensors); }, kApplied);
}

void check_applied(const NamesFile &names, const Archive &archive) {
  Conversion result;
  // Refusing is allowed: another dialect may fit as well, and a parameter may not be had.
  if (fuzz::succeeds(
          0, [&] { result = apply_names(names, archive, fuzz::kInputName); }, kApplied)) {
    check_converted(names, result);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, std::size_t size) {
  constexpr std::string_view kCheckpoint = "\n#checkpoint\n";
  std::string_view text(reinterpret_cast<const char *>(data), size);
  std::string given;
  if (const std::size_t mark = text.find(kCheckpoint); mark != std::string_view::npos) {
    given = text.substr(mark + kCheckpoint.size());
    text = text.substr(0, mark);
  }
  NamesFile names;
  if (!fuzz::is_accepted(
          size, [&] { names = parse_names(text, fuzz::kInputName); }, kParsed))
    return 0;
  require(!names.model.empty() && !names.dialects.empty(), "a names file has a model and a dialect");
  for (const NameDialect &dialect : names.dialects) {
    for (const NameRule &rule : dialect.rules) {
      require(!rule.targets.empty() && rule.axes <= 8 && rule.permutation.size() <= rule.axes,
              "a rule has targets, and axes of its source");
      for (const std::size_t axis : rule.permutation) require(axis < rule.axes, "an axis is one of the source");
    }
    const bool is_small = names.dialects.size() <= 4 && dialect.rules.size() <= kMostRules;
    if (is_small) check_applied(names, checkpoint_for(dialect));
    if (is_small && !given.empty()) check_applied(names, given_checkpoint(given));
  }
  return 0;
}
