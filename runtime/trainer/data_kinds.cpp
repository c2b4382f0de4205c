// SPDX-License-Identifier: Apache-2.0
// The kinds of data that there are.
#include <array>

#include "runtime/trainer/clip_data.h"
#include "runtime/trainer/data_kind.h"
#include "runtime/trainer/depth_data.h"
#include "runtime/trainer/picture_data.h"
#include "runtime/trainer/sketch_data.h"
#include "runtime/trainer/steerable_data.h"
#include "runtime/trainer/stereo_data.h"
#include "runtime/trainer/video_data.h"

namespace sluice {
namespace {

struct NamedKind {
  const char *name;
  std::shared_ptr<const DataKind> (*read)(const DataSize &size, RecipeValues &values);
};

constexpr std::array kKinds = {
    NamedKind{"pictures", read_picture_files},
    NamedKind{"procedural", read_computed_pictures},
    NamedKind{"depth", read_depth_data},
    NamedKind{"steerable", read_steerable_data},
    NamedKind{"video", read_video_data},
    NamedKind{"stereo", read_stereo_data},
    NamedKind{"clips", read_clip_data},
    NamedKind{"sketches", read_sketch_data},
    NamedKind{"sketched_pictures", read_sketched_pictures},
};

}  // namespace

std::shared_ptr<const DataKind> read_data_kind(const std::string &name, const DataSize &size, RecipeValues &values) {
  for (const NamedKind &kind : kKinds) {
    if (name == kind.name) return kind.read(size, values);
  }
  return nullptr;
}

int64_t read_cache_bytes(RecipeValues &values) {
  return values.integer("cache_mb", kCacheBytes >> 20, 0, 1 << 20) << 20;
}

std::vector<std::string> data_kind_names() {
  std::vector<std::string> names;
  names.reserve(std::size(kKinds));
  for (const NamedKind &kind : kKinds) names.emplace_back(kind.name);
  return names;
}

}  // namespace sluice
