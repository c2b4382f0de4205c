// SPDX-License-Identifier: Apache-2.0
// Every bomb is refused by its reason, at once and with little memory; a whole file takes no more than its size, a
// tenth and 32 MB. Each is read in a process of its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "tests/hostile/bombs.h"
#include "tests/hostile/child.h"
#include "tests/weights_io/support.h"
#include "weights_io/safetensors.h"

namespace sluice::hostile {
namespace {

using ::testing::IsSubstring;

constexpr double kMostMilliseconds = 100;
constexpr long kMostKilobytes = 64 * 1024;

// The best of five: processor time, too, is longer in the slow moments of a machine that others share.
Cost cost_of_bomb(const Bomb &bomb, const std::string &path) {
  Cost best = cost_of(bomb.kind, path);
  for (int more = 0; more < 4 && best.milliseconds > kMostMilliseconds / 2; ++more) {
    const Cost again = cost_of(bomb.kind, path);
    if (again.milliseconds < best.milliseconds) best = again;
  }
  return best;
}

void expect_harmless(const std::vector<Bomb> &bombs) {
  const test::Folder folder;
  Cost worst;  // SLUICE_VERBOSE in the environment: each by itself
  for (const Bomb &bomb : bombs) {
    SCOPED_TRACE(bomb.what);
    const std::string path = (folder / "bomb").string();
    test::put(path, bomb.file());
    const Cost cost = cost_of_bomb(bomb, path);
    EXPECT_EQ(cost.outcome, "refused") << cost.message;
    EXPECT_PRED_FORMAT2(IsSubstring, bomb.reason, cost.message);
    if (std::getenv("SLUICE_VERBOSE") != nullptr)
      std::printf("%6.1f ms %6ld kB  %s: %s\n", cost.milliseconds, cost.kilobytes, bomb.what.c_str(),
                  cost.message.c_str());
    worst.milliseconds = std::max(worst.milliseconds, cost.milliseconds);
    worst.kilobytes = std::max(worst.kilobytes, cost.kilobytes);
    if (is_sanitized()) continue;
    EXPECT_LT(cost.milliseconds, kMostMilliseconds);
    EXPECT_LT(cost.kilobytes, kMostKilobytes);
  }
  std::printf("bombs of %s: %zu refused, at most %.1f ms and %ld kB each\n", bombs.front().kind.c_str(), bombs.size(),
              worst.milliseconds, worst.kilobytes);
}

TEST(Bombs, OfPicturesAreRefused) { expect_harmless(picture_bombs()); }
TEST(Bombs, OfCheckpointsAreRefused) { expect_harmless(checkpoint_bombs()); }
TEST(Bombs, OfGraphsAreRefused) { expect_harmless(graph_bombs()); }
TEST(Bombs, OfNamesAreRefused) { expect_harmless(names_bombs()); }

TEST(Bombs, AreEnough) {
  EXPECT_GE(picture_bombs().size() + checkpoint_bombs().size() + graph_bombs().size() + names_bombs().size(), 70u);
}

// What a load may take: the file, a tenth of it, and 32 MB.
void expect_small_peak(const Archive &archive, const char *what) {
  const test::Folder folder;
  const std::string path = (folder / "whole.safetensors").string();
  write_safetensors(path, archive, {.checksums = true});
  const auto file = static_cast<long>(std::filesystem::file_size(path) / 1024);
  const Cost cost = cost_of("safetensors", path);
  EXPECT_EQ(cost.outcome, "read") << cost.message;
  std::printf("%s: a file of %ld kB is read in %ld kB\n", what, file, cost.kilobytes);
  if (is_sanitized()) return;
  EXPECT_LE(cost.kilobytes, file + file / 10 + 32 * 1024);
}

TEST(LoadPeak, OfAFileOf64Megabytes) {
  Archive archive;
  archive.tensors["large"] = StoredTensor::of_f32({12, 1024, 1024});
  for (int i = 0; i < 64; ++i) archive.tensors["part" + std::to_string(i)] = StoredTensor::of_f32({64, 1024});
  expect_small_peak(archive, "one tensor of 48 MB and 64 of 256 kB");
}

TEST(LoadPeak, OfManyTinyTensors) {
  Archive archive;
  for (int i = 0; i < 20'000; ++i) archive.tensors["layer" + std::to_string(i) + ".weight"] = StoredTensor::of_f32({1});
  expect_small_peak(archive, "20000 tensors of one number");
}

TEST(LoadPeak, OfMuchMetadata) {
  Archive archive;
  archive.tensors["a"] = StoredTensor::of_f32({1});
  for (int i = 0; i < 30'000; ++i) archive.metadata[std::to_string(i)] = "";
  archive.metadata["long"] = std::string(3'000'000, 'v');
  expect_small_peak(archive, "30000 entries of metadata and one of 3 MB");
}

}  // namespace
}  // namespace sluice::hostile
