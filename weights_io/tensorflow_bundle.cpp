// SPDX-License-Identifier: Apache-2.0
// In work.
#include "weights_io/checkpoint_formats.h"
#include "weights_io/error.h"

namespace sluice {

std::unique_ptr<Checkpoint> open_tensorflow_bundle(SourcePointer source, const std::filesystem::path &) {
  throw Error(ErrorCode::bad_file, source->name() + ": in work");
}

}  // namespace sluice
