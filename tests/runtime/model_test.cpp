// SPDX-License-Identifier: Apache-2.0
// Small graphs of pointwise layers: planning, joined tensors, sizes, errors.
#include "runtime/model.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "runtime/graph_file.h"
#include "runtime/training/gradients.h"
#include "runtime/tuning/random_tensors.h"
#include "tests/support/message_of.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

using testing::message_of;

StoredTensor tensor(const std::vector<int64_t> &shape, const std::vector<float> &values) {
  return StoredTensor::of_f32(shape, values.data());
}

std::vector<float> values_of(const StoredTensor &t) { return {t.f32(), t.f32() + t.elements()}; }

Model model(const std::string &lines, TensorMap weights = {}) {
  return Model(parse_graph("model test\n" + lines, "test.graph"), std::move(weights));
}

const char *const kJoin =
    "input a [n 1 h w]\ninput b [n 2 h w]\n"
    "activation p from a activation=relu\n"
    "concat all from p,b,a\n"
    "blend result from all,all,a\n"
    "output all\noutput result\n";

TEST(Model, JoinsWithoutTrouble) {
  const TensorMap made =
      model(kJoin).run({{"a", tensor({1, 1, 1, 2}, {-1, 5})}, {"b", tensor({1, 2, 1, 2}, {1, 2, 3, 4})}});
  EXPECT_EQ(values_of(made.at("all")), (std::vector<float>{0, 5, 1, 2, 3, 4, -1, 5}));
  EXPECT_EQ(values_of(made.at("result")), values_of(made.at("all")));
}

TEST(Model, ATensorInTwoJoinsIsCopiedOnce) {
  const Model twice = model(
      "input a [1 1 h w]\ninput b [1 1 h w]\nconcat first from a,b\nconcat second from b,a\n"
      "elementwise sum from first,second operation=add\noutput first\noutput second\noutput sum\n");
  const TensorMap made = twice.run({{"a", tensor({1, 1, 1, 1}, {3})}, {"b", tensor({1, 1, 1, 1}, {4})}});
  EXPECT_EQ(values_of(made.at("first")), (std::vector<float>{3, 4}));
  EXPECT_EQ(values_of(made.at("second")), (std::vector<float>{4, 3}));
  EXPECT_EQ(values_of(made.at("sum")), (std::vector<float>{7, 7}));
}

TEST(Model, NestedJoins) {
  const Model nested =
      model("input a [1 1 1 1]\ninput b [1 1 1 1]\nconcat ab from a,b\nconcat all from ab,ab\noutput all\n");
  const TensorMap made = nested.run({{"a", tensor({1, 1, 1, 1}, {3})}, {"b", tensor({1, 1, 1, 1}, {4})}});
  EXPECT_EQ(values_of(made.at("all")), (std::vector<float>{3, 4, 3, 4}));
}

TEST(Model, ScaleOffsetConstantsAndPadding) {
  const Model padded(
      parse_graph("model m multiple=4\ninput a [1 1 h w] scale=2 offset=1 pad=edge\ninput ones [1 1 h w] value=1\n"
                  "elementwise s from a,ones operation=mul\nconcat both from s,ones\noutput s\noutput both\n",
                  "m.graph"),
      {});
  const TensorMap made = padded.run({{"a", tensor({1, 1, 1, 3}, {1, 2, 3})}});
  EXPECT_EQ(made.at("s").shape, (std::vector<int64_t>{1, 1, 1, 3}));
  EXPECT_EQ(values_of(made.at("s")), (std::vector<float>{3, 5, 7}));
  EXPECT_EQ(values_of(made.at("both")), (std::vector<float>{3, 5, 7, 1, 1, 1}));
}

TEST(Model, OneMaskServesABatch) {
  const Model batch = model("input a [n 1 1 1]\ninput m [n 1 1 1]\nelementwise p from a,m operation=mul\noutput p\n");
  const TensorMap made = batch.run({{"a", tensor({3, 1, 1, 1}, {1, 2, 3})}, {"m", tensor({1, 1, 1, 1}, {10})}});
  EXPECT_EQ(values_of(made.at("p")), (std::vector<float>{10, 20, 30}));
}

