// SPDX-License-Identifier: Apache-2.0
// Conversion of checkpoints and the SHA-256 that records where weights came from.
#include "weights_io/convert.h"

#include <fmt/format.h>
#include <sha2.h>

#include <utility>
#include <vector>

#include "weights_io/checkpoint.h"
#include "weights_io/error.h"
#include "weights_io/input_file.h"
#include "weights_io/safetensors.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr const char *kFormatVersion = "1";

using Metadata = std::map<std::string, std::string>;

// A file name need not be UTF-8, metadata must.
std::string name_as_text(const std::filesystem::path &path) {
  const std::string name = path.filename().string();
  return is_valid_utf8(name) ? name : in_quotes(name);
}

// Where the weights came from; every key begins with source_. Gives the known file that it is, or null.
const NameKnown *describe_source(const Checkpoint &checkpoint, const NamesFile &names, Metadata &metadata) {
  const NameKnown *known = nullptr;
  std::string data;
  for (std::size_t i = 0; i < checkpoint.files().size(); ++i) {
    const std::string sha256 = sha256_of_file(checkpoint.files()[i]);
    if (known == nullptr) known = known_file(names, sha256);
    if (i == 0) {
      metadata["source_file"] = name_as_text(checkpoint.files()[i]);
      metadata["source_sha256"] = sha256;
    } else {
      data += (data.empty() ? "" : " ") + sha256;
    }
  }
  if (!data.empty()) metadata["source_data_sha256"] = data;
  metadata["source_format"] = name(checkpoint.format());
  if (known != nullptr) metadata["source_known"] = known->text;
  return known;
}

std::string licence_of(const Metadata &source, const NameKnown *known, const ConvertOptions &options) {
  if (!options.licence.empty()) return options.licence;
  if (known != nullptr) return known->licence;
  for (const char *key : {"licence", "license"}) {
    const auto found = source.find(key);
    if (found != source.end() && !found->second.empty()) return found->second;
  }
  return "unknown";
}

}  // namespace

Converted convert_checkpoint(const std::filesystem::path &source, const NamesFile &names, const std::string &model,
                             const ConvertOptions &options) {
  if (names.model != model) {
    throw Error(ErrorCode::usage, fmt::format("{}: names for model {}, not for {}", names.file, names.model, model));
  }
  const std::unique_ptr<Checkpoint> checkpoint = open_checkpoint(source);
  Conversion conversion = apply_names(names, *checkpoint);
  if (options.swap_picture_channels) swap_picture_channels(names, conversion.tensors);

  Converted result;
  Metadata &metadata = result.archive.metadata;
  metadata = {{"project", "sluice"}, {"model", model}, {"format_version", kFormatVersion}};
  for (const auto &[name, value] : conversion.parameters) metadata["param." + name] = value;
  const NameKnown *known = describe_source(*checkpoint, names, metadata);
  metadata["licence"] = licence_of(checkpoint->metadata(), known, options);
  if (options.swap_picture_channels) metadata["source_channels"] = "swapped";
  result.archive.tensors = std::move(conversion.tensors);
  result.report = {name(checkpoint->format()),          conversion.dialect,
                   known == nullptr ? "" : known->text, checkpoint->tensors().size(),
                   result.archive.tensors.size(),       conversion.ignored,
                   checkpoint->others().size(),         std::move(conversion.parameters)};
  return result;
}

void write_weights(const std::filesystem::path &output, const Archive &archive) {
  write_safetensors(output, archive, {.checksums = true});
}

namespace {

std::string digest_text(SHA2_CTX &context) {
  uint8_t digest[SHA256_DIGEST_LENGTH];
  ::SHA256Final(digest, &context);
  std::string text;
  for (const uint8_t byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace

std::string sha256_of(std::span<const std::byte> bytes) {
  SHA2_CTX context;
  ::SHA256Init(&context);
  ::SHA256Update(&context, reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
  return digest_text(context);
}

std::string sha256_of_file(const std::filesystem::path &path) {
  InputFile file(path);
  std::vector<std::byte> block(std::size_t{1} << 16);
  SHA2_CTX context;
  ::SHA256Init(&context);
  while (const std::size_t got = file.read_some(block)) {
    ::SHA256Update(&context, reinterpret_cast<const uint8_t *>(block.data()), got);
  }
  return digest_text(context);
}

}  // namespace sluice
