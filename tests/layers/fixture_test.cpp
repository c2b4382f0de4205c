// SPDX-License-Identifier: Apache-2.0
// Every layer fixture: a one-layer graph is written from the file's attributes and run forward and backward.
// Bounds: ten times what a plain float32 run of the independent reference got (4e-7 values, 8e-5 gradients).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "runtime/graph_file.h"
#include "runtime/model.h"
#include "runtime/training/gradients.h"
#include "tests/support/fixture.h"

namespace sluice::testing {
namespace {

constexpr double kValueBound = 4e-6, kGradientBound = 8e-4;

std::string text_of(const nlohmann::json &value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const auto &item : value) text += (text.empty() ? "" : ",") + text_of(item);
  return text;
}

// Attributes that say how others came to be, or belong to a norm the case does not have.
const std::set<std::string> kInformation{"padding_rule", "norm_eps", "norm_momentum", "norm_position"};

Graph one_layer_graph(const std::string &layer, const nlohmann::json &attributes, const TensorMap &inputs) {
  const LayerSchema &schema = KernelTable::linked().schema(layer);
  std::string text = "model fixture\n", from;
  for (const SchemaPort &port : schema.inputs) {
    const auto &shape = inputs.at(port.name).shape;
    text += fmt::format("input {} [{} {} {} {}]\n", port.name, shape[0], shape[1], shape[2], shape[3]);
    from += (from.empty() ? "" : ",") + port.name;
  }
  text += fmt::format("{} node from {} to output", layer, from);
  for (const auto &[key, value] : attributes.items()) {
    if (kInformation.count(key) == 0) text += fmt::format(" {}={}", key, text_of(value));
  }
  return parse_graph(text + "\noutput output\n", layer + ".graph");
}

TensorMap weights_of(const TensorMap &tensors) {
  TensorMap weights;
  for (const auto &[name, tensor] : with_prefix(tensors, "param.")) weights["node." + name] = tensor;
  return weights;
}

class LayerFixture : public ::testing::TestWithParam<std::string> {};

TEST_P(LayerFixture, ForwardAndBackward) {
  const Archive fixture = read_safetensors(fixture_path("layers/" + GetParam() + ".safetensors"));
  const TensorMap inputs = with_prefix(fixture.tensors, "in.");
  const auto attributes = nlohmann::json::parse(fixture.metadata.at("attributes"));
  const Model model(one_layer_graph(fixture.metadata.at("layer"), attributes, inputs), weights_of(fixture.tensors));
  const TensorMap outputs = model.run(inputs);
  EXPECT_LE(relative_error(outputs.at("output"), fixture.tensors.at("out.output")), kValueBound);

  const TensorMap made = gradients(model, inputs, with_prefix(fixture.tensors, "gradout."));
  const TensorMap expected = with_prefix(fixture.tensors, "grad.");
  ASSERT_FALSE(expected.empty());
  double largest = 0;
  for (const auto &entry : expected) largest = std::max(largest, largest_magnitude(entry.second));
  for (const auto &[name, gradient] : expected) {
    const std::string ours = inputs.count(name) != 0 ? name : "node." + name;
    ASSERT_EQ(made.count(ours), 1u) << ours;
    EXPECT_LE(relative_error(made.at(ours), gradient, 1e-3 * largest), kGradientBound) << ours;
  }
}

std::vector<std::string> fixture_names() {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(fixture_path("layers")))
    names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Files, LayerFixture, ::testing::ValuesIn(fixture_names()),
                         [](const auto &test) { return test.param; });

}  // namespace
}  // namespace sluice::testing

int main(int argc, char **argv) {
  ::testing::InitGoogleTest(&argc, argv);
  sluice::register_training();
  return RUN_ALL_TESTS();
}
