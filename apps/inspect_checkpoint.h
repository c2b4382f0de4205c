// SPDX-License-Identifier: Apache-2.0
// What is in a weights file or a checkpoint.
#pragma once
#include <string>

namespace sluice {

// Whether a command line argument names a checkpoint rather than a graph or a model: by its extension, by the first
// bytes of the file, or as the prefix of a TensorFlow bundle.
bool is_checkpoint(const std::string &file);

// Prints names, types, shapes, ranges of values and how many of them are no finite numbers: a line each, or one JSON
// object. Reads one tensor at a time.
void inspect_checkpoint(const std::string &file, bool json);

// Prints names, types and shapes, without reading the tensors: a line each, or one JSON object each.
void list_checkpoint(const std::string &file, bool json);

}  // namespace sluice
