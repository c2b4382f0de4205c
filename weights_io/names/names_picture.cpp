// SPDX-License-Identifier: Apache-2.0
// What else a names file says: which files are known, and where pictures go in and come out.
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "weights_io/error.h"
#include "weights_io/names/names.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

// Places 0 and 2 along an axis change places; place 1, and whatever comes behind the third, stay.
void swap_first_and_third(StoredTensor &tensor, std::size_t axis) {
  std::size_t outer = 1, inner = sizeof(float);
  for (std::size_t k = 0; k < axis; ++k) outer *= static_cast<std::size_t>(tensor.shape[k]);
  for (std::size_t k = axis + 1; k < tensor.shape.size(); ++k) inner *= static_cast<std::size_t>(tensor.shape[k]);
  const std::size_t step = inner * static_cast<std::size_t>(tensor.shape[axis]);
  for (std::size_t i = 0; i < outer; ++i) {
    std::byte *const first = tensor.bytes.data() + i * step;
    std::swap_ranges(first, first + inner, first + 2 * inner);
  }
}

}  // namespace

const NameKnown *known_file(const NamesFile &names, std::string_view sha256) {
  const auto found = std::find_if(names.known.begin(), names.known.end(),
                                  [&](const NameKnown &known) { return known.sha256 == sha256; });
  return found == names.known.end() ? nullptr : &*found;
}

void swap_picture_channels(const NamesFile &names, TensorMap &tensors) {
  constexpr int64_t kChannels = 3;
  if (names.picture.empty()) {
    throw Error(ErrorCode::usage, fmt::format("{}: says of no tensor of model {} that it meets a picture, so there is "
                                              "no channel order to change",
                                              names.file, names.model));
  }
  for (const bool is_check : {true, false}) {  // all or nothing
    for (const NameExtent &extent : names.picture) {
      const auto found = tensors.find(extent.tensor);
      const bool fits = found != tensors.end() && found->second.dtype == DType::f32 &&
                        extent.axis < found->second.shape.size() && found->second.shape[extent.axis] >= kChannels;
      if (!fits) {
        throw Error(ErrorCode::bad_file,
                    fmt::format("{}:{}: axis {} of {} does not count the three channels of a picture{}", names.file,
                                extent.line, extent.axis, in_quotes(extent.tensor),
                                found == tensors.end() ? "" : ", its shape is " + shape_text(found->second.shape)));
      }
      if (!is_check && found->second.elements() != 0) swap_first_and_third(found->second, extent.axis);
    }
  }
}

}  // namespace sluice
