// SPDX-License-Identifier: Apache-2.0
// The variances that the formulas promise, measured.
#include "runtime/training/initialisation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "runtime/noise.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

struct Moments {
  double mean = 0, variance = 0, largest = 0;
};

template <typename List>
Moments moments(const List &values) {
  Moments of;
  const auto count = static_cast<double>(values.size());
  for (const auto v : values) {
    of.mean += static_cast<double>(v) / count;
    of.variance += static_cast<double>(v) * static_cast<double>(v) / count;
    of.largest = std::max(of.largest, std::fabs(static_cast<double>(v)));
  }
  of.variance -= of.mean * of.mean;
  return of;
}

std::vector<float> filled(size_t count, Distribution distribution, double variance, uint64_t stream = 3) {
  std::vector<float> values(count);
  fill_random(values, distribution, variance, 17, stream);
  return values;
}

// Five standard deviations of the estimates; the fourth moment of a normal variable is the largest of the three.
TEST(FillRandom, HasTheVarianceItPromises) {
  constexpr size_t kCount = 400000;
  constexpr double kVariance = 0.37;
  const double bound = 5 / std::sqrt(static_cast<double>(kCount));
  for (const auto distribution : {Distribution::normal, Distribution::truncated_normal, Distribution::uniform}) {
    const Moments of = moments(filled(kCount, distribution, kVariance));
    EXPECT_NEAR(of.mean, 0, bound * std::sqrt(kVariance)) << static_cast<int>(distribution);
    EXPECT_NEAR(of.variance / kVariance, 1, bound * std::sqrt(2)) << static_cast<int>(distribution);
  }
}

TEST(FillRandom, StaysWithinItsCut) {
  constexpr size_t kCount = 400000;
  const double uniform = moments(filled(kCount, Distribution::uniform, 2)).largest;
  EXPECT_LE(uniform, std::sqrt(6) * (1 + 1e-7));
  EXPECT_GE(uniform, std::sqrt(6) * 0.9999);
  const double cut = 2 / std::sqrt(0.77374130355);  // deviations of the result
  const double truncated = moments(filled(kCount, Distribution::truncated_normal, 1)).largest;
  EXPECT_LE(truncated, cut * (1 + 1e-7));
  EXPECT_GE(truncated, cut * 0.999);
  EXPECT_GT(moments(filled(kCount, Distribution::normal, 1)).largest, 4);
}

TEST(FillRandom, IsAFunctionOfSeedStreamAndPosition) {
  const std::vector<float> whole = filled(1000, Distribution::normal, 1), again = filled(1000, Distribution::normal, 1);
  EXPECT_EQ(whole, again);
  const std::vector<float> shorter = filled(10, Distribution::normal, 1);
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), whole.begin()));
  EXPECT_NE(filled(10, Distribution::normal, 1, 4), shorter);
  EXPECT_EQ(whole[5], static_cast<float>(normal_number(17, 3, 5)));
  EXPECT_EQ(filled(3, Distribution::normal, 0), std::vector<float>(3, 0.0f));
  EXPECT_THROW(filled(3, Distribution::normal, -1), Error);
  EXPECT_THROW(filled(3, Distribution::normal, NAN), Error);
}

