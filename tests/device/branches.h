// SPDX-License-Identifier: Apache-2.0
// A small network with what runs on a device have to get right: two branches that are joined in place, a tensor with
// two readers, an output in the middle.
#pragma once
#include <fmt/format.h>

#include <memory>
#include <random>

#include "runtime/graph_file.h"
#include "runtime/model.h"

namespace sluice::testing {

class Branches {
 public:
  explicit Branches(int channels) : channels_(channels), input_(StoredTensor::of_f32({1, 3, kHeight, kWidth})) {
    for (int64_t i = 0; i < input_.elements(); i++) input_.f32()[i] = static_cast<float>(i % 17) / 17.0f;
  }

  std::unique_ptr<Model> model(const LoadOptions &options) const {
    const std::string text = fmt::format(
        "model branches\ninput image [1 3 h w]"
        "\nconv2d stem from image channels={0} kernel=3 padding=same activation=elu"
        "\nconv2d left from stem channels={0} kernel=3 padding=same activation=elu"
        "\nconv2d right from stem channels={0} kernel=1 activation=elu\nconcat both from left,right"
        "\nconv2d last from both channels=4 kernel=3 padding=same\noutput inner from stem\noutput result from last\n",
        channels_);
    return std::make_unique<Model>(parse_graph(text, "branches.graph", parse_options(options)), weights(), options);
  }
  TensorMap inputs() const { return {{"image", input_}}; }
  int64_t input_bytes() const { return input_.elements() * 4; }
  int64_t output_bytes() const { return kHeight * kWidth * (channels_ + 4) * 4; }

 private:
  static constexpr int64_t kHeight = 16, kWidth = 24;

  TensorMap weights() const {
    std::mt19937 random(7);
    std::normal_distribution<float> normal(0.0f, 0.1f);
    TensorMap made;
    const auto add = [&](const std::string &name, const std::vector<int64_t> &shape) {
      StoredTensor &tensor = made[name] = StoredTensor::of_f32(shape);
      for (int64_t i = 0; i < tensor.elements(); i++) tensor.f32()[i] = normal(random);
    };
    const auto convolution = [&](const std::string &node, int64_t to, int64_t from, int64_t kernel) {
      add(node + ".weight", {to, from, kernel, kernel});
      add(node + ".bias", {to});
    };
    convolution("stem", channels_, 3, 3);
    convolution("left", channels_, channels_, 3);
    convolution("right", channels_, channels_, 1);
    convolution("last", 4, 2 * channels_, 3);
    return made;
  }

  int64_t channels_;
  StoredTensor input_;
};

}  // namespace sluice::testing
