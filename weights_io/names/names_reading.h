// SPDX-License-Identifier: Apache-2.0
// Which dialect, behind which prefix, a checkpoint is read as.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "weights_io/checkpoint.h"
#include "weights_io/names/names.h"

namespace sluice {

// Names of a dialect as a source may have them.
struct NameReading {
  const NameDialect *dialect = nullptr;
  std::string prefix;

  // "torch", "torch behind 'module.'".
  std::string text() const;
  // Null when it is not there.
  const CheckpointTensor *find(const std::string &name, const Checkpoint &source) const;
  std::size_t count_present(const Checkpoint &source) const;
  // Names in the source that are neither named nor to be left out. They point into it: a hostile file has many.
  std::vector<const std::string *> unexpected(const Checkpoint &source) const;
};

// The one most of whose names are in the source, among equals the one that misses and leaves over least. Throws
// Error(bad_file) when no name of any dialect is there.
NameReading best_reading(const NamesFile &names, const Checkpoint &source);

// '*' in the pattern stands for any characters.
bool name_matches(std::string_view pattern, std::string_view name);

}  // namespace sluice
