// SPDX-License-Identifier: Apache-2.0
// The tuning file: what is written is read; what is not one, of another version or for another processor is refused.
#include "runtime/tuning/tuning_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/message_of.h"
#include "tests/support/text_file.h"

namespace sluice::tuning {
namespace {

using testing::file_of;
using testing::message_of;

Tuning sample() {
  return {sluice_version(),
          "avx2",
          "A Processor",
          "64x96",
          2,
          {{"a", "relu", "k1", 2.5, 2.0, "direct", {{"rows", 8}, {"tile_x", 4}}},
           {"b.c", "relu", "k2", 1.25, 1.25, "fastest", {}}}};
}

const std::string kHead = "sluice-tuning 1\nversion 1\nisa avx2\nprocessor A B\nsize 8x8\nthreads 2\n";
const std::string kNode = "node a layer=l kernel=k default_ms=1 tuned_ms=1 algorithm=fastest schedule=-\n";

TEST(TuningFile, IsReadAsItWasWritten) {
  const auto path = std::filesystem::path(::testing::TempDir()) / "written.tuning";
  const Tuning written = sample();
  write_tuning(path, written);
  const Tuning read = read_tuning(path);
  EXPECT_EQ(read.version, written.version);
  EXPECT_EQ(read.isa, "avx2");
  EXPECT_EQ(read.processor, "A Processor");
  EXPECT_EQ(read.size, "64x96");
  EXPECT_EQ(read.threads, 2);
  ASSERT_EQ(read.nodes.size(), 2u);
  const TunedNode &node = *read.find("a");
  EXPECT_EQ(node.layer, "relu");
  EXPECT_EQ(node.kernel, "k1");
  EXPECT_EQ(node.default_ms, 2.5);
  EXPECT_EQ(node.tuned_ms, 2.0);
  EXPECT_EQ(node.algorithm, "direct");
  EXPECT_EQ(node.schedule, (Parameters{{"rows", 8}, {"tile_x", 4}}));
  EXPECT_TRUE(node.changed());
  EXPECT_FALSE(read.find("b.c")->changed());
  EXPECT_EQ(read.find("d"), nullptr);
}

TEST(TuningFile, WrongLinesAreRefusedByNumber) {
  const auto refused = [](const std::string &text) { return message_of([&] { read_tuning(file_of("bad", text)); }); };
  EXPECT_NE(refused("").find("empty"), std::string::npos);
  EXPECT_NE(refused("hello\n").find(":1: not a tuning file"), std::string::npos);
  EXPECT_NE(refused("sluice-tuning 2\n").find("format 2, this Sluice reads 1"), std::string::npos);
  EXPECT_NE(refused("sluice-tuning 1\nisa avx2\n").find("cut short"), std::string::npos);
  EXPECT_NE(refused(kHead + "colour red\n").find(":7: expected version"), std::string::npos);
  EXPECT_NE(refused(kHead + "node a layer=l\n").find(":7: node a: expected layer, kernel"), std::string::npos);
  EXPECT_NE(refused(kHead + kNode + kNode).find(":8: node a is there twice"), std::string::npos);
  const auto changed = [&](const std::string &from, const std::string &to) {
    std::string text = kHead + kNode;
    return refused(text.replace(text.find(from), from.size(), to));
  };
  EXPECT_NE(changed("schedule=-", "schedule=tile_x:0").find("whole number from 1"), std::string::npos);
  EXPECT_NE(changed("schedule=-", "schedule=tile_x").find("expected name:value"), std::string::npos);
  EXPECT_NE(changed("schedule=-", "schedule=a:1,a:2").find("a is said twice"), std::string::npos);
  EXPECT_NE(changed("schedule=-", "schedule=").find("expected name:value"), std::string::npos);
  EXPECT_NE(changed("fastest", "slowest").find("fastest or direct"), std::string::npos);
  EXPECT_NE(changed("tuned_ms=1", "tuned_ms=-1").find("expected milliseconds"), std::string::npos);
  EXPECT_NE(changed("tuned_ms=1", "tuned_ms=nan").find("expected milliseconds"), std::string::npos);
  EXPECT_NE(changed("tuned_ms=1", "speed=1").find("unknown word 'speed=1'"), std::string::npos);
  EXPECT_EQ(message_of([] { read_tuning(file_of("good", "# by hand\n" + kHead + kNode)); }), "no error");
}

TEST(TuningFile, AnotherVersionProcessorOrGraphIsRefusedWithTheReason) {
  const std::map<std::string, std::string> kernels{{"a", "k1"}, {"b.c", "k2"}, {"other", "k3"}};
  Tuning tuning = sample();
  const auto refused = [&](const std::string &isa, const std::map<std::string, std::string> &known) {
    return message_of([&] { check_tuning("my.tuning", tuning, isa, known); });
  };
  EXPECT_EQ(refused("avx2", kernels), "no error");
  EXPECT_NE(refused("avx512", kernels).find("made for processors with avx2 (A Processor), not for avx512"),
            std::string::npos);
  EXPECT_NE(refused("avx2", {{"a", "k1"}}).find("the graph has no node 'b.c'"), std::string::npos);
  EXPECT_NE(refused("avx2", {{"a", "k9"}, {"b.c", "k2"}}).find("tuned against kernel k1, the graph now takes k9"),
            std::string::npos);
  tuning.version = "0.0.1";
  EXPECT_NE(refused("avx2", kernels).find("made by Sluice 0.0.1"), std::string::npos);
}

}  // namespace
}  // namespace sluice::tuning