TEST(Model, TheEnvironmentForcesDirectSums) {
  const std::string lines = "input a [n 8 h w]\nconv2d c from a kernel=3 channels=8 padding=same\noutput c\n";
  const TensorMap weights = {{"c.weight", StoredTensor::of_f32({8, 8, 3, 3})}, {"c.bias", StoredTensor::of_f32({8})}};
  const auto algorithm = [&] { return model(lines, weights).graph().nodes.at(0).attributes.at("algorithm").text(); };
  EXPECT_EQ(algorithm(), "fastest");
  ::setenv("SLUICE_ALGORITHM", "direct", 1);
  EXPECT_EQ(algorithm(), "direct");
  ::setenv("SLUICE_ALGORITHM", "sums", 1);
  EXPECT_NE(message_of([&] { algorithm(); }).find("direct or fastest, not 'sums'"), std::string::npos);
  ::unsetenv("SLUICE_ALGORITHM");
}

// One process alone: what all have is what it has.
TEST(Model, AllGatherOfOneProcessIsACopy) {
  const Model copied = model("input a [n 2 h w]\nslice b from a first=1 channels=1\nall_gather g from b\noutput g\n");
  const TensorMap made = copied.run({{"a", tensor({1, 2, 1, 2}, {1, 2, 3, 4})}});
  EXPECT_EQ(values_of(made.at("g")), (std::vector<float>{3, 4}));
}

TEST(Model, KeepReturnsInnerTensors) {
  RunOptions options;
  options.keep = {"p"};
  const TensorMap made =
      model(kJoin).run({{"a", tensor({1, 1, 1, 1}, {2})}, {"b", tensor({1, 2, 1, 1}, {1, 1})}}, options);
  EXPECT_EQ(values_of(made.at("p")), (std::vector<float>{2}));
  options.keep = {"nothing"};
  EXPECT_NE(message_of([&] {
              model(kJoin).run({{"a", tensor({1, 1, 1, 1}, {2})}, {"b", tensor({1, 2, 1, 1}, {1, 1})}}, options);
            }).find("no tensor 'nothing'"),
            std::string::npos);
}

TEST(Model, GradientsFlowThroughJoinsAndSeveralReaders) {
  register_training();
  const Model m = model(
      "input a [1 1 1 2]\ninput b [1 1 1 2]\nconcat ab from a,b\nconcat ba from b,a\n"
      "elementwise p from ab,ba operation=mul\noutput p\n");
  const TensorMap g = gradients(m, {{"a", tensor({1, 1, 1, 2}, {3, 5})}, {"b", tensor({1, 1, 1, 2}, {4, 7})}},
                                {{"p", tensor({1, 2, 1, 2}, {1, 1, 10, 10})}});
  EXPECT_EQ(values_of(g.at("a")), (std::vector<float>{44, 77}));  // p = (ab, ba): d/da = b (1 + 10)
  EXPECT_EQ(values_of(g.at("b")), (std::vector<float>{33, 55}));
}

TEST(Model, WeightsThatAreNotKept) {
  register_training();
  const std::string text =
      "model m\ninput a [1 1 1 3]\nconv2d p from a kernel=1 channels=1 bias=false activation=none\noutput p\n";
  const TensorMap a{{"a", tensor({1, 1, 1, 3}, {1, 2, 3})}}, upstream{{"p", tensor({1, 1, 1, 3}, {1, 1, 1})}};
  LoadOptions options;
  for (const bool keep : {true, false}) {
    options.keep_weights = keep;
    const Model m(parse_graph(text, "m.graph"), {{"p.weight", tensor({1, 1, 1, 1}, {2})}}, options);
    EXPECT_EQ(values_of(m.run(a).at("p")), (std::vector<float>{2, 4, 6}));
    EXPECT_EQ(m.weights().at("p.weight").bytes.empty(), !keep);
    if (keep) {
      EXPECT_EQ(values_of(gradients(m, a, upstream).at("a")), (std::vector<float>{2, 2, 2}));
    } else {
      EXPECT_NE(message_of([&] { gradients(m, a, upstream); }).find("'p.weight' was not kept"), std::string::npos);
    }
  }
}

