// SPDX-License-Identifier: Apache-2.0
// A published checkpoint into weights of ours, and back.
#pragma once
#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "weights_io/names/names.h"
#include "weights_io/tensor.h"

namespace sluice {

struct ConvertReport {
  std::string format, dialect;
  std::string known;  // what official file it is, by its SHA-256; empty: none that the names file lists
  std::size_t tensors_read = 0, tensors_written = 0;
  std::size_t ignored = 0;  // tensors that the dialect leaves out: optimiser slots, other networks, copies
  std::size_t others = 0;   // what else the file holds: numbers, strings, tensors of types that are not read
  std::map<std::string, std::string> parameters;
};

struct ConvertOptions {
  std::string licence;  // empty: that of a known file, else what the source's metadata says, else "unknown"
  bool swap_picture_channels = false;  // for weights that were trained on RGB where the graph says BGR
};

struct Converted {
  Archive archive;
  ConvertReport report;
};

// Reads `source`, whatever its container, and applies the names file, which must be for `model`. Gives float32 tensors
// under our names, with metadata: project, model, format_version, param.<name>, licence, and source_file,
// source_format, source_sha256 (of a bundle: of its index; source_data_sha256 of its data), source_known.
Converted convert_checkpoint(const std::filesystem::path &source, const NamesFile &names, const std::string &model,
                             const ConvertOptions &options = {});

// Atomic. With a checksum for every tensor.
void write_weights(const std::filesystem::path &output, const Archive &archive);

// 64 lower-case hexadecimal digits.
std::string sha256_of_file(const std::filesystem::path &path);
std::string sha256_of(std::span<const std::byte> bytes);

}  // namespace sluice
