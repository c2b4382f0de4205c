// SPDX-License-Identifier: Apache-2.0
// Conversion of whole checkpoint files, with the project's own small DeepFill v2 in two dialects.
#include "weights_io/convert.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/weights_io/support.h"
#include "weights_io/checkpoint.h"
#include "weights_io/safetensors.h"
#include "weights_io/torch/torch_writer.h"

namespace sluice {
namespace {

using test::Folder;
using test::message_of;
using ::testing::IsSubstring;
namespace fs = std::filesystem;

const fs::path kNames = test::source_dir() / "models/deepfill2.names";
const fs::path kTorch = test::source_dir() / "tests/fixtures/deepfill2/cnum8.safetensors";
const fs::path kTensorFlow = test::source_dir() / "tests/fixtures/deepfill2/cnum8.tf_names.safetensors";

// Converts into a file.
ConvertReport convert(const fs::path &source, const fs::path &names, const std::string &model, const fs::path &output,
                      const ConvertOptions &options = {}) {
  const Converted converted = convert_checkpoint(source, read_names(names), model, options);
  write_weights(output, converted.archive);
  return converted.report;
}

TEST(Sha256, KnownValues) {
  const Folder folder;
  test::put(folder / "abc", std::string("abc"));
  EXPECT_EQ(sha256_of_file(folder / "abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  test::put(folder / "empty", std::string());
  EXPECT_EQ(sha256_of_file(folder / "empty"), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  test::put(folder / "long", std::string(1'000'000, 'a'));  // more than one block of the reader
  EXPECT_EQ(sha256_of_file(folder / "long"), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  message_of(ErrorCode::not_found, [&] { sha256_of_file(folder / "absent"); });
}

TEST(Convert, TorchNames) {
  const Folder folder;
  const ConvertReport report = convert(kTorch, kNames, "deepfill2", folder / "o.safetensors");
  EXPECT_EQ(report.dialect, "torch");
  EXPECT_EQ(report.tensors_read, 84u);
  EXPECT_EQ(report.tensors_written, 164u);
  EXPECT_EQ(report.ignored, 0u);
  EXPECT_EQ(report.parameters, (std::map<std::string, std::string>{{"width", "8"}}));

  const Archive source = read_safetensors(kTorch);
  Archive written = read_safetensors(folder / "o.safetensors");
  ASSERT_EQ(written.tensors.size(), 164u);
  for (const auto &[name, tensor] : written.tensors) {
    EXPECT_EQ(tensor.dtype, DType::f32) << name;
    EXPECT_EQ(written.metadata.erase("crc32." + name), 1u) << name;
  }
  EXPECT_EQ(written.metadata.erase("crc32.__metadata__"), 1u);
  EXPECT_EQ(written.metadata.erase("source_crc32.__metadata__"), 1u);
  EXPECT_EQ(written.metadata, (std::map<std::string, std::string>{{"project", "sluice"},
                                                                  {"model", "deepfill2"},
                                                                  {"format_version", "1"},
                                                                  {"param.width", "8"},
                                                                  {"source_file", "cnum8.safetensors"},
                                                                  {"source_format", "safetensors"},
                                                                  {"source_sha256", sha256_of_file(kTorch)},
                                                                  {"licence", "unknown"}}));
  // Feature, then gate, are the two halves of the published tensor.
  const StoredTensor &whole = source.tensors.at("allconv13_upsample.conv.conv.weight");
  test::Bytes joined = written.tensors.at("allconv13_upsample.feature_weight").bytes;
  const test::Bytes &gate = written.tensors.at("allconv13_upsample.gate_weight").bytes;
  EXPECT_EQ(joined.size(), gate.size());
  joined.insert(joined.end(), gate.begin(), gate.end());
  EXPECT_EQ(joined, whole.bytes);
  EXPECT_EQ(written.tensors.at("conv17.weight"), source.tensors.at("conv17.conv.weight"));
}

// What the file says of everything but where it came from.
std::map<std::string, std::string> without_source(const fs::path &file) {
  std::map<std::string, std::string> metadata = read_safetensors(file).metadata;
  std::erase_if(metadata, [](const auto &entry) { return entry.first.starts_with("source_"); });
  return metadata;
}

TEST(Convert, ConvertLoadSaveExportGivesTheBitsBack) {
  const Folder folder;
  const NamesFile names = read_names(kNames);
  write_weights(folder / "converted", convert_checkpoint(kTorch, names, "deepfill2").archive);
  write_weights(folder / "saved", read_safetensors(folder / "converted"));
  Export exported = export_names(names, "", read_safetensors(folder / "saved").tensors, "saved");
  EXPECT_EQ(exported.dialect, "torch");
  write_torch_zip(folder / "exported.pth", Archive{std::move(exported.tensors), {}});
  const Archive back = read_all(*open_checkpoint(folder / "exported.pth"));
  EXPECT_TRUE(back.tensors == read_safetensors(kTorch).tensors);
}

TEST(Convert, AllDialectsGiveTheSameBits) {
  const Folder folder;
  convert(kTorch, kNames, "deepfill2", folder / "torch");
  const ConvertReport tensorflow = convert(kTensorFlow, kNames, "deepfill2", folder / "tensorflow");
  const ConvertReport ours = convert(folder / "torch", kNames, "deepfill2", folder / "ours");
  EXPECT_EQ(tensorflow.dialect, "tensorflow");
  EXPECT_EQ(ours.dialect, "sluice");
  const TensorMap expected = read_safetensors(folder / "torch").tensors;
  EXPECT_TRUE(read_safetensors(folder / "tensorflow").tensors == expected);
  EXPECT_TRUE(read_safetensors(folder / "ours").tensors == expected);
  EXPECT_EQ(tensorflow.parameters, ours.parameters);
  EXPECT_EQ(without_source(folder / "tensorflow"), without_source(folder / "torch"));
  EXPECT_EQ(without_source(folder / "ours"), without_source(folder / "torch"));
}

TEST(Convert, EqualRunsGiveEqualFiles) {
  const Folder folder;
  convert(kTorch, kNames, "deepfill2", folder / "a");
  convert(kTorch, kNames, "deepfill2", folder / "b");
  EXPECT_EQ(sha256_of_file(folder / "a"), sha256_of_file(folder / "b"));
}

TEST(Convert, Licence) {
  const Folder folder;
  const auto licence = [&](const ConvertOptions &options) {
    convert(folder / "source", kNames, "deepfill2", folder / "o", options);
    return read_safetensors(folder / "o").metadata.at("licence");
  };
  Archive source = read_safetensors(kTorch);
  write_safetensors(folder / "source", source);
  EXPECT_EQ(licence({}), "unknown");
  EXPECT_EQ(licence({"Apache-2.0"}), "Apache-2.0");
  source.metadata["license"] = "MIT";
  write_safetensors(folder / "source", source);
  EXPECT_EQ(licence({}), "MIT");
  EXPECT_EQ(licence({"Apache-2.0"}), "Apache-2.0");
}

TEST(Convert, RefusesAndLeavesTheOutputAlone) {
  const Folder folder;
  test::put(folder / "o", std::string("precious"));
  const auto converting = [&](ErrorCode code, const fs::path &source, const std::string &model) {
    return message_of(code, [&] { convert(source, kNames, model, folder / "o"); });
  };
  EXPECT_PRED_FORMAT2(IsSubstring, "names for model deepfill2, not for other",
                      converting(ErrorCode::usage, kTorch, "other"));
  converting(ErrorCode::not_found, folder / "absent", "deepfill2");
  EXPECT_PRED_FORMAT2(IsSubstring, "not a valid safetensors file",
                      converting(ErrorCode::bad_file, kNames, "deepfill2"));
  Archive source = read_safetensors(kTorch);
  source.tensors.erase("conv5.conv.bias");
  source.tensors["surplus"] = StoredTensor::of_f32({1});
  write_safetensors(folder / "source", source);
  EXPECT_PRED_FORMAT2(IsSubstring, "1 missing: 'conv5.conv.bias'; 1 unexpected: 'surplus'",
                      converting(ErrorCode::bad_file, folder / "source", "deepfill2"));
  EXPECT_EQ(fs::file_size(folder / "o"), 8u);
  EXPECT_EQ(folder.entries(), 2u);
}

TEST(Convert, InPlace) {
  const Folder folder;
  fs::copy_file(kTensorFlow, folder / "w");
  const std::string before = sha256_of_file(folder / "w");
  convert(folder / "w", kNames, "deepfill2", folder / "w");
  const Archive written = read_safetensors(folder / "w");
  EXPECT_EQ(written.metadata.at("source_sha256"), before);
  EXPECT_EQ(written.tensors.size(), 164u);
}

TEST(Convert, DamageToAWrittenFileIsFound) {
  const Folder folder;
  convert(kTorch, kNames, "deepfill2", folder / "w");
  Archive archive = read_safetensors(folder / "w");
  test::Bytes file = serialize_safetensors(archive, {.checksums = true});
  file[file.size() / 2] ^= std::byte{16};
  test::put(folder / "w", file);
  EXPECT_PRED_FORMAT2(IsSubstring, "its bytes are damaged",
                      message_of(ErrorCode::bad_file, [&] { read_safetensors(folder / "w"); }));
}

}  // namespace
}  // namespace sluice
