// SPDX-License-Identifier: Apache-2.0
// What all processes of a group find out together.
#include "runtime/process_group.h"

#include <gtest/gtest.h>

#include "tests/runtime/trainer/thread_group.h"

namespace sluice::testing {
namespace {

TEST(ProcessGroup, TextsOfAnyLength) {
  ThreadGroups(3).run([](ProcessGroup &group) {
    const std::vector<std::string> texts =
        gather_texts(group, std::string(static_cast<size_t>(group.rank()) * 1000, 'a'));
    for (size_t i = 0; i < 3; i++) EXPECT_EQ(texts.at(i), std::string(i * 1000, 'a'));
    EXPECT_EQ(gather_texts(group, ""), std::vector<std::string>(3));
    EXPECT_TRUE(true_in_any(group, group.rank() == 2));
    EXPECT_FALSE(true_in_any(group, false));
  });
}

TEST(ProcessGroup, AnErrorOfOneIsThrownByAll) {
  const auto errors = ThreadGroups(3).run([](ProcessGroup &group) {
    in_all(group, [] {});
    in_all(group, [&] {
      if (group.rank() == 1) throw Error(ErrorCode::bad_file, "no good");
    });
  });
  EXPECT_EQ(errors, std::vector<std::string>(3, "process 1: no good"));
  const auto same =
      ThreadGroups(2).run([](ProcessGroup &group) { in_all(group, [] { throw Error(ErrorCode::usage, "wrong"); }); });
  EXPECT_EQ(same, std::vector<std::string>(2, "wrong"));
}

TEST(ProcessGroup, AloneAnErrorStaysWhatItIs) {
  try {
    in_all(alone(), [] { throw Error(ErrorCode::not_found, "none"); });
    FAIL();
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ErrorCode::not_found);
    EXPECT_STREQ(error.what(), "none");
  }
}

}  // namespace
}  // namespace sluice::testing
