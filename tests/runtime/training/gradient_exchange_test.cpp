// SPDX-License-Identifier: Apache-2.0
// Means of gradients over processes: the bits of sums in double in the order of the ranks, in all of them.
#include "runtime/training/gradient_exchange.h"

#include <gtest/gtest.h>

#include <random>

#include "runtime/process_group.h"
#include "tests/runtime/trainer/thread_group.h"
#include "tests/support/message_of.h"

namespace sluice::testing {
namespace {

// More than one segment in all, and in one tensor; a tensor of one number.
TensorMap random_gradients(unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  TensorMap gradients;
  for (const auto &[name, size] : std::map<std::string, int64_t>{{"a", 7}, {"b", 300'001}, {"c", 1}, {"d", 600'000}}) {
    StoredTensor &tensor = gradients[name] = StoredTensor::of_f32({size});
    for (int64_t i = 0; i < size; i++) tensor.f32()[i] = normal(engine) * (i % 3 == 0 ? 1e6f : 1.0f);
  }
  return gradients;
}

TEST(GradientExchange, MeansHaveTheBitsOfOrderedSums) {
  const std::vector<std::string> order = {"d", "c", "b", "a"};
  for (const int processes : {1, 2, 3, 4}) {
    std::vector<TensorMap> given, made(static_cast<size_t>(processes));
    for (int i = 0; i < processes; i++) given.push_back(random_gradients(static_cast<unsigned>(i)));
    const auto errors = ThreadGroups(processes).run([&](ProcessGroup &group) {
      TensorMap gradients = given[static_cast<size_t>(group.rank())];
      GradientExchange exchange(group, gradients, order);
      EXPECT_GT(exchange.segments(), 3u);
      for (int step = 0; step < 3; step++) {  // the buffers serve every step
        gradients = given[static_cast<size_t>(group.rank())];
        for (const std::string &name : order) exchange.add(name, gradients.at(name));
        exchange.finish(gradients);
      }
      made[static_cast<size_t>(group.rank())] = gradients;
    });
    for (const std::string &error : errors) EXPECT_EQ(error, "");
    TensorMap expected = given[0];
    for (auto &[name, tensor] : expected) {
      for (int64_t i = 0; i < tensor.elements(); i++) {
        double sum = 0;
        for (const TensorMap &one : given) sum += static_cast<double>(one.at(name).f32()[i]);
        tensor.f32()[i] = static_cast<float>(sum / processes);
      }
    }
    for (const TensorMap &one : made) EXPECT_TRUE(one == expected) << processes << " processes";
  }
}

TEST(GradientExchange, RefusesAnotherOrder) {
  TensorMap gradients = random_gradients(1);
  GradientExchange exchange(alone(), gradients, {"a", "b"});
  EXPECT_NE(message_of([&] { exchange.add("b", gradients.at("b")); }).find("another order"), std::string::npos);
  EXPECT_NE(message_of([&] { exchange.finish(gradients); }).find("missing"), std::string::npos);
}

}  // namespace
}  // namespace sluice::testing
