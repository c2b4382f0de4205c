// SPDX-License-Identifier: Apache-2.0
// A child that crashes, hangs or throws is an answer like others, and the next request is served.
#include "runtime/tuning/child_server.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "weights_io/error.h"

namespace sluice::tuning {
namespace {

// Answers with how often this child was asked.
struct Served {
  int started = 0, asked = 0;
  ChildServer server{[this] { started++; },
                     [this](const std::string &request) {
                       asked++;
                       if (request == "crash") std::abort();
                       if (request == "exit") ::_exit(3);
                       if (request == "throw") throw std::runtime_error("two\nlines");
                       if (request == "hang") std::this_thread::sleep_for(std::chrono::hours(1));
                       return request + std::to_string(started) + std::to_string(asked);
                     }};
};

TEST(ChildServer, OneChildAnswersAll) {
  Served served;
  EXPECT_EQ(served.server.ask("a", 60).text, "a11");
  EXPECT_EQ(served.server.ask("b c", 60).text, "b c12");
  EXPECT_EQ(served.asked, 0) << "nothing of it runs in this process";
}

TEST(ChildServer, WhatIsThrownIsAFailureOfOneLine) {
  Served served;
  EXPECT_EQ(served.server.ask("throw", 60).failure, "two lines");
  EXPECT_EQ(served.server.ask("a", 60).text, "a12");
}

TEST(ChildServer, AfterACrashAnotherChildServes) {
  Served served;
  EXPECT_EQ(served.server.ask("crash", 60).failure, "crashed: Aborted");
  EXPECT_EQ(served.server.ask("a", 60).text, "a11");
  EXPECT_EQ(served.server.ask("exit", 60).failure, "ended with status 3");
  EXPECT_EQ(served.server.ask("a", 60).text, "a11");
}

TEST(ChildServer, AChildThatHangsIsEnded) {
  Served served;
  EXPECT_EQ(served.server.ask("hang", 1).failure, "took longer than 1 s");
  EXPECT_EQ(served.server.ask("a", 60).text, "a11");
}

TEST(ChildServer, StopsWhenToldTo) {
  Served served;
  try {
    served.server.ask("hang", 60, [] { return true; });
    FAIL() << "did not stop";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ErrorCode::interrupted);
  }
}

}  // namespace
}  // namespace sluice::tuning
