// SPDX-License-Identifier: Apache-2.0
// Passes in memory that is used again, and models whose weights are replaced: the bits of fresh ones.
#include "runtime/training/training_pass.h"

#include "runtime/graph_file.h"
#include "runtime/tensor_layout.h"
#include "runtime/trainer/start_weights.h"
#include "runtime/training/gradients.h"
#include "runtime/training/optimizer.h"
#include "tests/runtime/trainer/trainer_support.h"
#include "tests/support/message_of.h"

namespace sluice::testing {
namespace {

constexpr int64_t kSide = 16, kBatch = 3;

Graph tiny_graph() {
  register_training();
  return read_graph(training_fixture("tiny.graph"), parse_options(LoadOptions()));
}

TensorMap weights_of(uint64_t seed, const RecipeNetwork &network = {}) {
  RecipeData data;
  data.width = data.height = kSide;
  NetworkWeights weights = start_weights(tiny_graph(), network, data, seed, "");
  EXPECT_TRUE(weights.state.empty());
  return weights.parameters;
}

TensorMap inputs_of(uint64_t number) {
  const Recipe recipe = recipe_fixture("tiny.recipe");
  return BatchSource(recipe, "", 1, nullptr).batch("train", number, "bgr", kBatch);
}

TensorMap upstream() {
  StoredTensor gradient = StoredTensor::of_f32({kBatch, 3, kSide, kSide});
  for (int64_t i = 0; i < gradient.elements(); i++) gradient.f32()[i] = static_cast<float>(i % 7) - 3;
  return {{"filled", gradient}};
}

TEST(TrainingPass, UsedAgainHasTheBitsOfAFreshOne) {
  Model model(tiny_graph(), weights_of(1), {});
  PassOptions options;
  options.seeded = {"filled"};
  options.input_gradients = true;
  TrainingPass pass(model, shapes_of(inputs_of(0)), options);
  for (const uint64_t number : {0, 1, 2, 1}) {
    const TensorMap inputs = inputs_of(number);
    pass.forward(inputs);
    pass.backward(upstream());
    const TensorMap fresh = gradients(model, inputs, upstream());
    EXPECT_TRUE(read_output(pass.value("filled")) == model.run(inputs).at("filled"));
    for (const auto &[name, gradient] : pass.weight_gradients()) EXPECT_TRUE(gradient == fresh.at(name)) << name;
    EXPECT_EQ(pass.weight_gradients().size() + 2, fresh.size());  // image and mask
  }
}

TEST(TrainingPass, ComputesOnlyWhatIsWanted) {
  const Model model(tiny_graph(), weights_of(1), {});
  const TensorMap inputs = inputs_of(0), all = gradients(model, inputs, upstream());
  PassOptions options;
  options.seeded = {"filled"};
  options.wanted = [](const std::string &name) { return name == "second.bias"; };
  TrainingPass pass(model, shapes_of(inputs), options);
  pass.forward(inputs);
  pass.backward(upstream());
  ASSERT_EQ(pass.weight_gradients().size(), 1u);
  EXPECT_TRUE(pass.weight_gradients().at("second.bias") == all.at("second.bias"));
}

TEST(TrainingPass, AdjointsShareMemory) {
  const Model model(tiny_graph(), weights_of(1), {});
  PassOptions options;
  options.seeded = {"filled"};
  const TrainingPass pass(model, shapes_of(inputs_of(0)), options);
  EXPECT_LT(pass.arena_bytes(), 2 * pass.plan().arena_bytes());
}

TEST(TrainingPass, NamesTheFirstTensorThatIsNotFinite) {
  TensorMap weights = weights_of(1);
  weights.at("second.bias").f32()[1] = std::numeric_limits<float>::infinity();
  const Model model(tiny_graph(), weights, {});
  PassOptions options;
  options.seeded = {"filled"};
  TrainingPass pass(model, shapes_of(inputs_of(0)), options);
  pass.forward(inputs_of(0));
  EXPECT_EQ(pass.first_non_finite_value(), "second");
}

TEST(Model, WithReplacedWeightsIsThatOfTheOtherWeights) {
  const TensorMap inputs = inputs_of(0);
  for (const char *algorithm : {"fastest", "direct"}) {
    LoadOptions load;
    load.algorithm = algorithm;
    const Model other(tiny_graph(), weights_of(2), load);
    Model model(tiny_graph(), weights_of(1), load);
    EXPECT_FALSE(model.run(inputs).at("filled") == other.run(inputs).at("filled"));
    model.replace_weights(weights_of(2));
    EXPECT_TRUE(model.run(inputs).at("filled") == other.run(inputs).at("filled"));
    EXPECT_TRUE(model.weights() == other.weights());
  }
  Model model(tiny_graph(), weights_of(1), {});
  EXPECT_NE(message_of([&] {
              model.replace_weights({{"third.bias", StoredTensor::of_f32({3})}});
            }).find("has no weight 'third.bias'"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              model.replace_weights({{"second.bias", StoredTensor::of_f32({4})}});
            }).find("'second.bias' has shape [3], got [4]"),
            std::string::npos);
}

TEST(StartWeights, HaveTheVarianceOfTheirFormula) {
  RecipeNetwork network;
  network.name = "generator";
  network.parameters["width"] = "8";
  const auto variance = [](const StoredTensor &tensor) {
    double sum = 0;
    for (int64_t i = 0; i < tensor.elements(); i++) sum += tensor.f32()[i] * tensor.f32()[i];
    return sum / static_cast<double>(tensor.elements());
  };
  const std::string name = "first.feature_weight";  // [8 4 3 3]: fan-in 36, fan-out 72
  const double glorot = variance(weights_of(1, network).at(name));
  EXPECT_NEAR(glorot, 2.0 / (36 + 72), 0.15 * glorot);  // 288 numbers: 3 deviations are 0.16
  network.gain = 2;
  EXPECT_NEAR(variance(weights_of(1, network).at(name)), 4 * glorot, 1e-6);
  network.gain = 1, network.initial = "kaiming";
  EXPECT_NEAR(variance(weights_of(1, network).at(name)), glorot * (36 + 72) / 36, 1e-6);
  EXPECT_EQ(weights_of(1, network).at("first.feature_bias").f32()[0], 0);
  network.name = "other";  // each network has numbers of its own
  EXPECT_FALSE(weights_of(1, network).at(name) == weights_of(1).at(name));
}

TEST(StartWeights, ComeFromAFileThatFits) {
  const TemporaryFolder folder;
  RecipeData data;
  data.width = data.height = kSide;
  TensorMap weights = weights_of(5);
  write_safetensors(folder / "w.safetensors", {weights, {}});
  EXPECT_TRUE(start_weights(tiny_graph(), {}, data, 1, folder / "w.safetensors").parameters == weights);
  weights.erase("second.bias");
  weights["extra"] = StoredTensor::of_f32({1});
  write_safetensors(folder / "w.safetensors", {weights, {}});
  const std::string message = message_of([&] { start_weights(tiny_graph(), {}, data, 1, folder / "w.safetensors"); });
  EXPECT_NE(message.find("second.bias (expected [3], got nothing) extra (unexpected)"), std::string::npos) << message;
}

TEST(TrainingState, OfAnArchiveIsCheckedKeyByKey) {
  TrainingState state;
  state.step = 12, state.seed = UINT64_MAX, state.best_loss = 0.1;
  state.parameters["g.w"] = StoredTensor::of_f32({2});
  state.average["g.w"] = StoredTensor::of_f32({2});
  state.optimizers["s"] = {{{"g.w.first_moment", StoredTensor::of_f32({2})}}, 11};
  const Archive archive = state_archive(state, "text");
  std::string text;
  const TrainingState again = state_of_archive(archive, "file", text);
  EXPECT_EQ(text, "text");
  const Archive twice = state_archive(again, text);
  EXPECT_EQ(twice.metadata, archive.metadata);
  EXPECT_TRUE(twice.tensors == archive.tensors);
  for (const auto &[key, value] : archive.metadata) {
    if (key == "project") continue;
    Archive without = archive, strange = archive;
    without.metadata.erase(key);
    strange.metadata[key] = "?";
    // Older checkpoints do not say the number of pictures an update.
    EXPECT_EQ(message_of([&] { state_of_archive(without, "file", text); }) == "no error", key == "batch") << key;
    EXPECT_NE(message_of([&] { state_of_archive(strange, "file", text); }), "no error") << key;
  }
  Archive more = archive;
  more.tensors["other"] = StoredTensor::of_f32({1});
  EXPECT_EQ(message_of([&] { state_of_archive(more, "file", text); }), "file: unexpected tensor 'other'");
}

}  // namespace
}  // namespace sluice::testing
