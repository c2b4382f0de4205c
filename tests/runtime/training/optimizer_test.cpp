// SPDX-License-Identifier: Apache-2.0
// Optimisers against their formulas in double over many steps, an independent implementation's steps, resuming, and
// what is refused.
#include "runtime/training/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "runtime/kernel_call.h"
#include "tests/runtime/training/closed_form.h"
#include "tests/support/fixture.h"
#include "tests/support/message_of.h"
#include "tests/support/random_tensor.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

using testing::Attributes;
using testing::ClosedForm;
using testing::fixture_path;
using testing::message_of;
using testing::random_tensor;
using testing::with_prefix;

constexpr int kSteps = 25;
constexpr double kRate = 0.01;

// A part of a row, several blocks and a rest, one number.
TensorMap some_weights() {
  return {{"conv1.weight", random_tensor({6, 5, 3, 3}, 1)},
          {"conv2.weight", random_tensor({71, 1031}, 2)},
          {"norm.scale", random_tensor({1}, 3)}};
}

TensorMap gradients_of(const TensorMap &weights, int step) {
  TensorMap gradients;
  uint32_t seed = 1000 * static_cast<uint32_t>(step);
  for (const auto &[name, weight] : weights) gradients[name] = random_tensor(weight.shape, ++seed);
  return gradients;
}

class OptimizerRule : public ::testing::TestWithParam<OptimizerOptions> {};

TEST_P(OptimizerRule, FollowsItsFormula) {
  TensorMap weights = some_weights();
  const TensorMap start = weights;
  std::map<std::string, std::vector<ClosedForm>> expected;
  for (const auto &[name, weight] : weights) {
    for (int64_t i = 0; i < weight.elements(); i++)
      expected[name].emplace_back(GetParam(), static_cast<double>(weight.f32()[i]));
  }
  Optimizer optimizer(GetParam(), weights);
  for (int step = 1; step <= kSteps; step++) {
    const TensorMap gradients = gradients_of(weights, step);
    optimizer.step(weights, gradients, kRate);
    EXPECT_EQ(optimizer.steps(), step);
    for (auto &[name, paths] : expected) {
      // At each step half a unit in the last place of a parameter below 8, and the rounding of what is added to it.
      const double bound = step * (2.4e-7 + 1e-6 * 12 * kRate);
      const float *now = weights.at(name).f32(), *gradient = gradients.at(name).f32();
      for (size_t i = 0; i<paths.size(); i += paths.size()> 1000 ? 97 : 1) {
        const double wanted = paths[i].step(static_cast<double>(gradient[i]), kRate);
        ASSERT_NEAR(static_cast<double>(now[i]), wanted, bound) << name << " " << i << ", step " << step;
      }
    }
  }
  for (const auto &[name, weight] : weights) EXPECT_NE(weight.bytes, start.at(name).bytes) << name;
}

TEST_P(OptimizerRule, GoesOnWhereItWasToTheBit) {
  TensorMap whole = some_weights(), parts = whole, forgetful;
  Optimizer unbroken(GetParam(), whole), before(GetParam(), parts);
  for (int step = 1; step <= 2 * kSteps; step++) unbroken.step(whole, gradients_of(whole, step), kRate);
  for (int step = 1; step <= kSteps; step++) before.step(parts, gradients_of(parts, step), kRate);
  forgetful = parts;
  Optimizer after(GetParam(), parts), fresh(GetParam(), forgetful);
  after.restore(before.state(), before.steps());
  for (int step = kSteps + 1; step <= 2 * kSteps; step++) {
    after.step(parts, gradients_of(parts, step), kRate);
    fresh.step(forgetful, gradients_of(forgetful, step), kRate);
  }
  EXPECT_EQ(parts, whole);
  EXPECT_EQ(after.state(), unbroken.state());
  EXPECT_EQ(after.steps(), 2 * kSteps);
  EXPECT_EQ(forgetful == whole, unbroken.state().empty());  // what there is to forget matters
}

