// SPDX-License-Identifier: Apache-2.0
// TensorFlow V2 bundles: what was put in is read, and no more memory is taken or byte trusted than there should be.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <random>

#include "tests/weights_io/support.h"
#include "tests/weights_io/tensorflow_writer.h"
#include "weights_io/checkpoint.h"
#include "weights_io/checkpoint_formats.h"
#include "weights_io/names/names.h"
#include "weights_io/safetensors.h"

namespace sluice {
namespace {

using test::Bytes;
using test::Folder;
using test::message_of;
using test::TestBundle;
using test::TestEntry;
using ::testing::IsSubstring;
namespace fs = std::filesystem;

struct TypeRow {
  int number;
  DType dtype;
};
constexpr TypeRow kTypes[] = {
    {test::kFloat, DType::f32},     {test::kDouble, DType::f64},   {test::kInt32, DType::i32},
    {test::kUint8, DType::u8},      {test::kInt16, DType::i16},    {test::kInt8, DType::i8},
    {test::kInt64, DType::i64},     {test::kBool, DType::boolean}, {test::kHalf, DType::f16},
    {test::kBfloat16, DType::bf16},
};

Bytes copy_of(const std::string &text) {
  const auto bytes = test::bytes_of(text);
  return {bytes.begin(), bytes.end()};
}

std::string random_bytes(std::mt19937 &random, std::size_t count) {
  std::string text(count, '\0');
  for (char &byte : text) byte = static_cast<char>(random() & 0xff);
  return text;
}

// Fills a bundle and says what it holds.
TensorMap fill(TestBundle &bundle, std::mt19937 &random) {
  TensorMap expected;
  for (std::size_t count = random() % 60; count > 0; --count) {
    const TypeRow &type = kTypes[random() % std::size(kTypes)];
    std::vector<int64_t> shape(random() % 9);
    int64_t elements = 1;
    for (int64_t &extent : shape) elements *= extent = random() % 30 == 0 ? 0 : 1 + static_cast<int64_t>(random() % 3);
    const std::string bytes = random_bytes(random, static_cast<std::size_t>(elements) * size_bytes(type.dtype));
    const std::string name = (random() % 2 != 0 ? "net/conv" : "net/größe") + std::to_string(random() % 1000);
    if (expected.count(name) != 0) continue;
    const std::size_t shard = random() % bundle.data.size();
    if (random() % 4 == 0) bundle.data[shard] += std::string(random() % 64, 'x');  // bytes of no tensor
    bundle.add(name, type.number, shape, bytes, shard);
    expected[name] = {type.dtype, shape, copy_of(bytes)};
  }
  return expected;
}

TEST(TensorFlowBundle, HoldsWhatWasPutIn) {
  std::size_t tensors = 0;
  for (unsigned seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const Folder folder;
    TestBundle bundle(1 + seed % 3);
    const TensorMap expected = fill(bundle, random);
    const fs::path index = bundle.write(folder, "snap-0", {seed % 2 != 0 ? 4096u : 100u, seed % 5 != 0 ? 16 : 1});
    const auto checkpoint = open_checkpoint(index);
    EXPECT_EQ(checkpoint->format(), CheckpointFormat::tensorflow);
    EXPECT_EQ(checkpoint->source_name(), index.string());
    EXPECT_TRUE(checkpoint->others().empty());
    ASSERT_TRUE(read_all(*checkpoint).tensors == expected);
    std::vector<fs::path> files = {index};
    for (std::size_t i = 0; i < bundle.data.size(); ++i) files.push_back(folder / bundle.data_name("snap-0", i));
    EXPECT_EQ(checkpoint->files(), files);
    tensors += expected.size();
  }
  EXPECT_GT(tensors, 4000u);
}

TEST(TensorFlowBundle, NamedByAnyOfItsFiles) {
  const Folder folder;
  TestBundle bundle(2);
  bundle.add("a", test::kInt8, {3}, "abc");
  bundle.add("b", test::kInt8, {2}, "de", 1);
  bundle.write(folder);
  const TensorMap expected = read_all(*open_checkpoint(folder / "snap-0.index")).tensors;
  ASSERT_EQ(expected.size(), 2u);
  for (const char *name : {"snap-0", "snap-0.data-00000-of-00002", "snap-0.data-00001-of-00002"}) {
    EXPECT_TRUE(read_all(*open_checkpoint(folder / name)).tensors == expected) << name;
    EXPECT_TRUE(looks_like_checkpoint(folder / name)) << name;
  }
}

TEST(TensorFlowBundle, FilesThatAreNoCheckpoint) {
  const Folder folder;
  TestBundle bundle;
  bundle.add("a", test::kInt8, {3}, "abc");
  bundle.write(folder);
  test::put(folder / "snap-0.meta", std::string("\x0a\x05graph"));
  test::put(folder / "other.meta", std::string("\x0a\x05graph"));
  test::put(folder / "checkpoint",
            std::string("model_checkpoint_path: \"/logs/a b/snap-0\"\nall_model_checkpoint_paths"));
  test::put(folder / "lone.data-00000-of-00001", std::string("abc"));
  fs::copy_file(folder / "snap-0.index", folder / "renamed");
  const auto refusal = [&](ErrorCode code, const char *name) {
    return message_of(code, [&] { open_checkpoint(folder / name); });
  };
  EXPECT_PRED_FORMAT2(IsSubstring, "the graph of a TensorFlow checkpoint, which holds no tensors; name 'snap-0.index'",
                      refusal(ErrorCode::bad_file, "snap-0.meta"));
  EXPECT_PRED_FORMAT2(IsSubstring, "other.meta: the graph of a TensorFlow checkpoint, which holds no tensors",
                      refusal(ErrorCode::bad_file, "other.meta"));
  EXPECT_PRED_FORMAT2(IsSubstring, "only names TensorFlow checkpoints; name 'snap-0.index' beside it",
                      refusal(ErrorCode::bad_file, "checkpoint"));
  EXPECT_PRED_FORMAT2(IsSubstring, "without this index the data file 'lone.data-00000-of-00001' cannot be read",
                      refusal(ErrorCode::not_found, "lone.data-00000-of-00001"));
  EXPECT_PRED_FORMAT2(IsSubstring, "the index of a TensorFlow bundle must be called <prefix>.index",
                      refusal(ErrorCode::bad_file, "renamed"));
  EXPECT_PRED_FORMAT2(IsSubstring, "cannot be opened", refusal(ErrorCode::not_found, "absent"));
  // A file of another kind that happens to be called so is read as what it is.
  write_safetensors(folder / "checkpoint", {{{"x", StoredTensor::of_f32({2})}}, {}});
  EXPECT_EQ(open_checkpoint(folder / "checkpoint")->tensors().size(), 1u);
  // An index that lost its end is refused as an index.
  test::put(folder / "cut.index", test::whole_file(folder / "snap-0.index").substr(0, 60));
  EXPECT_PRED_FORMAT2(IsSubstring, "does not end in the magic number of a table",
                      refusal(ErrorCode::bad_file, "cut.index"));
}

// The key of a slice of a partitioned variable (tensorflow/tensorflow: core/util/saved_tensor_slice_util.cc).
std::string slice_key(const std::string &owner, int slice) {
  return '\0' + owner + std::string("\0\1\1\1\x80", 5) + static_cast<char>(0x80 + slice);
}

TEST(TensorFlowBundle, ListsWhatItDoesNotRead) {
  const Folder folder;
  TestBundle bundle;
  bundle.add("kernel", test::kFloat, {1}, "1234");
  bundle.add("_CHECKPOINTABLE_OBJECT_GRAPH", test::kString, {}, "\x05hello");
  bundle.add("c", test::kComplex64, {2}, std::string(16, 'c'));
  bundle.add("resource", 20, {}, "r");
  bundle.add("u64", 23, {1}, "12345678");
  bundle.add("deep", test::kFloat, std::vector<int64_t>(9, 1), "1234");
  bundle.entries["parts"] =
      TestEntry{test::kFloat, {4}, 7, -3, 99, 0, test::bytes_field(7, "") + test::bytes_field(7, "")}.message();
  bundle.add(slice_key("parts", 0), test::kFloat, {2}, "12345678");
  bundle.add(slice_key("parts", 2), test::kFloat, {2}, "abcdefgh");
  const auto checkpoint = open_checkpoint(bundle.write(folder));
  EXPECT_EQ(checkpoint->tensors().size(), 1u);
  EXPECT_EQ(checkpoint->others(), (std::map<std::string, std::string>{
                                      {"_CHECKPOINTABLE_OBJECT_GRAPH", "a tensor of type string, which is not read"},
                                      {"c", "a tensor of type complex64, which is not read"},
                                      {"deep", "a tensor of 9 dimensions, which is not read"},
                                      {"parts", "a variable partitioned into 2 slices, which is not read"},
                                      {"resource", "a tensor of type resource, which is not read"},
                                      {"u64", "a tensor of type uint64, which is not read"}}));
  EXPECT_EQ(checkpoint->read("kernel").bytes, copy_of("1234"));
  message_of(ErrorCode::not_found, [&] { checkpoint->read("parts"); });
}

TEST(TensorFlowBundle, IndexInMemory) {
  const Folder folder;
  TestBundle bundle(3);
  bundle.add("a", test::kInt8, {3}, "abc", 2);
  const std::string index = test::whole_file(bundle.write(folder));
  const auto checkpoint = open_checkpoint(test::bytes_of(index), "upload");
  ASSERT_EQ(checkpoint->tensors().size(), 1u);
  EXPECT_EQ(checkpoint->tensors().at("a").shape, std::vector<int64_t>{3});
  EXPECT_TRUE(checkpoint->files().empty());
  EXPECT_PRED_FORMAT2(IsSubstring, "upload: tensor 'a' cannot be read: the index alone was given",
                      message_of(ErrorCode::bad_file, [&] { checkpoint->read("a"); }));
}

TEST(TensorFlowBundle, DataFilesThatChange) {
  const Folder folder;
  TestBundle bundle(2);
  bundle.add("a", test::kInt8, {3}, "abc");
  bundle.add("b", test::kInt8, {3}, "def", 1);
  const fs::path index = bundle.write(folder);
  const fs::path second = folder / "snap-0.data-00001-of-00002";
  const auto checkpoint = open_checkpoint(index);
  EXPECT_EQ(checkpoint->read("b").bytes, copy_of("def"));
  EXPECT_EQ(checkpoint->read("a").bytes, copy_of("abc"));  // one file is open at a time
  fs::resize_file(second, 2);
  EXPECT_PRED_FORMAT2(IsSubstring, "of-00002: ends at byte 2",
                      message_of(ErrorCode::bad_file, [&] { checkpoint->read("b"); }));
  EXPECT_PRED_FORMAT2(IsSubstring, "entry 'b': ends at byte 3 of",
                      message_of(ErrorCode::bad_file, [&] { open_checkpoint(index); }));
  EXPECT_EQ(checkpoint->read("a").bytes, copy_of("abc"));
  fs::remove(second);
  message_of(ErrorCode::not_found, [&] { checkpoint->read("b"); });
  EXPECT_PRED_FORMAT2(IsSubstring, "snap-0.data-00001-of-00002: cannot be opened",
                      message_of(ErrorCode::not_found, [&] { open_checkpoint(index); }));
  fs::create_directory(second);
  EXPECT_PRED_FORMAT2(IsSubstring, "not a regular file",
                      message_of(ErrorCode::bad_file, [&] { open_checkpoint(index); }));
}

// 298 tensors as in the authors' releases: the generator, the discriminator with its vectors, two slots of the
// optimiser for every trained tensor, and four numbers.
TEST(TensorFlowBundle, OfficialLayoutConverts) {
  const Folder folder;
  const fs::path fixtures = test::source_dir() / "tests/fixtures/deepfill2";
  std::mt19937 random(11);
  TestBundle bundle;
  const auto add_trained = [&](const std::string &name, const std::vector<int64_t> &shape, const std::string &bytes) {
    bundle.add(name, test::kFloat, shape, bytes);
    for (const char *slot : {"/Adam", "/Adam_1"}) {
      bundle.add(name + slot, test::kFloat, shape, random_bytes(random, bytes.size()));
    }
  };
  for (const auto &[name, tensor] : read_safetensors(fixtures / "cnum8.tf_names.safetensors").tensors) {
    add_trained(name, tensor.shape, {reinterpret_cast<const char *>(tensor.bytes.data()), tensor.bytes.size()});
  }
  for (int layer = 1; layer <= 6; ++layer) {
    const std::string name = "discriminator/sn_patch_gan/conv" + std::to_string(layer);
    add_trained(name + "/kernel", {5, 5, 2, 3}, random_bytes(random, 600));
    add_trained(name + "/bias", {3}, random_bytes(random, 12));
    bundle.add(name + "/kernel_sn/u", test::kFloat, {1, 3}, random_bytes(random, 12));
  }
  for (const char *name : {"beta1_power", "beta2_power", "lr"}) bundle.add(name, test::kFloat, {}, "\1\2\3\4");
  bundle.add("global_step", test::kInt32, {}, "\1\2\3\4");

  const auto checkpoint = open_checkpoint(bundle.write(folder));
  ASSERT_EQ(checkpoint->tensors().size(), 298u);
  const NamesFile names = read_names(test::source_dir() / "models/deepfill2.names");
  const Conversion converted = apply_names(names, *checkpoint);
  EXPECT_EQ(converted.dialect, "tensorflow");
  EXPECT_EQ(converted.ignored, 192u + 4 + 18);
  const auto torch = open_checkpoint(fixtures / "cnum8.safetensors");
  EXPECT_TRUE(converted.tensors == apply_names(names, *torch).tensors);
  EXPECT_EQ(converted.parameters.at("width"), "8");
}

TEST(TensorFlowBundle, FixtureFromTensorFlowNames) {
  const char *named = std::getenv("SLUICE_SHARED");
  const fs::path shared = named != nullptr ? fs::path(named) : test::source_dir() / "../shared";
  const fs::path folder = shared / "fixtures/deepfill2";
  if (!fs::exists(folder / "cnum8.ckpt.index")) GTEST_SKIP() << "no bundle among the fixtures: set SLUICE_SHARED";
  const auto checkpoint = open_checkpoint(folder / "cnum8.ckpt");
  EXPECT_EQ(checkpoint->format(), CheckpointFormat::tensorflow);
  EXPECT_TRUE(read_all(*checkpoint).tensors == read_safetensors(folder / "cnum8.tf_names.safetensors").tensors);
}

}  // namespace
}  // namespace sluice
