// SPDX-License-Identifier: Apache-2.0
// Candidates that are right, wrong, fail, crash and hang, measured on a node of a network by a child process.
#include "runtime/tuning/node_bench.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "runtime/graph_file.h"
#include "runtime/tuning/child_server.h"
#include "runtime/tuning/random_tensors.h"

namespace sluice::tuning {
namespace {

// Of tests/runtime/tuning/candidates.cpp.
enum Kind { right, nearly_right, failing, crashing, hanging };

struct Subject {
  Graph graph = parse_graph("model m\ninput x [n 8 h w]\nactivation a from x to y activation=relu\noutput y\n", "m");
  TensorMap inputs = random_inputs(graph, {{"x", {1, 8, 32, 32}}}, 1);
  Model model{graph, {}};
  ExecutionPlan plan = model.plan_for(inputs, [] {
    PlanOptions options;
    options.keep_all = true;
    return options;
  }());
  std::unique_ptr<NodeBench> bench;
  ChildServer server{[this] { bench = std::make_unique<NodeBench>(model, plan, inputs, 2); },
                     [this](const std::string &line) { return to_line(bench->measure(request_from_line(line))); }};

  ChildServer::Reply ask(Kind kind) {
    MeasureRequest request;
    request.library = std::string(SLUICE_CANDIDATES) + "/libtuning_candidate_" + std::to_string(kind) + ".so";
    request.seconds = 0.01;
    return server.ask(to_line(request), kind == hanging ? 5 : 120);
  }
};

TEST(NodeBench, MeasuresARightCandidate) {
  Subject subject;
  const ChildServer::Reply reply = subject.ask(right);
  ASSERT_EQ(reply.failure, "");
  const Comparison comparison = from_line(reply.text);
  EXPECT_GE(comparison.pairs, 5);
  EXPECT_GT(comparison.first_ms, 0);
  EXPECT_GT(comparison.ratio, 0);
}

TEST(NodeBench, SaysWhatIsWrongWithOthersAndGoesOn) {
  Subject subject;
  EXPECT_NE(subject.ask(nearly_right).failure.find("another result: 8192 of 8192 values differ"), std::string::npos);
  EXPECT_NE(subject.ask(failing).failure.find("kernel libtuning_candidate_2.so failed"), std::string::npos);
  EXPECT_EQ(subject.ask(crashing).failure, "crashed: Aborted");
  EXPECT_EQ(subject.ask(hanging).failure, "took longer than 5 s");
  EXPECT_EQ(subject.ask(right).failure, "");
}

TEST(NodeBench, ALibraryThatIsNoneIsAFailure) {
  Subject subject;
  MeasureRequest request;
  request.library = "not/there.so";
  EXPECT_NE(subject.server.ask(to_line(request), 60).failure.find("cannot be loaded"), std::string::npos);
}

TEST(NodeBench, ARequestIsALine) {
  const MeasureRequest sent{7, "direct", "a folder/with blanks.so", false, 0.5, 11};
  const MeasureRequest got = request_from_line(to_line(sent));
  EXPECT_EQ(got.step, 7u);
  EXPECT_EQ(got.algorithm, "direct");
  EXPECT_EQ(got.library, sent.library);
  EXPECT_FALSE(got.same_sums);
  EXPECT_DOUBLE_EQ(got.seconds, 0.5);
  EXPECT_EQ(got.fewest, 11);
  EXPECT_TRUE(request_from_line(to_line(MeasureRequest{})).library.empty());
  EXPECT_ANY_THROW(request_from_line("7 direct"));
}

TEST(Difference, OfTheSameSumsIsOneOfBits) {
  const float one = 1.0f, next = std::nextafter(1.0f, 2.0f);
  EXPECT_EQ(difference({one, 2}, {one, 2}, true), "");
  EXPECT_NE(difference({one, 2}, {next, 2}, true).find("1 of 2 values differ"), std::string::npos);
  EXPECT_EQ(difference({one, 2}, {next, 2}, false), "") << "another order of sums";
  EXPECT_NE(difference({one, 2}, {1.0001f, 2}, false), "");
  EXPECT_NE(difference({one, 2}, {std::numeric_limits<float>::quiet_NaN(), 2}, false), "");
  EXPECT_NE(difference({one, 2}, {one}, false), "");
}

}  // namespace
}  // namespace sluice::tuning
