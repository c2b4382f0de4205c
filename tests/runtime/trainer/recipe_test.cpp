// SPDX-License-Identifier: Apache-2.0
// Recipes: what a good one says, and the line that refuses each bad one. Graphs that steps are composed of.
#include "runtime/trainer/recipe.h"

#include "runtime/graph_file.h"
#include "runtime/kernel_table.h"
#include "runtime/trainer/step_graph.h"
#include "runtime/training/gradients.h"
#include "tests/runtime/trainer/trainer_support.h"
#include "tests/support/message_of.h"

namespace sluice::testing {
namespace {

TEST(Recipe, SaysWhatItsLinesSay) {
  const Recipe recipe = recipe_fixture("tiny.recipe", {{"size", "24"}});
  EXPECT_EQ(recipe.name, "tiny");
  ASSERT_EQ(recipe.networks.size(), 1u);
  EXPECT_EQ(recipe.networks[0].graph, "tiny.graph");
  EXPECT_EQ(recipe.networks[0].parameters.at("width"), "8");
  EXPECT_EQ(recipe.data.width, 24);
  EXPECT_EQ(recipe.data.batch, 4);
  ASSERT_EQ(recipe.data.kind->tensors().size(), 2u);
  EXPECT_EQ(recipe.data.kind->tensors()[0].shape, (std::vector<int64_t>{3, 24, 24}));
  EXPECT_EQ(recipe.data.kind->files(), NeedOfFiles::never);
  EXPECT_EQ(recipe.masks.rectangle->size.first, 12);
  EXPECT_EQ(recipe.masks.brush->width.second, 4);
  ASSERT_EQ(recipe.steps.size(), 1u);
  EXPECT_EQ(recipe.steps[0].optimizer.attributes.at("beta1"), "0.5");
  EXPECT_EQ(recipe.steps[0].learning_rate, "constant 0.01");
  EXPECT_EQ(recipe.steps[0].clip_norm, 10);
  EXPECT_EQ(recipe.checkpoint_keep, 2);
  EXPECT_EQ(recipe.most_skips, 2);
  EXPECT_EQ(recipe.sample.output, "filled");
}

TEST(Recipe, ShippedOnesParse) {
  int recipes = 0;
  for (const auto &entry :
       std::filesystem::directory_iterator(std::filesystem::path(SLUICE_SOURCE_DIR) / "models/recipes")) {
    if (entry.path().extension() != ".recipe") continue;
    EXPECT_EQ(read_recipe(entry.path()).name, entry.path().stem().string());
    recipes++;
  }
  EXPECT_GE(recipes, 2);
}

struct Bad {
  std::string from, to, message;
};

// One change of a good recipe each, and what is said of it.
const std::vector<Bad> kBad = {
    {"recipe tiny", "recipy tiny", ":2: unknown statement 'recipy'; did you mean 'recipe'?"},
    {"recipe tiny", "recipe tiny\nrecipe tiny", ":3: 'recipe' twice"},
    {"width=8", "wdth=8", "unknown parameter 'wdth'"},
    {"batch=4", "bacth=4",
     ":6: unknown key 'bacth'; known: size, batch, threads, mask_per, edges, flip; did you mean 'batch'?"},
    {"batch=4", "batch=0", ":6: batch is a whole number from 1 to 4096, got '0'"},
    {"batch=4", "batch=4.5", "batch is a whole number"},
    {"batch=4", "batch=4 batch=5", "'batch' twice"},
    {"size=size batch", "size=sise batch", "size is a whole number from 8 to 8192, got 'sise'"},
    {"data procedural", "data pictured",
     "a kind of data is pictures, procedural, depth, steerable, video, stereo, clips, sketches, "
     "sketched_pictures, got 'pictured'; did you mean 'pictures'?"},
    {"flip=true", "flip=yes", "flip is true or false, got 'yes'"},
    {"mask brush", "mask brsh", "a mask is 'mask brush ...' or 'mask rectangle ...'"},
    {"strokes=1,2", "strokes=2,1", "strokes begins with 2, above its end 1"},
    {"strokes=1,2", "strokes=1,2,3", "strokes is one number or two"},
    {"size=size/2", "size=size+1", "too large for pictures of 16"},
    {"trains=generator", "trains=genrator",
     ":9: step 'generator': trains names no network above: 'genrator'; did you mean 'generator'?"},
    {"  learning_rate constant rate\n", "", "step 'generator' has no 'learning_rate'"},
    {"learning_rate constant rate", "learning_rate sometimes rate", ":14: "},
    {"learning_rate constant rate", "learning_rate", "a rate is missing after 'learning_rate'"},
    {"clip norm=10", "clip norm=-1", ":15: norm is a number from"},
    {"optimizer adam", "optimizer", "a rule is missing after 'optimizer'"},
    {"\nend\n", "\n", "has no 'end'"},
    {"average decay=0.9", "average decay=1.5", "decay is a number from 0 to 0.9999999"},
    {"keep=2", "keep=1", "keep is a whole number from 2 to 1000"},
    {"run steps=20", "run steps=-1", "steps is a whole number from 1"},
    {"network=generator output", "network=critic output", "sample names no network above: 'critic'"},
    {"param size=16", "param size=16\nparam size=17", "already defined"},
    {"run steps=20 seed=3 skips=2", "param late=1", "parameters stand before everything but 'recipe'"},
};

// What loading the recipe, its network and its steps says.
std::string refusal(const std::string &text) {
  register_training();
  return message_of([&] {
    const Recipe recipe = parse_recipe(text, "r.recipe");
    std::map<std::string, Graph> networks;
    for (const RecipeNetwork &network : recipe.networks) {
      ParseOptions parse;
      parse.overrides = network.parameters, parse.mode = "train";
      parse.composites = &KernelTable::linked().composites();
      networks[network.name] = read_graph(training_fixture(network.graph), parse);
    }
    for (const RecipeStep &step : recipe.steps)
      compose_step(recipe, step, networks, KernelTable::linked().composites());
  });
}

std::string changed(const std::string &from, const std::string &to) {
  std::string text = text_of(training_fixture("tiny.recipe"));
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Recipe, RefusesWithFileAndLine) {
  EXPECT_EQ(refusal(text_of(training_fixture("tiny.recipe"))), "no error");
  for (const Bad &bad : kBad) {
    const std::string message = refusal(changed(bad.from, bad.to));
    EXPECT_NE(message.find(bad.message), std::string::npos) << bad.to << "\n  " << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

const std::vector<Bad> kBadSteps = {
    {"from image,mask", "from image", ":10: call 'generator': model tiny reads image,mask, got 1 tensors"},
    {"from image,mask", "from mask,image", "'mask' has 1 channels, not what input 'image' takes"},
    {"from image,mask", "from imag,mask", "no line above makes tensor 'imag'; did you mean 'image'?"},
    {"call generator", "call generater", "there is no such network; did you mean 'generator'?"},
    {"generator.made,image", "generator.maid,image",
     ":11: node 'l1': no line above makes tensor 'generator.maid'; did you mean 'generator.made'?"},
    {"  minimise l1 weight=1", "  loss other from image,mask loss=l1", "there is no 'minimise'"},
    {"minimise l1", "minimise l2", ":12: minimise 'l2': no line above makes tensor 'l2'"},
    {"minimise l1 weight=1", "minimise l1 wieght=1", "unknown key 'wieght'; known: weight; did you mean 'weight'?"},
    {"  minimise l1 weight=1", "  minimise l1\n  minimise l1", ":13: minimise 'l1': already minimised"},
    {"  minimise l1 weight=1", "  output l1", "a step has no 'output' lines"},
    {"  call generator from image,mask", "  call generator from image,mask\n  call generator",
     "give the call another name"},
    {"loss l1 from", "loss image from", "'image' is a tensor of the data"},
    {"  call generator from image,mask\n  loss l1 from generator.made,image", "  loss l1 from image,image",
     "it trains 'generator', which it does not call"},
};

TEST(StepGraph, RefusesWithFileAndLine) {
  for (const Bad &bad : kBadSteps) {
    const std::string message = refusal(changed(bad.from, bad.to));
    EXPECT_NE(message.find(bad.message), std::string::npos) << bad.to << "\n  " << message;
  }
}

TEST(StepGraph, CallsShareWeightsAndHaveTensorsOfTheirOwn) {
  const Recipe recipe = recipe_fixture("adversarial.recipe");
  register_training();
  std::map<std::string, Graph> networks;
  for (const RecipeNetwork &network : recipe.networks) {
    ParseOptions parse;
    parse.overrides = network.parameters, parse.mode = "train";
    parse.composites = &KernelTable::linked().composites();
    networks[network.name] = read_graph(training_fixture(network.graph), parse);
  }
  const StepGraph step = compose_step(recipe, recipe.steps[0], networks, KernelTable::linked().composites());
  EXPECT_EQ(step.image_order, "bgr");
  EXPECT_EQ(step.networks, (std::vector<std::string>{"critic", "generator"}));
  std::map<std::string, std::string> weights;
  for (const Node &node : step.graph.nodes) weights[node.name] = node.weights;
  EXPECT_EQ(weights.at("of_true.scores"), "critic.scores.");
  EXPECT_EQ(weights.at("of_made.scores"), "critic.scores.");
  EXPECT_EQ(weights.at("generator.first"), "generator.first.");
  ASSERT_EQ(step.objectives.size(), 1u);
  EXPECT_EQ(step.graph.multiple, 2);
}

TEST(Recipe, RandomTextIsRefusedOrRead) {
  const std::string good = text_of(training_fixture("tiny.recipe"));
  for (size_t i = 0; i < good.size(); i += 3) {
    for (const char c : {'\0', '=', ',', '9', '\n', '\xff'}) {
      std::string text = good;
      text[i] = c;
      try {
        parse_recipe(text, "r.recipe");
      } catch (const Error &error) {
        EXPECT_EQ(error.code(), ErrorCode::bad_file) << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace sluice::testing
