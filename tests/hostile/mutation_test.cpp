// SPDX-License-Identifier: Apache-2.0
// Exhaustive damage to a small checkpoint with checksums: every prefix, every byte replaced by every other, every bit
// of the payload flipped. Each is refused as a bad file or read as if nothing had happened.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>

#include "tests/hostile/child.h"
#include "tests/hostile/malformed.h"
#include "weights_io/checkpoint.h"
#include "weights_io/safetensors.h"

namespace sluice::hostile {
namespace {

using Bytes = std::vector<std::byte>;

// Tensors of several types and shapes, equal ones and one of nothing, and the metadata that converting writes.
Archive sample() {
  Archive archive;
  float numbers[48];
  for (int i = 0; i < 48; ++i) numbers[i] = 0.37f * static_cast<float>(i) - 5;
  archive.tensors["conv1.weight"] = StoredTensor::of_f32({4, 3, 2, 2}, numbers);
  archive.tensors["conv1.bias"] = StoredTensor::of_f32({4}, numbers + 7);
  archive.tensors["conv2.bias"] = StoredTensor::of_f32({4}, numbers + 7);
  archive.tensors["steps"] = {DType::i64, {1}, Bytes(8, std::byte{1})};
  archive.tensors["half"] = {DType::f16, {2, 3}, Bytes(12, std::byte{60})};
  archive.tensors["none"] = StoredTensor::of_f32({0, 3});
  archive.metadata = {{"model", "deepfill2"},   {"param.width", "8"},   {"licence", "Apache-2.0"},
                      {"source_file", "w.pth"}, {"note", "\"a\\b\" ü"}, {"source_sha256", std::string(64, '7')}};
  return archive;
}

class Mutation : public ::testing::Test {
 protected:
  // Whether the file is refused; where it is read it must be what was written.
  bool is_refused(const Bytes &file) {
    ++tried_;
    try {
      const Archive read = parse_safetensors(file, "t");
      EXPECT_TRUE(read.tensors == whole_.tensors && read.metadata == whole_.metadata) << "the change went unseen";
      ++unchanged_;
      return false;
    } catch (const Error &error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_file) << error.what();
      EXPECT_TRUE(std::string(error.what()).starts_with("t: not a valid safetensors file: ")) << error.what();
      return true;
    }
  }
  void report(const char *what) const {
    std::printf("%s of a checkpoint of %zu bytes: %zu tried, %zu refused, %zu read unchanged, 0 unseen\n", what,
                file_.size(), tried_, tried_ - unchanged_, unchanged_);
  }

  const Bytes file_ = serialize_safetensors(sample(), {.checksums = true});
  const Archive whole_ = parse_safetensors(file_, "t");
  std::size_t tried_ = 0, unchanged_ = 0;
};

TEST_F(Mutation, EveryPrefixIsRefused) {
  for (std::size_t size = 0; size < file_.size(); ++size) {
    EXPECT_TRUE(is_refused(Bytes(file_.begin(), file_.begin() + static_cast<std::ptrdiff_t>(size)))) << size;
  }
  report("prefixes");
}

TEST_F(Mutation, EveryOtherByteIsRefusedOrHarmless) {
  const int step = is_sanitized() ? 17 : 1;
  for (std::size_t at = 0; at < file_.size(); ++at) {
    SCOPED_TRACE(at);
    Bytes changed = file_;
    for (int flip = 1; flip < 256; flip += step) {
      changed[at] = file_[at] ^ static_cast<std::byte>(flip);
      is_refused(changed);
      if (HasFailure()) return;
    }
  }
  report("replaced bytes");
}

TEST_F(Mutation, EveryFlippedBitOfThePayloadIsRefused) {
  uint64_t header = 0;
  std::memcpy(&header, file_.data(), sizeof(header));
  for (std::size_t bit = 8 * (8 + header); bit < 8 * file_.size(); ++bit) {
    Bytes changed = file_;
    changed[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_TRUE(is_refused(changed)) << bit;
  }
  EXPECT_EQ(unchanged_, 0u);
  report("flipped bits of the payload");
}

TEST_F(Mutation, EveryMissingAndEveryDoubledByteIsRefused) {
  for (std::size_t at = 0; at < file_.size(); ++at) {
    Bytes less = file_, more = file_;
    less.erase(less.begin() + static_cast<std::ptrdiff_t>(at));
    more.insert(more.begin() + static_cast<std::ptrdiff_t>(at), file_[at]);
    EXPECT_TRUE(is_refused(less)) << at;
    EXPECT_TRUE(is_refused(more)) << at;
  }
  report("missing and doubled bytes");
}

}  // namespace
}  // namespace sluice::hostile
