// SPDX-License-Identifier: Apache-2.0
// Programs that end well, badly, late, or are not there.
#include "runtime/tuning/commands.h"

#include <gtest/gtest.h>

#include "weights_io/error.h"

namespace sluice::tuning {
namespace {

const std::filesystem::path kLog = std::filesystem::path(::testing::TempDir()) / "commands_test.log";

TEST(Commands, SayWhyTheyFailed) {
  const auto log = [](int i) { return std::filesystem::path(kLog).replace_extension(std::to_string(i)); };
  const auto failures = run_commands({{{"true"}, log(0)},
                                      {{"sh", "-c", "echo first; echo last >&2; exit 3"}, log(1)},
                                      {{"sh", "-c", "kill -SEGV $$"}, log(2)},
                                      {{"sluice-is-no-program"}, log(3)},
                                      {{"true"}, log(4)}},
                                     2, 60);
  EXPECT_EQ(failures[0], "");
  EXPECT_EQ(failures[1], "sh: exit status 3: last");
  EXPECT_NE(failures[2].find("Segmentation fault"), std::string::npos);
  EXPECT_NE(failures[3].find("No such file"), std::string::npos);
  EXPECT_EQ(failures[4], "");
}

TEST(Commands, ThatTakeTooLongAreEnded) {
  EXPECT_EQ(run_commands({{{"sleep", "1000"}, kLog}}, 1, 0.2)[0], "took longer than 0 s");
}

TEST(Commands, StopWhenToldTo) {
  EXPECT_THROW(run_commands({{{"sleep", "1000"}, kLog}}, 1, 60, [] { return true; }), Error);
}

}  // namespace
}  // namespace sluice::tuning
