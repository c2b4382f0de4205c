// SPDX-License-Identifier: Apache-2.0
// The state of a tuning run: what was measured is there again, whatever ended the run.
#include "runtime/tuning/point_log.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/message_of.h"

namespace sluice::tuning {
namespace {

using testing::message_of;

std::filesystem::path fresh(const std::string &name) {
  const std::filesystem::path path = std::filesystem::path(::testing::TempDir()) / name;
  std::filesystem::remove(path);
  return path;
}

const Point kGood{"conv", "fastest", {{"tile_x", 6}}, false}, kBad{"conv", "direct", {}, true};

TEST(PointLog, GoesOnWhereItStopped) {
  const auto path = fresh("points");
  {
    PointLog log(path, "run 1");
    EXPECT_FALSE(log.find(kGood).has_value());
    log.add(kGood, {{2, 1.5, 1.25, 9, false}, ""});
    log.add(kBad, {{}, "crashed: Aborted"});
  }
  const PointLog log(path, "run 1");
  EXPECT_EQ(log.all().size(), 2u);
  EXPECT_DOUBLE_EQ(log.find(kGood)->comparison.ratio, 1.5);
  EXPECT_EQ(log.find(kBad)->failure, "crashed: Aborted");
  Point confirmed = kGood;
  confirmed.fresh = true;
  EXPECT_FALSE(log.find(confirmed).has_value()) << "to confirm is another measurement";
}

TEST(PointLog, ALineThatWasCutShortWasNotWritten) {
  const auto path = fresh("cut");
  PointLog(path, "run 1").add(kGood, {{2, 1.5, 1.25, 9, false}, ""});
  std::ofstream(path, std::ios::app) << "conv direct - try -> ok 1.0 1.";
  {
    PointLog log(path, "run 1");
    EXPECT_EQ(log.all().size(), 1u);
    log.add(kBad, {{}, "hung"});
  }
  EXPECT_EQ(PointLog(path, "run 1").all().size(), 2u);
  std::ofstream(path) << "run";  // even of the first line
  EXPECT_EQ(PointLog(path, "run 1").all().size(), 0u);
}

TEST(PointLog, OfAnotherRunOrNoneIsRefused) {
  const auto path = fresh("other");
  PointLog(path, "run of avx2").add(kGood, {{}, "hung"});
  EXPECT_NE(message_of([&] { PointLog(path, "run of avx512"); }).find("the state of another run (run of avx2"),
            std::string::npos);
  std::ofstream(path, std::ios::app) << "hello\n";
  EXPECT_NE(message_of([&] { PointLog(path, "run of avx2"); }).find(":3: not a point: hello"), std::string::npos);
}

}  // namespace
}  // namespace sluice::tuning