TEST_P(OptimizerRule, SameBitsForAnyThreadCountAndPlace) {
  const TensorMap start = some_weights();
  TensorMap once;
  for (const int threads : {1, 2, 3, 4}) {
    set_threads(threads);
    TensorMap weights = start;
    Optimizer optimizer(GetParam(), weights);
    for (int step = 1; step <= 3; step++) optimizer.step(weights, gradients_of(weights, step), kRate);
    if (once.empty()) once = weights;
    EXPECT_EQ(weights, once) << threads << " threads";
  }
  const StoredTensor &whole = start.at("conv2.weight");
  for (const int64_t i : {int64_t{0}, int64_t{1023}, int64_t{70000}, whole.elements() - 1}) {
    TensorMap alone{{"one", StoredTensor::of_f32({1}, whole.f32() + i)}};
    Optimizer optimizer(GetParam(), alone);
    for (int step = 1; step <= 3; step++) {
      const TensorMap gradients = gradients_of(start, step);
      optimizer.step(alone, {{"one", StoredTensor::of_f32({1}, gradients.at("conv2.weight").f32() + i)}}, kRate);
    }
    EXPECT_EQ(alone.at("one").f32()[0], once.at("conv2.weight").f32()[i]) << "element " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, OptimizerRule,
    ::testing::Values(OptimizerOptions{}, OptimizerOptions{"adam", {{"beta1", "0.5"}, {"beta2", "0.9"}}},
                      OptimizerOptions{"adam", {{"form", "tf"}, {"epsilon", "1e-3"}}},
                      OptimizerOptions{"adam", {{"weight_decay", "0.05"}}},
                      OptimizerOptions{"adam", {{"weight_decay", "0.05"}, {"decoupled", "true"}}},
                      OptimizerOptions{"sgd", {}}, OptimizerOptions{"sgd", {{"weight_decay", "0.01"}}},
                      OptimizerOptions{"sgd", {{"momentum", "0.9"}}},
                      OptimizerOptions{"sgd", {{"momentum", "0.9"}, {"nesterov", "true"}}},
                      OptimizerOptions{"rmsprop", {{"epsilon", "1e-4"}}},
                      OptimizerOptions{"rmsprop", {{"momentum", "0.9"}, {"decay", "0.9"}, {"epsilon", "1e-4"}}},
                      OptimizerOptions{"rmsprop", {{"centered", "true"}, {"decay", "0.9"}, {"epsilon", "1e-2"}}},
                      OptimizerOptions{"rmsprop", {{"form", "tf"}, {"momentum", "0.5"}, {"epsilon", "1e-3"}}}),
    [](const auto &test) {
      std::string name = test.param.rule;
      for (const auto &[key, value] : test.param.attributes) name += "_" + key + "_" + value;
      for (char &c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
      return name;
    });

// The steps of an independent implementation in double: PyTorch's Adam and AdamW, TensorFlow's Adam.
class AdamFixture : public ::testing::TestWithParam<std::string> {};

TEST_P(AdamFixture, StepsAsTheReference) {
  const Archive fixture = read_safetensors(fixture_path("training/adam_" + GetParam() + ".safetensors"));
  const auto settings = nlohmann::json::parse(fixture.metadata.at("attributes"));
  OptimizerOptions options;
  for (const auto &[theirs, ours] :
       Attributes{{"beta1", "beta1"}, {"beta2", "beta2"}, {"eps", "epsilon"}, {"weight_decay", "weight_decay"}})
    options.attributes[ours] = settings.at(theirs).dump();
  options.attributes["form"] = settings.at("form");
  options.attributes["decoupled"] = settings.at("optimizer") == "adamw" ? "true" : "false";
  TensorMap weights{{"w", fixture.tensors.at("in.param")}};
  Optimizer optimizer(options, weights);
  const int steps = settings.at("steps");
  ASSERT_GE(steps, 3);
  for (int step = 1; step <= steps; step++) {
    const std::string number = std::to_string(step);
    optimizer.step(weights, {{"w", fixture.tensors.at("in.grad" + number)}}, settings.at("lr"));
    // Half a unit in the last place of the largest parameter at each step, and once for the reference.
    EXPECT_LE(testing::relative_error(weights.at("w"), fixture.tensors.at("out.param" + number)), (step + 1) * 6e-8);
  }
  EXPECT_LE(testing::relative_error(optimizer.state().at("w.first_moment"), fixture.tensors.at("state_out.m")), 3e-7);
  EXPECT_LE(testing::relative_error(optimizer.state().at("w.second_moment"), fixture.tensors.at("state_out.v")), 2e-5);
}

INSTANTIATE_TEST_SUITE_P(Files, AdamFixture, ::testing::Values("torch", "adamw", "tf"),
                         [](const auto &test) { return test.param; });

std::vector<std::string> names_of(const TensorMap &tensors) {
  std::vector<std::string> names;
  for (const auto &entry : tensors) names.push_back(entry.first);
  return names;
}

TEST(Optimizer, KeepsTheStateThatItsAttributesNeed) {
  const TensorMap weights{{"a.w", random_tensor({2, 3}, 1)}};
  const auto kept = [&](const std::string &rule, const Attributes &attributes) {
    return names_of(Optimizer({rule, attributes}, weights).state());
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(kept("adam", {}), (Names{"a.w.first_moment", "a.w.second_moment"}));
  EXPECT_EQ(kept("sgd", {}), Names{});
  EXPECT_EQ(kept("sgd", {{"momentum", "0.9"}}), Names{"a.w.velocity"});
  EXPECT_EQ(kept("rmsprop", {}), Names{"a.w.mean_square"});
  EXPECT_EQ(kept("rmsprop", {{"centered", "true"}, {"momentum", "0.5"}}),
            (Names{"a.w.mean_gradient", "a.w.mean_square", "a.w.velocity"}));
  const Optimizer adam({}, weights);
  EXPECT_EQ(adam.state().at("a.w.first_moment"), StoredTensor::of_f32({2, 3}));
  EXPECT_EQ(adam.steps(), 0);
}

TEST(Optimizer, LeavesWhatHasNoGradient) {
  TensorMap weights = some_weights();
  const TensorMap start = weights;
  Optimizer optimizer({}, weights);
  const TensorMap all = gradients_of(weights, 1);
  optimizer.step(weights, {{"conv1.weight", all.at("conv1.weight")}, {"image", random_tensor({4}, 9)}}, kRate);
  EXPECT_NE(weights.at("conv1.weight"), start.at("conv1.weight"));
  EXPECT_EQ(weights.at("conv2.weight"), start.at("conv2.weight"));
  EXPECT_EQ(names_of(weights), names_of(start));
  const StoredTensor &idle = optimizer.state().at("conv2.weight.first_moment");
  EXPECT_EQ(idle, StoredTensor::of_f32(idle.shape));
  EXPECT_EQ(optimizer.steps(), 1);
}

// With zero gradients only the decay changes a weight.
TEST(Optimizer, DecaysVectorsOnlyWhereItShould) {
  for (const bool vectors : {true, false}) {
    TensorMap weights = some_weights();
    const TensorMap start = weights;
    Optimizer optimizer({"adam", {{"weight_decay", "0.5"}, {"decoupled", "true"}}, vectors}, weights);
    TensorMap gradients;
    for (const auto &[name, weight] : weights) gradients[name] = StoredTensor::of_f32(weight.shape);
    optimizer.step(weights, gradients, kRate);
    EXPECT_FALSE(weights.at("conv1.weight") == start.at("conv1.weight"));
    EXPECT_EQ(weights.at("norm.scale") == start.at("norm.scale"), !vectors);
  }
}

TEST(Optimizer, IsMoved) {
  TensorMap weights = some_weights(), other = weights;
  Optimizer first({}, weights), second({"sgd", {}}, other);
  first.step(weights, gradients_of(weights, 1), kRate);
  const TensorMap state = first.state();
  second = std::move(first);
  EXPECT_EQ(second.state(), state);
  EXPECT_EQ(second.steps(), 1);
  second.step(weights, gradients_of(weights, 2), kRate);
  EXPECT_EQ(second.steps(), 2);
}

// Everything before the colon of the list is in the message, and the code is `usage`.
void expect_refused(const OptimizerOptions &options, const std::string &part) {
  const TensorMap weights{{"w", random_tensor({3}, 1)}};
  try {
    const Optimizer optimizer(options, weights);
    ADD_FAILURE() << "not refused: " << part;
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ErrorCode::usage) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(Optimizer, RefusesWhatItsRuleHasNot) {
  expect_refused({"adamm", {}}, "no rule 'adamm'; there are: adam rmsprop sgd");
  expect_refused({"elementwise", {}}, "no rule 'elementwise'");
  expect_refused({"adam", {{"momentum", "0.9"}}}, "adam has no attribute 'momentum'; it has: beta1 beta2 epsilon");
  expect_refused({"adam", {{"beta1", "1"}}}, "adam needs beta1<1, got 1 and 1");
  expect_refused({"adam", {{"beta2", "-0.1"}}}, "adam needs beta2>=0");
  expect_refused({"adam", {{"epsilon", "-1e-8"}}}, "adam needs epsilon>=0");
  expect_refused({"adam", {{"beta1", "half"}}}, "attribute 'beta1' expects a number, got 'half'");
  expect_refused({"adam", {{"decoupled", "maybe"}}}, "decoupled=maybe is not built; built: false true");
  expect_refused({"rmsprop", {{"decay", "nan"}}}, "attribute 'decay' expects a number, got 'nan'");
}

TEST(Optimizer, RefusesStepsAndChangesNothing) {
  TensorMap weights = some_weights();
  Optimizer optimizer({}, weights);
  const TensorMap start = weights, state = optimizer.state(), gradients = gradients_of(weights, 1);
  const auto refusal = [&](TensorMap changed_weights, const TensorMap &changed_gradients, double rate) {
    const TensorMap before = changed_weights;
    const std::string message = message_of([&] { optimizer.step(changed_weights, changed_gradients, rate); });
    EXPECT_EQ(changed_weights, before) << message;
    EXPECT_EQ(optimizer.state(), state) << message;
    EXPECT_EQ(optimizer.steps(), 0) << message;
    return message;
  };
  TensorMap misshapen = gradients, half = gradients, stranger = start;
  misshapen["norm.scale"] = random_tensor({1, 1}, 5);
  half["norm.scale"].dtype = DType::f16;
  stranger["norm.shift"] = random_tensor({1}, 5);
  TensorMap with_stranger = gradients;
  with_stranger["norm.shift"] = random_tensor({1}, 5);
  TensorMap reshaped = start, of_reshaped = gradients;
  reshaped["norm.scale"] = of_reshaped["norm.scale"] = random_tensor({1, 1}, 5);
  EXPECT_EQ(refusal(start, misshapen, kRate),
            "optimizer: gradient of norm.scale: expected float32 [1], got F32 [1, 1]");
  EXPECT_EQ(refusal(start, half, kRate), "optimizer: gradient of norm.scale: expected float32 [1], got F16 [1]");
  EXPECT_EQ(refusal(stranger, with_stranger, kRate), "optimizer: there is no state for weight 'norm.shift'");
  EXPECT_EQ(refusal(reshaped, of_reshaped, kRate),
            "optimizer: weight norm.scale: expected float32 [1], got F32 [1, 1]");
  for (const double rate : {-1e-3, std::numeric_limits<double>::quiet_NaN(), 1e39})
    EXPECT_NE(refusal(start, gradients, rate).find("the learning rate must be a number from 0, got"),
              std::string::npos);
  EXPECT_EQ(message_of([] {
              StoredTensor labels;
              labels.dtype = DType::i64;
              labels.shape = {0};
              Optimizer({}, {{"steps", labels}});
            }),
            "optimizer: weight steps: expected float32 [0], got I64 [0]");
}

TEST(Optimizer, RestoreListsAllThatIsWrong) {
  TensorMap weights{{"a", random_tensor({2, 3}, 1)}, {"b", random_tensor({4}, 2)}};
  Optimizer optimizer({}, weights);
  optimizer.step(weights, gradients_of(weights, 1), kRate);
  const TensorMap state = optimizer.state();
  TensorMap wrong = state;
  wrong.erase("a.first_moment");
  wrong["a.second_moment"] = random_tensor({3, 2}, 3);
  wrong["c.first_moment"] = random_tensor({1}, 3);
  try {
    optimizer.restore(wrong, -1);
    ADD_FAILURE() << "not refused";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_file);
    EXPECT_STREQ(
        error.what(),
        "optimizer state: missing: a.first_moment; misshapen: a.second_moment: expected float32 [2, 3], got F32 "
        "[3, 2]; unexpected: c.first_moment; number of steps: expected 0 or more, got -1");
  }
  EXPECT_EQ(optimizer.state(), state);
  EXPECT_EQ(optimizer.steps(), 1);
}

StoredTensor values_of(const std::vector<float> &values) {
  return StoredTensor::of_f32({static_cast<int64_t>(values.size())}, values.data());
}

constexpr float kInfinity = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();

TEST(ClipGradients, ScalesWhatIsLonger) {
  const TensorMap start{{"a", values_of({3, 0, -4})}, {"b", values_of({12})}};
  TensorMap gradients = start;
  EXPECT_EQ(clip_gradients(gradients, 13), 13);
  EXPECT_EQ(gradients, start);
  EXPECT_EQ(clip_gradients(gradients, 3.25), 13);
  EXPECT_EQ(gradients.at("a"), values_of({0.75f, 0, -1}));
  EXPECT_EQ(gradients.at("b"), values_of({3}));
  // A square that float32 has no room for.
  TensorMap large{{"a", values_of({3e30f, 4e30f})}};
  EXPECT_NEAR(clip_gradients(large, 1), 5e30, 1e24);
  EXPECT_NEAR(large.at("a").f32()[0], 0.6f, 1e-7f);
  TensorMap none;
  EXPECT_EQ(clip_gradients(none, 1), 0);
}

TEST(ClipGradients, LeavesWhatIsNotFinite) {
  for (const float value : {kInfinity, kNan}) {
    TensorMap gradients{{"a", values_of({100, value})}};
    EXPECT_FALSE(std::isfinite(clip_gradients(gradients, 1)));
    EXPECT_EQ(gradients.at("a").f32()[0], 100);
  }
  TensorMap gradients;
  for (const double norm : {0.0, -1.0, std::nan("")})
    EXPECT_NE(message_of([&] { clip_gradients(gradients, norm); }).find("must be more than 0"), std::string::npos);
}

TEST(UpdateAverage, MovesTowardsTheWeights) {
  StoredTensor count;
  count.dtype = DType::u8;
  count.shape = {1};
  count.bytes = {std::byte{7}};
  TensorMap average{{"a", values_of({1, -2})}, {"n", count}, {"other", values_of({5})}};
  count.bytes = {std::byte{9}};
  update_average(average, {{"a", values_of({5, 2})}, {"n", count}}, 0.75);
  EXPECT_EQ(average.at("a"), values_of({2, -1}));
  EXPECT_EQ(average.at("n"), count);
  EXPECT_EQ(average.at("other"), values_of({5}));
  const auto refusal = [&](const TensorMap &weights, double decay) {
    return message_of([&] { update_average(average, weights, decay); });
  };
  EXPECT_EQ(refusal({{"b", values_of({1})}}, 0.5), "update_average: there is no average of 'b'");
  EXPECT_EQ(refusal({{"a", values_of({1})}}, 0.5), "update_average: a: expected float32 [2], got F32 [1]");
  EXPECT_EQ(refusal({}, 1.5), "update_average: the decay is 0 to 1, got 1.5");
}

TEST(FirstNonFinite, NamesTheTensor) {
  TensorMap tensors{{"conv1.weight", values_of({1, 2})}, {"conv2.bias", values_of({1, 2, 3})}};
  EXPECT_EQ(first_non_finite(tensors), "");
  for (const float value : {kInfinity, -kInfinity, kNan}) {
    tensors["conv2.bias"] = values_of({1, 2, value});
    EXPECT_EQ(first_non_finite(tensors), "conv2.bias");
  }
  tensors["conv1.weight"] = values_of({kNan, 1});
  EXPECT_EQ(first_non_finite(tensors), "conv1.weight");
}

}  // namespace
}  // namespace sluice
