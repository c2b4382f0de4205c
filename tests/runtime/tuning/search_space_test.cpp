// SPDX-License-Identifier: Apache-2.0
// Rows of .params and .tuning files, and the points they make.
#include "runtime/tuning/search_space.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/message_of.h"
#include "tests/support/text_file.h"

namespace sluice::tuning {
namespace {

using testing::file_of;
using testing::message_of;

const Parameters kShipped{{"tile_x", 4}, {"tile_y", 8}};

std::vector<Factor> factors(const std::string &text, const std::string &true_condition = "") {
  return read_factors(file_of("l.tuning", text), "avx2", kShipped,
                      [&](const std::string &condition) { return condition == true_condition; });
}

TEST(SearchSpace, ShippedValuesAreThoseOfTheIsaAndOfForwardKernels) {
  const auto path = file_of("l.params",
                            "# a comment\nany forward tile_x 4\navx512 forward tile_x 8\nany backward tile_x 2\n"
                            "avx512 forward rows 3 # 2 was slower\n");
  EXPECT_EQ(read_shipped(path, "avx2"), (Parameters{{"tile_x", 4}}));
  EXPECT_EQ(read_shipped(path, "avx512"), (Parameters{{"tile_x", 8}, {"rows", 3}}));
  EXPECT_TRUE(read_shipped("not/there.params", "avx2").empty());
  EXPECT_NE(message_of([] { read_shipped(file_of("m.params", "avx2 forward tile_x\n"), "avx2"); }).find(":1: expected"),
            std::string::npos);
  EXPECT_NE(
      message_of([] { read_shipped(file_of("n.params", "any forward tile_x 4x\n"), "avx2"); }).find("whole number"),
      std::string::npos);
}

TEST(SearchSpace, FactorsAreRowsWhoseConditionsHold) {
  const auto all = factors("any tile_x 1 2\navx512 tile_x 9\navx2 tile_x,tile_y 1,2 3,4 when a=b # why\n", "a=b");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].alternatives, (std::vector<Parameters>{{{"tile_x", 1}}, {{"tile_x", 2}}}));
  EXPECT_EQ(all[1].alternatives[1], (Parameters{{"tile_x", 3}, {"tile_y", 4}}));
  EXPECT_EQ(factors("any tile_x 1 when a=b\n").size(), 0u);
  EXPECT_TRUE(read_factors("not/there.tuning", "avx2", kShipped, {}).empty());
}

TEST(SearchSpace, WrongRowsAreRefused) {
  const auto refused = [](const std::string &text) { return message_of([&] { factors(text); }); };
  EXPECT_NE(refused("any tile_x\n").find(":1: expected `isa names"), std::string::npos);
  EXPECT_NE(refused("any tile_x when a=b\n").find("expected `isa names"), std::string::npos);
  EXPECT_NE(refused("any rows 1\n").find("no parameter 'rows'"), std::string::npos);
  EXPECT_NE(refused("any tile_x,tile_y 1\n").find("expected 2 values"), std::string::npos);
  EXPECT_NE(refused("any tile_x a\n").find("whole number"), std::string::npos);
  EXPECT_NE(refused("any tile_x 1 when always\n").find("expected attribute=value"), std::string::npos);
}

TEST(SearchSpace, CombinationsHoldWhatIsShippedOnceEach) {
  const auto all = combinations(factors("any tile_x 4 6\nany tile_y 1 2\n"), kShipped);
  EXPECT_EQ(all.size(), 2u * 3u);  // 4 is shipped, 8 is not among the alternatives
  EXPECT_EQ(all[0], kShipped);
  EXPECT_EQ(changed_from(kShipped, {{"tile_x", 4}, {"tile_y", 2}}), (Parameters{{"tile_y", 2}}));
  EXPECT_EQ(with(kShipped, {{"tile_y", 2}}), (Parameters{{"tile_x", 4}, {"tile_y", 2}}));
}

}  // namespace
}  // namespace sluice::tuning
