// SPDX-License-Identifier: Apache-2.0
// Gradient penalties of the published sketch discriminators against the independent reference: input gradients,
// penalties, and their gradients with respect to every weight (second derivatives of the network).
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "runtime/graph_file.h"
#include "runtime/tensor_layout.h"
#include "runtime/trainer/gradient_penalty.h"
#include "runtime/trainer/tangents.h"
#include "runtime/training/gradients.h"
#include "tests/support/fixture.h"
#include "weights_io/names/names.h"

namespace sluice::testing {
namespace {

struct PenaltyCase {
  std::string model, weights;
  double value_bound = 0, gradient_bound = 0;  // ten times what a plain float32 run of the reference got
  bool linear_pieces = false;                  // then no bias has a gradient
};

void PrintTo(const PenaltyCase &one, std::ostream *out) { *out << one.model; }

std::string text_of(const std::filesystem::path &file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

class PublishedPenalty : public ::testing::TestWithParam<PenaltyCase> {
 protected:
  void SetUp() override {
    register_training();
    const auto models = std::filesystem::path(SLUICE_SOURCE_DIR) / "models";
    const std::string stem = "sketchfill/" + GetParam().weights;
    fixture = read_safetensors(fixture_path(stem + "_penalty.safetensors"));
    const NamesFile names = read_names(models / (GetParam().model + ".names"));
    Conversion conversion = apply_names(names, read_safetensors(fixture_path(stem + ".safetensors")), stem);
    for (const NameDialect &dialect : names.dialects) {
      for (const NameRule &rule : dialect.rules) {
        if (rule.targets.size() == 1 && conversion.tensors.contains(rule.targets[0]))
          ours[rule.source] = rule.targets[0];
      }
    }
    weights = std::move(conversion.tensors);
    load.parameters = conversion.parameters;
    load.purpose = "training";
    load.algorithm = "direct";
    text = text_of(models / (GetParam().model + ".graph"));
  }

  // The network with the nodes of the penalty behind it.
  Graph graph(GradientPenalty &penalty) const {
    const ParseOptions options = parse_options(load);
    const Graph network = parse_graph(text, "one.graph", options);
    const TangentLines derivative = tangent_lines(network, network.outputs[0].from, "image", penalty.direction,
                                                  penalty.name, *options.composites, "here");
    std::string whole = text + "activation " + penalty.direction + " from image activation=none\n";
    for (const std::string &line : derivative.lines) whole += line + "\n";
    penalty.tangent = derivative.tangent;
    return parse_graph(whole + "output penalised from " + derivative.tangent + "\n", "one.graph", options);
  }

  Archive fixture;
  TensorMap weights;
  std::map<std::string, std::string> ours;  // published name -> name here
  LoadOptions load;
  std::string text;
};

TEST_P(PublishedPenalty, AndItsGradientsAsTheReference) {
  for (const double centre : {0.0, 1.0}) {
    GradientPenalty penalty{"gp", "score", "image", "gp.direction", "", centre, 1};
    const Model model(graph(penalty), weights, load);
    TensorMap inputs = {{"image", fixture.tensors.at("in.x")}, {"label", fixture.tensors.at("in.label")}};
    PassOptions options;
    PenaltyGradients::want({penalty}, options);
    TrainingPass pass(model, {{"image", inputs.at("image").shape}, {"label", inputs.at("label").shape}}, options);
    PenaltyGradients penalties({penalty}, pass);
    StoredTensor gradient;
    RunOptions run;
    run.progress = [&](int step, int, const std::string &node) {
      if (node == "gp.direction") gradient = read_output(pass.tensor_gradient(0));
      penalties.before_step(step);
    };
    pass.forward(inputs, run);
    const auto &[value_bound, gradient_bound] = std::pair(GetParam().value_bound, GetParam().gradient_bound);
    EXPECT_LE(relative_error(gradient, fixture.tensors.at("out.input_gradient")), value_bound);
    const double expected = fixture.tensors.at(centre == 0 ? "out.penalty_c0" : "out.penalty_c1").f32()[0];
    EXPECT_NEAR(penalties.value("gp"), expected, value_bound * std::fabs(expected));
    pass.backward(penalties.seeds());
    const TensorMap grads = with_prefix(fixture.tensors, centre == 0 ? "grad_c0." : "grad_c1.");
    double largest = 0;
    for (const auto &entry : grads) largest = std::max(largest, largest_magnitude(entry.second));
    ASSERT_GT(largest, 0);
    size_t compared = 0;
    for (const auto &[name, reference] : grads) {
      if (!ours.contains(name)) continue;  // a weight that the reference stores under a second name
      const StoredTensor &made = pass.weight_gradients().at(ours.at(name));
      EXPECT_LE(relative_error(made, reference, 1e-3 * largest), gradient_bound) << name << ", centre " << centre;
      if (GetParam().linear_pieces && name.ends_with("bias")) {
        EXPECT_EQ(largest_magnitude(made), 0) << name;
      }
      compared++;
    }
    EXPECT_EQ(compared, pass.weight_gradients().size());
  }
}

INSTANTIATE_TEST_SUITE_P(Sketchfill, PublishedPenalty,
                         ::testing::Values(PenaltyCase{"sketchfill_shape_discriminator", "shape_discriminator", 2e-6,
                                                       1e-5, true},
                                           PenaltyCase{"sketchfill_appearance_discriminator",
                                                       "appearance_discriminator", 1e-5, 1.2e-3, false}),
                         [](const auto &one) { return one.param.weights; });

}  // namespace
}  // namespace sluice::testing