TEST(StreamOf, IsFnv1a) {
  EXPECT_EQ(stream_of(""), 0xcbf29ce484222325u);
  EXPECT_EQ(stream_of("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(stream_of("foobar"), 0x85944171f73967e8u);
}

TEST(Variances, FollowTheFormulas) {
  const Fan fan = fan_of({64, 32, 3, 5});
  EXPECT_EQ(fan.in, 480);
  EXPECT_EQ(fan.out, 960);
  EXPECT_EQ(fan_of({10, 7}).in, 7);
  EXPECT_THROW(fan_of({10}), Error);
  EXPECT_DOUBLE_EQ(kaiming_variance(fan.in, squared_gain("relu")), 2.0 / 480);
  EXPECT_DOUBLE_EQ(kaiming_variance(fan.in, squared_gain("leaky_relu", 0.1)), 2.0 / 1.01 / 480);
  EXPECT_DOUBLE_EQ(kaiming_variance(fan.in, squared_gain("none")), 1.0 / 480);
  EXPECT_DOUBLE_EQ(glorot_variance(fan), 2.0 / 1440);
  EXPECT_THROW(kaiming_variance(0, 2), Error);
  EXPECT_THROW(squared_gain("softmax"), Error);
}

// Normal of variance 1.3 * 2 / fan_in, cut at two of its deviations: fill_random gives just that.
TEST(Variances, GuideNetsIsANormalCutAtTwoDeviations) {
  const double parent = 1.3 * 2 / 288;
  const std::vector<float> values = filled(100000, Distribution::truncated_normal, guidenet_variance(288));
  EXPECT_NEAR(moments(values).largest, 2 * std::sqrt(parent), 2e-3 * std::sqrt(parent));
  EXPECT_NEAR(moments(values).variance, 2.0 / 288, 0.03 * 2 / 288);
}

// A ReLU layer whose pre-activations are as large as the gain asks keeps the second moment.
TEST(Variances, KaimingKeepsTheSecondMoment) {
  for (const auto &[activation, slope] : {std::pair<const char *, double>{"relu", 0}, {"leaky_relu", 0.2}}) {
    constexpr size_t kWidth = 256, kDepth = 8;
    const double variance = kaiming_variance(kWidth, squared_gain(activation, slope));
    std::vector<float> x = filled(kWidth, Distribution::normal, 1);
    double growth = 0;
    constexpr int kNetworks = 12;
    for (uint64_t network = 0; network < kNetworks; network++) {
      std::vector<float> now = x;
      for (uint64_t layer = 0; layer < kDepth; layer++) {
        const auto weight = filled(kWidth * kWidth, Distribution::normal, variance, 100 * network + layer + 10);
        std::vector<float> next(kWidth);
        for (size_t o = 0; o < kWidth; o++) {
          float sum = 0;
          for (size_t i = 0; i < kWidth; i++) sum += weight[o * kWidth + i] * now[i];
          next[o] = sum > 0 ? sum : static_cast<float>(slope) * sum;
        }
        now = next;
      }
      growth += moments(now).variance + std::pow(moments(now).mean, 2);
    }
    EXPECT_NEAR(growth / kNetworks / moments(x).variance, 1, 0.35) << activation;
  }
}

// A head of `made` rows over embeddings: the variance of what it makes, over heads and embeddings.
double made_variance(const GeneratedWeight &weight, double head_variance, bool rectified) {
  constexpr size_t kMade = 400;
  constexpr uint64_t kEmbeddings = 300;
  const size_t terms = static_cast<size_t>(weight.terms);
  const std::vector<float> head = filled(kMade * terms, Distribution::uniform, head_variance);
  // A rectified normal variable of variance v has the mean square v / 2.
  const double deviation = std::sqrt(weight.mean_square * (rectified ? 2 : 1));
  double squares = 0;
  for (uint64_t e = 0; e < kEmbeddings; e++) {
    std::vector<double> hidden(terms);
    for (size_t i = 0; i < terms; i++) {
      hidden[i] = deviation * normal_number(5, e, i);
      if (rectified) hidden[i] = std::max(hidden[i], 0.0);
    }
    for (size_t o = 0; o < kMade; o++) {
      double sum = 0;
      for (size_t i = 0; i < terms; i++) sum += static_cast<double>(head[o * terms + i]) * hidden[i];
      squares += sum * sum;
    }
  }
  return squares / (kMade * kEmbeddings);
}

TEST(Hyperfan, MainWeightsHaveTheKaimingVariance) {
  for (const bool rectified : {false, true}) {
    GeneratedWeight weight;
    weight.main = fan_of({32, 48, 3, 3});
    weight.terms = 64;
    weight.mean_square = 0.6;
    const double forward = kaiming_variance(weight.main.in, 2), backward = 2 / weight.main.out;
    EXPECT_NEAR(made_variance(weight, hyperfan_in_variance(weight), rectified) / forward, 1, 0.1) << rectified;
    EXPECT_NEAR(made_variance(weight, hyperfan_out_variance(weight), rectified) / backward, 1, 0.1) << rectified;
    weight.squared_gain = 1;
    EXPECT_NEAR(made_variance(weight, hyperfan_in_variance(weight), rectified) * weight.main.in, 1, 0.1) << rectified;
  }
}

// What the formulas are for: a plainly initialised head makes weights as large as the embedding.
TEST(Hyperfan, PlainInitialisationOfTheHeadIsFarOff) {
  GeneratedWeight weight;
  weight.main = fan_of({32, 48, 3, 3});
  weight.terms = 64;
  const double made = made_variance(weight, kaiming_variance(weight.terms, 2), false);
  EXPECT_GT(made / kaiming_variance(weight.main.in, 2), 100);
}

TEST(Hyperfan, GuidedConvolutionsHaveTheKaimingVarianceToo) {
  struct {
    GuidedKind kind;
    double in, out;
  } const fans[] = {
      {GuidedKind::local, 12 * 9, 20 * 9}, {GuidedKind::channelwise, 9, 9}, {GuidedKind::depthwise, 12, 20}};
  for (const auto &[kind, in, out] : fans) {
    const Fan fan = guided_fan(kind, 12, 20, 9);
    EXPECT_EQ(fan.in, in);
    EXPECT_EQ(fan.out, out);
    const GeneratedWeight weight = guided_weight(fan, 8, 9, 0.5);  // 3x3 over 8 channels behind a ReLU
    EXPECT_EQ(weight.terms, 72);
    EXPECT_NEAR(made_variance(weight, hyperfan_in_variance(weight), true) * in, 2, 0.2);
    EXPECT_NEAR(made_variance(weight, hyperfan_out_variance(weight), true) * out, 2, 0.2);
  }
}

// With a generated bias the two share: the pre-activation's second moment is c times that of an input of 1.
TEST(Hyperfan, WeightAndBiasShareTheMoment) {
  GeneratedWeight weight;
  weight.main = fan_of({32, 48, 3, 3});
  weight.terms = 64;
  weight.mean_square = 0.6;
  weight.bias_generated = true;
  const double forward = made_variance(weight, hyperfan_in_variance(weight), false) * weight.main.in +
                         made_variance(weight, hyperfan_in_bias_variance(weight), false);
  EXPECT_NEAR(forward, 2, 0.15);
  weight.main = {100, 400};
  const double backward = made_variance(weight, hyperfan_out_variance(weight), false) * weight.main.in +
                          made_variance(weight, hyperfan_out_bias_variance(weight), false);
  EXPECT_NEAR(backward, 2, 0.15);
  weight.main = {400, 100};
  EXPECT_EQ(hyperfan_out_bias_variance(weight), 0);
}

}  // namespace
}  // namespace sluice
