// SPDX-License-Identifier: Apache-2.0
#include "tests/models/network_cases.h"

#include <algorithm>

#include "runtime/graph_file.h"
#include "weights_io/names/names.h"

namespace sluice::testing {
namespace {

std::filesystem::path models() { return source_folder() / "models"; }

}  // namespace

const std::vector<NetworkCase> &network_cases() {
  const std::string sketch = "sketchfill/", guide = "guidenet/";
  static const std::vector<NetworkCase> cases{
      {"sketchfill_shape", sketch + "shape_generator", sketch + "shape_generator_eval", 3e-6, 2e-5, {}},
      {"sketchfill_shape", sketch + "shape_generator", sketch + "shape_generator_train", 4e-6, 0, {}},
      {"sketchfill_shape_discriminator",
       sketch + "shape_discriminator",
       sketch + "shape_discriminator_eval",
       2e-6,
       6e-6,
       {}},
      {"sketchfill_shape_discriminator",
       sketch + "shape_discriminator",
       sketch + "shape_discriminator_train",
       2e-6,
       0,
       {}},
      {"sketchfill_appearance", sketch + "appearance_generator", sketch + "appearance_generator_eval", 2e-4, 0, {}},
      {"sketchfill_appearance",
       sketch + "appearance_generator",
       sketch + "appearance_generator_eval_gradients",
       1e-4,
       9e-4,
       {}},
      {"sketchfill_appearance", sketch + "appearance_generator", sketch + "appearance_generator_train", 3e-4, 0, {}},
      {"sketchfill_appearance",
       sketch + "appearance_generator",
       sketch + "appearance_generator_train_gradients",
       1e-4,
       1e-3,
       {}},
      {"sketchfill_appearance_discriminator",
       sketch + "appearance_discriminator",
       sketch + "appearance_discriminator_eval",
       1e-5,
       0,
       {}},
      {"sketchfill_appearance_discriminator",
       sketch + "appearance_discriminator",
       sketch + "appearance_discriminator_eval_gradients",
       1e-5,
       1e-3,
       {}},
      {"sketchfill_appearance_discriminator",
       sketch + "appearance_discriminator",
       sketch + "appearance_discriminator_train",
       5e-6,
       0,
       {}},
      {"guidenet", guide + "gn", guide + "gn_eval", 7e-4, 1e-4, {}},
      {"guidenet", guide + "gn", guide + "gn_train", 2e-4, 0, {}},
      {"guidenet", guide + "gns", guide + "gns_eval", 3e-4, 4e-4, {}},
      {"guidenet", guide + "gns", guide + "gns_train", 2e-4, 0, {}},
      {"dfn_steerable", "dfn/steerable", "dfn/steerable_forward", 3e-6, 7e-6, {}},
      {"dfn_video", "dfn/video", "dfn/video_forward", 4e-6, 1e-5, {{"frames_in", "3"}, {"frames_out", "2"}}},
      {"spatio_temporal", "spatio_temporal/net", "spatio_temporal/net_forward", 5e-6, 6e-6, {}},
  };
  return cases;
}

Network load_network(const NetworkCase &one, LoadOptions options) {
  Network network;
  network.fixture = read_safetensors(fixture_path(one.fixture + ".safetensors"));
  const NamesFile names = read_names(models() / (one.model + ".names"));
  const Archive published = read_safetensors(fixture_path(one.weights + ".safetensors"));
  Conversion conversion = apply_names(names, published, one.weights);
  for (const NameDialect &dialect : names.dialects) {
    for (const NameRule &rule : dialect.rules) {
      const bool chosen = published.tensors.count(rule.source) != 0 && conversion.tensors.count(rule.targets[0]) != 0;
      if (chosen && rule.targets.size() == 1) network.ours[rule.source] = rule.targets[0];
    }
  }
  options.parameters = conversion.parameters;
  for (const auto &[name, value] : one.settings) options.parameters[name] = value;
  const auto mode = network.fixture.metadata.find("mode");
  if (mode != network.fixture.metadata.end()) options.mode = mode->second;
  network.model = std::make_shared<const Model>(read_graph(models() / (one.model + ".graph"), parse_options(options)),
                                                std::move(conversion.tensors), options);
  return network;
}

TensorMap inputs_of(const Network &network) {
  TensorMap inputs = with_prefix(network.fixture.tensors, "in.");
  std::erase_if(inputs, [&](const auto &entry) {
    const auto &list = network.model->graph().inputs;
    return std::none_of(list.begin(), list.end(), [&](const GraphInput &input) { return input.name == entry.first; });
  });
  return inputs;
}

}  // namespace sluice::testing
