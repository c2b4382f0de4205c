// SPDX-License-Identifier: Apache-2.0
// Pictures with holes: `image` [3 h w], RGB, 0..255, `mask` [1 h w], 1 = hole, and with edges=true `edge` [1 h w], 1 on
// the edges of the picture.
#pragma once
#include "runtime/trainer/data_kind.h"

namespace sluice {

std::shared_ptr<const DataKind> read_picture_files(const DataSize &size, RecipeValues &values);
std::shared_ptr<const DataKind> read_computed_pictures(const DataSize &size, RecipeValues &values);

}  // namespace sluice
