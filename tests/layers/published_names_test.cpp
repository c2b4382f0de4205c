// SPDX-License-Identifier: Apache-2.0
// Names files whose published tensors are called after layers: networks of one layer, and the port of DeepFill v2 that
// keeps feature and gate apart.
#include <gtest/gtest.h>

#include "tests/weights_io/names_support.h"
#include "weights_io/names/names.h"

namespace sluice {
namespace {

using test::counted;

NamesFile names_of(const std::string &model) { return read_names(test::model_file(model + ".names")); }

TEST(PublishedNames, AreWritten) {
  const auto has = [](const char *model, const char *dialect, std::size_t count,
                      const std::vector<const char *> &published) {
    const NamesFile names = names_of(model);
    const TensorMap tensors = export_names(names, dialect, test::made_up(names), "s").tensors;
    EXPECT_EQ(tensors.size(), count) << model;
    for (const char *name : published) EXPECT_EQ(tensors.count(name), 1u) << model << ' ' << name;
  };
  has("deepfill2_csqiangwen", "torch", 38 * 4 + 4 * 8,
      {"coarse.0.conv2d.weight", "coarse.16.mask_conv2d.bias", "coarse.12.gated_conv2d.conv2d.module.weight_bar",
       "refine_combine.4.gated_conv2d.mask_conv2d.module.weight_v", "refine_atten_2.1.conv2d.bias"});
  has("layers/sn_gated_conv2d_with_activation", "torch_parametrizations", 12,
      {"conv2d.parametrizations.weight.0._u", "mask_conv2d.parametrizations.weight.original", "batch_norm2d.weight"});
  has("layers/separable_guided_conv2d", "torch", 4, {"_bn_relu.0.running_mean"});
}

TEST(PublishedNames, UnusedNormsAreLeftOutAndTheEnlargingClassHasALevelMore) {
  const NamesFile names = names_of("layers/gated_conv2d_with_activation_without_norm");
  Archive file;
  for (const std::string conv : {"conv2d.conv2d.", "conv2d.mask_conv2d."}) {
    file.tensors[conv + "weight"] = counted({8, 3, 5, 5});
    file.tensors[conv + "bias"] = counted({8});
  }
  for (const char *part : {"weight", "bias", "running_mean", "running_var"}) {
    file.tensors[std::string("conv2d.batch_norm2d.") + part] = counted({8});
  }
  file.tensors["conv2d.batch_norm2d.num_batches_tracked"] = {DType::i64, {}, test::Bytes(8)};
  const Conversion read = apply_names(names, file, "f");
  EXPECT_EQ(read.tensors.size(), 4u);
  EXPECT_EQ(read.ignored, 5u);
  EXPECT_EQ(read.parameters,
            (std::map<std::string, std::string>{{"channels", "8"}, {"group_channels", "3"}, {"kernel", "5"}}));
  const Conversion with_norm = apply_names(names_of("layers/gated_conv2d_with_activation"), file, "f");
  EXPECT_EQ(with_norm.tensors.size(), 8u);
  EXPECT_EQ(with_norm.ignored, 1u);
}

}  // namespace
}  // namespace sluice
