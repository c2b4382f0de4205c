// SPDX-License-Identifier: Apache-2.0
// Every schedule at the steps where something happens, and every text that is refused.
#include "runtime/training/learning_rate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/support/message_of.h"

namespace sluice {
namespace {

using testing::message_of;

// Rates at steps, to rounding.
void expect_rates(const std::string &text, const std::map<int64_t, double> &rates) {
  const LearningRate rate = LearningRate::parse(text);
  for (const auto &[step, expected] : rates)
    EXPECT_NEAR(rate.at(step), expected, 1e-12 * std::fabs(expected) + 1e-18) << text << " at " << step;
}

TEST(LearningRate, Constant) {
  expect_rates("1e-4", {{0, 1e-4}, {1, 1e-4}, {1000000000000, 1e-4}});
  expect_rates("  constant   0.5 ", {{0, 0.5}, {7, 0.5}});
}

TEST(LearningRate, Step) {
  expect_rates("step 1e-3 every=5000 factor=0.5",
               {{0, 1e-3}, {4999, 1e-3}, {5000, 5e-4}, {9999, 5e-4}, {10000, 2.5e-4}, {50000, 1e-3 / 1024}});
}

// GuideNet: 20 epochs, halved at 5, 10 and 15.
TEST(LearningRate, Multistep) {
  expect_rates("multistep 1e-3 at=5,10,15 factor=0.5",
               {{0, 1e-3}, {4, 1e-3}, {5, 5e-4}, {9, 5e-4}, {10, 2.5e-4}, {15, 1.25e-4}, {100, 1.25e-4}});
  expect_rates("multistep 2 at=0 factor=10", {{0, 20}, {1, 20}});
}

TEST(LearningRate, Cosine) {
  expect_rates("cosine 1e-3 steps=1000", {{0, 1e-3}, {500, 5e-4}, {1000, 0}, {5000, 0}});
  expect_rates("cosine 1e-3 steps=300 floor=1e-4",
               {{0, 1e-3}, {100, 1e-4 + 9e-4 * 0.75}, {200, 1e-4 + 9e-4 * 0.25}, {300, 1e-4}, {301, 1e-4}});
}

TEST(LearningRate, Linear) {
  expect_rates("linear 1e-4 from=80 steps=10", {{0, 1e-4}, {80, 1e-4}, {81, 9e-5}, {85, 5e-5}, {90, 0}, {91, 0}});
  expect_rates("linear 2 from=0 steps=4 floor=1", {{0, 2}, {1, 1.75}, {4, 1}, {9, 1}});
}

// 1 - max(0, e + 1 + 1 - niter) / (niter_decay + 1) in epoch e, from 0, of 7 steps each.
TEST(LearningRate, LinearByEpochsIsThatOfSketchAndFill) {
  constexpr int64_t kEpochs = 8, kDecay = 3, kSteps = 7;
  const LearningRate rate = LearningRate::parse("linear 1e-4 from=42 steps=28 every=7");
  for (int64_t step = 0; step < (kEpochs + kDecay) * kSteps; step++) {
    const int64_t late = std::max<int64_t>(0, step / kSteps + 2 - kEpochs);
    const double expected = 1e-4 * (1 - static_cast<double>(late) / static_cast<double>(kDecay + 1));
    ASSERT_NEAR(rate.at(step), expected, 1e-18) << step;
  }
}

TEST(LearningRate, Poly) {
  expect_rates("poly 1e-2 steps=100 power=2", {{0, 1e-2}, {50, 2.5e-3}, {90, 1e-4}, {100, 0}, {200, 0}});
  expect_rates("poly 1 steps=100 power=0.9 floor=0.1", {{50, 0.1 + 0.9 * std::pow(0.5, 0.9)}, {100, 0.1}});
}

TEST(LearningRate, WarmUp) {
  expect_rates("1e-3 warmup=4", {{0, 2.5e-4}, {1, 5e-4}, {2, 7.5e-4}, {3, 1e-3}, {4, 1e-3}});
  expect_rates("step 1 every=2 factor=0.5 warmup=4", {{0, 0.25}, {1, 0.5}, {2, 0.375}, {3, 0.5}, {4, 0.25}});
  expect_rates("cosine 1 steps=100 warmup=0", {{0, 1}});
}

TEST(LearningRate, ChangesOnlyEverySoManySteps) {
  expect_rates("poly 1 steps=10 power=1 every=5", {{0, 1}, {4, 1}, {5, 0.5}, {9, 0.5}, {10, 0}});
  expect_rates("cosine 1 steps=100 every=50", {{49, 1}, {50, 0.5}, {99, 0.5}, {100, 0}});
}

TEST(LearningRate, RefusesOtherTexts) {
  const std::map<std::string, std::string> all = {
      {"", "it is empty"},
      {" ", "it is empty"},
      {"cosin 1e-3", "no schedule 'cosin'; there are: constant step multistep cosine linear poly"},
      {"nan", "no schedule 'nan'"},
      {"step", "the rate is missing"},
      {"step x every=5 factor=0.5", "rate is no number: 'x'"},
      {"0", "the rate must be more than 0, got 0"},
      {"constant -1e-3", "the rate must be more than 0, got -1e-3"},
      {"1e-3 5", "expected key=value, got '5'"},
      {"1e-3 factor=2", "constant has no 'factor'"},
      {"1e-3 warmup=1 warmup=2", "'warmup' is said twice"},
      {"1e-3 warmup=-1", "warmup is a whole number from 0, got '-1'"},
      {"step 1e-3 factor=0.5", "step needs every="},
      {"step 1e-3 every=5", "step needs factor="},
      {"step 1e-3 every=0 factor=0.5", "every is a whole number from 1, got '0'"},
      {"step 1e-3 every=2.5 factor=0.5", "every is a whole number from 1, got '2.5'"},
      {"step 1e-3 every=5 factor=0", "factor must be more than 0"},
      {"multistep 1e-3 factor=0.5", "multistep needs at="},
      {"multistep 1e-3 at= factor=0.5", "at is empty"},
      {"multistep 1e-3 at=5,5 factor=0.5", "at is a list of ascending whole numbers, got '5'"},
      {"multistep 1e-3 at=5,x factor=0.5", "at is a list of ascending whole numbers, got 'x'"},
      {"cosine 1e-3", "cosine needs steps="},
      {"cosine 1e-3 steps=100 floor=1e-2", "floor is 0 to the rate"},
      {"cosine 1e-3 steps=100 floor=-1", "floor is 0 to the rate"},
      {"cosine 1e-3 steps=100 every=0", "every is a whole number from 1, got '0'"},
      {"linear 1e-3 steps=100", "linear needs from="},
      {"poly 1e-3 steps=100", "poly needs power="},
      {"poly 1e-3 steps=100 power=0", "power must be more than 0"},
      {"poly 1e-3 steps=99999999999999999999 power=1", "steps is a whole number from 1"},
  };
  for (const auto &[text, what] : all) {
    const std::string message = message_of([&text = text] { LearningRate::parse(text); });
    EXPECT_TRUE(message.starts_with("learning rate '" + text + "': " + what)) << message;
  }
}

}  // namespace
}  // namespace sluice
