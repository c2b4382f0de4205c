// SPDX-License-Identifier: Apache-2.0
// The names files of models/: published names as they are, training checkpoints, known files, pictures.
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "tests/support/fixture.h"
#include "tests/weights_io/names_support.h"
#include "weights_io/checkpoint.h"
#include "weights_io/names/names.h"
#include "weights_io/safetensors.h"

namespace sluice {
namespace {

using test::counted;
using test::message_of;
using ::testing::IsSubstring;
namespace fs = std::filesystem;

NamesFile names_of(const std::string &model) { return read_names(test::model_file(model + ".names")); }

TensorMap exported(const std::string &model, const std::string &dialect) {
  const NamesFile names = names_of(model);
  return export_names(names, dialect, test::made_up(names), "s").tensors;
}

void add_behind(const std::string &prefix, const TensorMap &tensors, TensorMap &into) {
  for (const auto &[name, tensor] : tensors) into[prefix + name] = tensor;
}

// As PyTorch's Adam saves it.
void add_optimiser(const std::string &name, std::size_t parameters, TensorMap &into) {
  for (std::size_t i = 0; i < parameters; ++i) {
    for (const char *slot : {"exp_avg", "exp_avg_sq", "step"}) {
      into[name + ".state." + std::to_string(i) + "." + slot] = counted({1});
    }
  }
}

NamesFile without_parameters(NamesFile names) {
  names.parameters.clear();  // made-up shapes are no network's
  return names;
}

TEST(NamesOfModels, TrainingCheckpointsOfThePyTorchPort) {
  const TensorMap generator = exported("deepfill2", "torch"),
                  discriminator = exported("deepfill2_discriminator", "torch");
  EXPECT_EQ(generator.size(), 84u);
  EXPECT_EQ(discriminator.size(), 18u);
  Archive file;
  add_behind("G.", generator, file.tensors);
  add_behind("D.", discriminator, file.tensors);
  add_optimiser("G_optim", 84, file.tensors);
  add_optimiser("D_optim", 12, file.tensors);
  file.tensors["n_iter"] = {DType::i64, {}, test::Bytes(8)};
  const auto names = [](const char *model) { return without_parameters(names_of(model)); };
  const Conversion g = apply_names(names("deepfill2"), file, "f"),
                   d = apply_names(names("deepfill2_discriminator"), file, "f");
  EXPECT_TRUE(g.tensors == test::made_up(names_of("deepfill2")));
  EXPECT_TRUE(d.tensors == test::made_up(names_of("deepfill2_discriminator")));
  EXPECT_EQ(g.dialect + " " + d.dialect, "torch torch");
  EXPECT_EQ(g.ignored, 18u + 3 * 96 + 1);
  EXPECT_EQ(d.ignored, 84u + 3 * 96 + 1);
  file.tensors["E.weight"] = counted({1});
  EXPECT_PRED_FORMAT2(IsSubstring, "): 1 unexpected: 'E.weight'",
                      message_of(ErrorCode::bad_file, [&] { apply_names(names("deepfill2"), file, "f"); }));
}

// 298 tensors, as the index of the official checkpoints lists them.
TEST(NamesOfModels, TrainingCheckpointsOfTensorFlow) {
  TensorMap trained = exported("deepfill2", "tensorflow");
  trained.merge(exported("deepfill2_discriminator", "tensorflow"));
  Archive file{trained, {}};
  for (const auto &[name, tensor] : trained) {
    if (name.ends_with("/kernel_sn/u")) continue;
    file.tensors[name + "/Adam"] = file.tensors[name + "/Adam_1"] = tensor;
  }
  for (const char *scalar : {"beta1_power", "beta2_power", "lr"}) file.tensors[scalar] = counted({});
  file.tensors["global_step"] = {DType::i32, {}, test::Bytes(4)};
  EXPECT_EQ(file.tensors.size(), 298u);
  EXPECT_EQ(apply_names(without_parameters(names_of("deepfill2")), file, "f").ignored, 298u - 84);
  EXPECT_EQ(apply_names(without_parameters(names_of("deepfill2_discriminator")), file, "f").ignored, 298u - 18);
}

// v is made anew at every evaluation of this network, so it is left out in whatever storage it is.
TEST(NamesOfModels, DiscriminatorsOfDeepFillInPyTorchsStorageOfSpectralNorm) {
  const NamesFile names = without_parameters(names_of("deepfill2_discriminator"));
  const TensorMap ours = test::made_up(names);
  const auto read_with = [&](const std::string &dialect, const std::vector<const char *> &besides) {
    Archive file;
    file.tensors = export_names(names, dialect, ours, "s").tensors;
    for (int i = 1; i <= 6; ++i) {
      for (const char *end : besides) file.tensors["conv" + std::to_string(i) + ".conv_sn." + end] = counted({36});
    }
    const Conversion read = apply_names(names, file, "f");
    EXPECT_EQ(read.dialect, dialect);
    EXPECT_TRUE(read.tensors == ours) << dialect;
    EXPECT_EQ(read.ignored, 6 * besides.size());
  };
  read_with("torch", {});
  read_with("torch_weight_orig", {"weight_v"});
  read_with("torch_weight_orig", {"weight"});
  read_with("torch_parametrizations", {"parametrizations.weight.0._v"});
  read_with("torch_parametrizations_1_9", {"parametrizations.weight.0.v"});
}

TEST(NamesOfModels, PublishedNames) {
  const auto has = [](const char *model, const char *dialect, const std::vector<const char *> &published) {
    const TensorMap tensors = exported(model, dialect);
    for (const char *name : published) EXPECT_EQ(tensors.count(name), 1u) << model << ' ' << name;
  };
  has("deepfill2", "tensorflow",
      {"inpaint_net/conv1/kernel", "inpaint_net/allconv13_upsample/allconv13_upsample_conv/bias"});
  has("deepfill2", "torch_networks",
      {"stage1.conv1.conv.weight", "stage1.down_block1.conv1_downsample.conv.bias",
       "stage1.down_block2.conv2.conv.weight", "stage1.conv_bn1.conv.weight", "stage1.conv_bn7.conv.weight",
       "stage1.up_block1.conv1_upsample.conv.conv.weight", "stage1.up_block2.conv2.conv.bias",
       "stage1.conv_to_rgb.conv.weight", "stage2.conv_conv1.conv.weight", "stage2.conv_down_block2.conv2.conv.weight",
       "stage2.conv_conv_bn5.conv.weight", "stage2.ca_conv1.conv.weight", "stage2.ca_conv_bn1.conv.bias",
       "stage2.ca_conv_bn4.conv.bias", "stage2.ca_conv_bn5.conv.bias", "stage2.conv_bn6.conv.weight",
       "stage2.up_block2.conv1_upsample.conv.conv.bias", "stage2.conv_to_rgb.conv.bias",
       "stage2.contextual_attention.fuse_weight"});
  EXPECT_EQ(exported("deepfill2", "torch_networks").size(), 85u);
  has("sketchfill_appearance", "torch",
      {"gate.18.model.4.running_var", "gate_add.18.model.4.running_var", "gate_add.1.weight", "main.16.weight_v"});
}

// Which layer of deepfill2 became which in torch_networks, told by the numbers.
TEST(NamesOfModels, TheTwoLayoutsOfThePortHoldTheSameTensors) {
  const TensorMap flat = exported("deepfill2", "torch"), nested = exported("deepfill2", "torch_networks");
  const std::pair<const char *, const char *> pairs[] = {
      {"conv10_atrous", "stage1.conv_bn5"},
      {"conv15_upsample.conv", "stage1.up_block2.conv1_upsample.conv"},
      {"xconv4_downsample", "stage2.conv_down_block2.conv1_downsample"},
      {"xconv6", "stage2.conv_conv_bn1"},
      {"pmconv5", "stage2.ca_down_block2.conv2"},
      {"pmconv9", "stage2.ca_conv_bn4"},
      {"allconv12", "stage2.conv_bn7"},
      {"allconv14", "stage2.up_block1.conv2"},
      {"allconv16", "stage2.up_block2.conv2"}};
  for (const auto &[one, other] : pairs) {
    EXPECT_TRUE(flat.at(std::string(one) + ".conv.weight") == nested.at(std::string(other) + ".conv.weight")) << one;
  }
}

TEST(NamesOfModels, OfficialFilesAreKnown) {
  const char *places = "60ede290a7978e7a8c0692c6ebc4fdd8977b6869e3ec70c1bee94f6b1e10df37";
  const char *celeba = "173b26e2908a200d15e693c4cae283dd484a488042e04eaa7104a412db60dc3c";
  for (const char *model : {"deepfill2", "deepfill2_discriminator"}) {
    const NamesFile names = names_of(model);
    ASSERT_NE(known_file(names, places), nullptr);
    EXPECT_EQ(known_file(names, places)->licence, "CC-BY-NC-4.0");
    EXPECT_PRED_FORMAT2(IsSubstring, "Places2", known_file(names, places)->text);
    ASSERT_NE(known_file(names, celeba), nullptr);
    EXPECT_PRED_FORMAT2(IsSubstring, "CelebA-HQ", known_file(names, celeba)->text);
    EXPECT_EQ(known_file(names, std::string(64, '0')), nullptr);
  }
}

TEST(NamesOfModels, PicturesAreTurnedAroundWhereTheNetworkMeetsThem) {
  const NamesFile names = names_of("deepfill2");
  const TensorMap ours =
      apply_names(names, read_safetensors(testing::fixture_path("deepfill2/cnum8.safetensors")), "f").tensors;
  TensorMap turned = ours;
  swap_picture_channels(names, turned);
  std::set<std::string> changed;
  for (const auto &[name, tensor] : ours) {
    if (!(turned.at(name) == tensor)) changed.insert(name);
  }
  EXPECT_EQ(changed,
            (std::set<std::string>{"allconv17.bias", "allconv17.weight", "conv1.feature_weight", "conv1.gate_weight",
                                   "conv17.bias", "conv17.weight", "pmconv1.feature_weight", "pmconv1.gate_weight",
                                   "xconv1.feature_weight", "xconv1.gate_weight"}));
  const StoredTensor &before = ours.at("conv1.feature_weight"), &after = turned.at("conv1.feature_weight");
  ASSERT_EQ(before.shape, (std::vector<int64_t>{4, 5, 5, 5}));
  const int order[] = {2, 1, 0, 3, 4};  // ones and mask stay
  for (int o = 0; o < 4; ++o) {
    for (int i = 0; i < 5; ++i) {
      for (int k = 0; k < 25; ++k)
        EXPECT_EQ(after.f32()[(o * 5 + i) * 25 + k], before.f32()[(o * 5 + order[i]) * 25 + k]);
    }
  }
  for (int o = 0; o < 3; ++o) {
    EXPECT_EQ(turned.at("conv17.bias").f32()[o], ours.at("conv17.bias").f32()[2 - o]);
  }
  swap_picture_channels(names, turned);
  EXPECT_TRUE(turned == ours);
}

TEST(NamesOfModels, PicturesOnlyWhereThereAreSome) {
  TensorMap none;
  EXPECT_PRED_FORMAT2(IsSubstring,
                      "dfn_steerable.names: says of no tensor of model dfn_steerable that it meets a picture",
                      message_of(ErrorCode::usage, [&] { swap_picture_channels(names_of("dfn_steerable"), none); }));
  const NamesFile names = parse_names("model m\npicture a[0] b[1]\ndialect d\na -> a\nb -> b", "n");
  TensorMap tensors = {{"a", counted({3})}, {"b", counted({1, 2})}};
  const auto refusal = [&] { return message_of(ErrorCode::bad_file, [&] { swap_picture_channels(names, tensors); }); };
  EXPECT_EQ(refusal(), "n:2: axis 1 of 'b' does not count the three channels of a picture, its shape is [1, 2]");
  EXPECT_TRUE(tensors.at("a") == counted({3}));  // all or nothing
  tensors["b"] = counted({3});
  EXPECT_PRED_FORMAT2(IsSubstring, "axis 1 of 'b' does not count", refusal());
  tensors.erase("b");
  EXPECT_EQ(refusal(), "n:2: axis 1 of 'b' does not count the three channels of a picture");
  tensors["b"] = counted({0, 3});
  swap_picture_channels(names, tensors);
  EXPECT_TRUE(tensors.at("a") == StoredTensor::of_f32({3}, std::vector<float>{2, 1, 0}.data()));
}

}  // namespace
}  // namespace sluice
