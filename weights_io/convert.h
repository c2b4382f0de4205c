// SPDX-License-Identifier: Apache-2.0
// A published checkpoint into one of our weight files.
#pragma once
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>

namespace sluice {

struct ConvertReport {
  std::string dialect;
  std::size_t tensors_read = 0, tensors_written = 0, ignored = 0;
  std::map<std::string, std::string> parameters;
};

struct ConvertOptions {
  std::string licence;  // empty: what the source's metadata says, else "unknown"
};

// Reads `source`, applies the names file (which must be for `model`) and writes float32 tensors under our names, with
// metadata: project, model, format_version, param.<name>, source_file, source_sha256, licence, crc32.<tensor>.
ConvertReport convert_checkpoint(const std::filesystem::path &source, const std::filesystem::path &names,
                                 const std::string &model, const std::filesystem::path &output,
                                 const ConvertOptions &options = {});

// 64 lower-case hexadecimal digits.
std::string sha256_of_file(const std::filesystem::path &path);

}  // namespace sluice