TEST(Model, PackedByEachRunItHasTheSameBits) {
  register_training();
  const std::string text =
      "model m\ninput a [n 24 h w]\nconv2d p from a kernel=3 padding=same channels=40 activation=elu"
      "\nconv2d q from p kernel=5 padding=same channels=24\nconv2d r from q kernel=1 groups=2 channels=6"
      "\noutput q\noutput r\n";
  const Graph graph = parse_graph(text, "m.graph");
  const TensorMap inputs = random_inputs(graph, {{"a", {1, 24, 16, 20}}}, 3);
  const TensorMap weights = random_weights(graph, {{"a", {1, 24, 16, 20}}}, 4);
  LoadOptions options;
  options.keep_weights = false;  // a run needs them
  const Model packed(graph, weights, options);
  options.prepack = false;
  Model lean(graph, weights, options);
  const TensorMap expected = packed.run(inputs), made = lean.run(inputs);
  for (const auto &[name, value] : expected) EXPECT_TRUE(value == made.at(name)) << name;
  EXPECT_LT(lean.packed_bytes(), packed.packed_bytes());
  EXPECT_GT(lean.packed_bytes(), 0);
  EXPECT_EQ(gradients(lean, inputs, {{"r", made.at("r")}}).size(), 1 + weights.size());
  lean.replace_weights({{"r.bias", StoredTensor::of_f32({6})}});
  EXPECT_FALSE(lean.run(inputs).at("r") == made.at("r"));
}

TEST(Model, ErrorsNameInputExpectedAndGot) {
  const Model m = model(kJoin);
  const StoredTensor a = tensor({1, 1, 1, 2}, {1, 2}), b = tensor({1, 2, 1, 2}, {1, 2, 3, 4});
  EXPECT_NE(message_of([&] { m.run({{"a", a}}); }).find("input 'b'"), std::string::npos);
  EXPECT_NE(message_of([&] { m.run({{"a", a}, {"c", b}}); }).find("no input 'c'"), std::string::npos);
  EXPECT_NE(message_of([&] {
              m.run({{"a", a}, {"b", a}});
            }).find("input 'b': expected 2 in c, got 1"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              m.run({{"a", a}, {"b", tensor({1, 2, 1, 1}, {1, 2})}});
            }).find("expected 2 in w, got 1"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              m.run({{"a", tensor({2}, {1, 2})}, {"b", b}});
            }).find("expected 4 dimensions"),
            std::string::npos);
  EXPECT_NE(message_of([&] { m.run({}); }).find("it is missing"), std::string::npos);
}

TEST(Model, ErrorsNameFileLineAndNode) {
  const auto load = [](const std::string &line) {
    return message_of([&] { model("input a [1 1 h w]\n" + line + "\noutput x\n"); });
  };
  EXPECT_NE(load("nonsense x from a").find("test.graph:3: node 'x': no layer 'nonsense'; built:"), std::string::npos);
  EXPECT_NE(load("activation x from a activation=swish").find("activation=swish is not built; built: none relu"),
            std::string::npos);
  EXPECT_NE(
      load("activation x from a colour=red activation=relu").find("has no attribute 'colour'; it has: activation"),
      std::string::npos);
  EXPECT_NE(load("activation x from a").find("attribute 'activation' is missing"), std::string::npos);
  EXPECT_NE(load("activation x from a,a activation=relu").find("reads 1 and makes 1 tensors, got 2 and 1"),
            std::string::npos);
  EXPECT_NE(
      load("activation x from a activation=leaky_relu negative_slope=steep").find("expects a number, got 'steep'"),
      std::string::npos);
  EXPECT_NE(load("resize x from a output_size=1,2,3").find("takes 1 or 2 values"), std::string::npos);
}

TEST(Model, UnexpectedWeightsAreListed) {
  const std::string text = message_of([] {
    model("input a [1 1 h w]\nactivation x from a activation=relu\noutput x\n", {{"x.weight", tensor({1}, {1})}});
  });
  EXPECT_NE(text.find("unexpected: x.weight"), std::string::npos) << text;
}

}  // namespace
}  // namespace sluice
