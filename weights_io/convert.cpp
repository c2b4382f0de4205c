// SPDX-License-Identifier: Apache-2.0
// Conversion of checkpoints and the SHA-256 that records where weights came from.
#include "weights_io/convert.h"

#include <fmt/format.h>
#include <sha2.h>

#include <memory>
#include <utility>
#include <vector>

#include "weights_io/checkpoint.h"
#include "weights_io/error.h"
#include "weights_io/input_file.h"
#include "weights_io/names.h"
#include "weights_io/safetensors.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr const char *kFormatVersion = "1";

std::string licence_of(const Checkpoint &source) {
  for (const char *key : {"licence", "license"}) {
    const auto found = source.metadata().find(key);
    if (found != source.metadata().end() && !found->second.empty()) return found->second;
  }
  return "unknown";
}

std::map<std::string, std::string> metadata_of(const Conversion &conversion, const std::string &model) {
  std::map<std::string, std::string> metadata = {
      {"project", "sluice"}, {"model", model}, {"format_version", kFormatVersion}};
  for (const auto &[name, value] : conversion.parameters) metadata["param." + name] = value;
  return metadata;
}

// A file name need not be UTF-8, metadata must.
std::string name_as_text(const std::filesystem::path &path) {
  const std::string name = path.filename().string();
  return is_valid_utf8(name) ? name : in_quotes(name);
}

}  // namespace

ConvertReport convert_checkpoint(const std::filesystem::path &source, const std::filesystem::path &names,
                                 const std::string &model, const std::filesystem::path &output,
                                 const ConvertOptions &options) {
  const NamesFile names_file = read_names(names);
  if (names_file.model != model) {
    throw Error(ErrorCode::usage,
                fmt::format("{}: names for model {}, not for {}", names.string(), names_file.model, model));
  }
  const std::string sha256 = sha256_of_file(source);
  const std::unique_ptr<Checkpoint> read = open_checkpoint(source);
  Conversion conversion = apply_names(names_file, *read);

  Archive written;
  written.metadata = metadata_of(conversion, model);
  written.metadata["source_file"] = name_as_text(source);
  written.metadata["source_sha256"] = sha256;
  written.metadata["licence"] = options.licence.empty() ? licence_of(*read) : options.licence;
  written.tensors = std::move(conversion.tensors);
  write_safetensors(output, written, {.checksums = true});

  return {conversion.dialect, read->tensors().size(), written.tensors.size(), conversion.ignored,
          std::move(conversion.parameters)};
}

std::string sha256_of_file(const std::filesystem::path &path) {
  InputFile file(path);
  std::vector<std::byte> block(std::size_t{1} << 16);
  SHA2_CTX context;
  ::SHA256Init(&context);
  while (const std::size_t got = file.read_some(block)) {
    ::SHA256Update(&context, reinterpret_cast<const uint8_t *>(block.data()), got);
  }
  uint8_t digest[SHA256_DIGEST_LENGTH];
  ::SHA256Final(digest, &context);
  std::string text;
  for (const uint8_t byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace sluice
