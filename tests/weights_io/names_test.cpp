// SPDX-License-Identifier: Apache-2.0
// What names files make of checkpoints.
#include "weights_io/names/names.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <ostream>
#include <sstream>
#include <utility>

#include "tests/weights_io/support.h"
#include "weights_io/safetensors.h"

namespace sluice {
namespace {

using test::message_of;
using ::testing::IsNotSubstring;
using ::testing::IsSubstring;

constexpr const char *kSmall = R"(# a comment
model small
set layer = one two   # a comment
set plain = last
dialect torch
  {layer}.conv.weight -> {layer}.feature_weight, {layer}.gate_weight layout=oihw split=o
  {plain}.weight -> {plain}.weight layout=oihw
dialect tf
  net/{layer}/{layer}_conv -> {layer}.feature_weight,{layer}.gate_weight split=o layout=hwio
  net/{plain} -> {plain}.weight layout=hwio
  ignore */Adam step
param width = one.feature_weight[0] * 4 / 2
)";

// 0, 1, 2, ...
StoredTensor counting(std::vector<int64_t> shape) {
  StoredTensor tensor = StoredTensor::of_f32(std::move(shape));
  std::iota(tensor.f32(), tensor.f32() + tensor.elements(), 0.0f);
  return tensor;
}

Archive small_torch() {
  Archive archive;
  archive.tensors["one.conv.weight"] = counting({4, 2, 1, 3});
  archive.tensors["two.conv.weight"] = counting({2, 1, 1, 1});
  archive.tensors["last.weight"] = counting({1, 1, 1, 1});
  return archive;
}

std::vector<float> values(const StoredTensor &tensor) { return {tensor.f32(), tensor.f32() + tensor.elements()}; }

std::string refusal(const NamesFile &names, const Archive &source) {
  return message_of(ErrorCode::bad_file, [&] { apply_names(names, source, "s"); });
}

TEST(Names, SplitsAndInfersParameters) {
  const Conversion result = apply_names(parse_names(kSmall, "n"), small_torch(), "s");
  EXPECT_EQ(result.dialect, "torch");
  EXPECT_EQ(result.ignored, 0u);
  EXPECT_EQ(result.parameters, (std::map<std::string, std::string>{{"width", "4"}}));
  EXPECT_EQ(result.tensors.size(), 5u);
  EXPECT_EQ(result.tensors.at("one.feature_weight").shape, (std::vector<int64_t>{2, 2, 1, 3}));
  EXPECT_EQ(values(result.tensors.at("one.feature_weight")),
            (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(values(result.tensors.at("one.gate_weight")),
            (std::vector<float>{12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}));
}

TEST(Names, ReordersAxesAndIgnoresOptimiserState) {
  Archive archive;
  archive.tensors["net/one/one_conv"] = counting({1, 3, 2, 4});  // h w i o
  archive.tensors["net/two/two_conv"] = counting({1, 1, 1, 2});
  archive.tensors["net/last"] = counting({1, 1, 1, 1});
  archive.tensors["net/last/Adam"] = counting({1});
  archive.tensors["step"] = {DType::i64, {}, test::Bytes(8)};
  const Conversion result = apply_names(parse_names(kSmall, "n"), archive, "s");
  EXPECT_EQ(result.dialect, "tf");
  EXPECT_EQ(result.ignored, 2u);
  const StoredTensor &gate = result.tensors.at("one.gate_weight");
  EXPECT_EQ(gate.shape, (std::vector<int64_t>{2, 2, 1, 3}));
  for (int o = 0; o < 2; ++o) {
    for (int i = 0; i < 2; ++i) {
      for (int w = 0; w < 3; ++w) {
        EXPECT_EQ(gate.f32()[(o * 2 + i) * 3 + w], static_cast<float>((w * 2 + i) * 4 + 2 + o));
      }
    }
  }
}

TEST(Names, SplitsAlongAnInnerAxis) {
  const NamesFile names = parse_names("model m\ndialect d\nw -> a.w, b.w layout=iohw:iohw split=o", "n");
  Archive archive;
  archive.tensors["w"] = counting({2, 4, 1, 1});
  const Conversion result = apply_names(names, archive, "s");
  EXPECT_EQ(result.tensors.at("a.w").shape, (std::vector<int64_t>{2, 2, 1, 1}));
  EXPECT_EQ(values(result.tensors.at("a.w")), (std::vector<float>{0, 1, 4, 5}));
  EXPECT_EQ(values(result.tensors.at("b.w")), (std::vector<float>{2, 3, 6, 7}));
}

TEST(Names, WithoutLayoutAnyRankIsTakenAsItIs) {
  const NamesFile names = parse_names("model m\ndialect d\nw -> n.w", "n");
  Archive archive;
  archive.tensors["w"] = counting({2, 3});
  EXPECT_EQ(apply_names(names, archive, "s").tensors.at("n.w"), archive.tensors["w"]);
}

TEST(Names, ConvertsToFloat32) {
  const NamesFile names = parse_names("model m\ndialect d\nw -> n.w layout=o", "n");
  Archive archive;
  archive.tensors["w"] = {DType::bf16, {1}, {std::byte{0x80}, std::byte{0x3f}}};
  EXPECT_EQ(values(apply_names(names, archive, "s").tensors.at("n.w")), (std::vector<float>{1}));
}

TEST(Names, DropsAxesOfExtentOneAndCalculatesParameters) {
  const char *text =
      "model m\nparam a = sqrt w.w[0] * 8 / v.w[0]\nparam b = w.w[0] - v.w[0] + 1\n"
      "dialect d\nv -> v.w layout=1o\nw -> w.w layout=o1i:io";
  const NamesFile names = parse_names(text, "n");
  Archive archive;
  archive.tensors["v"] = counting({1, 2});
  archive.tensors["w"] = counting({2, 1, 4});
  const Conversion result = apply_names(names, archive, "s");
  EXPECT_EQ(result.tensors.at("v.w").shape, std::vector<int64_t>{2});
  EXPECT_EQ(values(result.tensors.at("w.w")), (std::vector<float>{0, 4, 1, 5, 2, 6, 3, 7}));
  EXPECT_EQ(result.parameters, (std::map<std::string, std::string>{{"a", "4"}, {"b", "3"}}));
  archive.tensors["v"] = counting({2, 2});
  EXPECT_PRED_FORMAT2(IsSubstring, "'v': shape [2, 2], expected 1 along axis 0", refusal(names, archive));
}

TEST(Names, PrefixesCopiesAndWhatOneDialectAddsToAnother) {
  const char *text =
      "model m\nset i = 1..2\ndialect ours\n{i} -> n.{i}\ndialect theirs like ours\n"
      "prefix p. q.p.\nsame c.{i} = {i}\nignore *.count";
  const NamesFile names = parse_names(text, "n");
  for (const std::string prefix : {"", "p.", "q.p."}) {
    Archive archive;
    for (const char *name : {"1", "2", "c.2", "x.count"}) archive.tensors[prefix + name] = counting({3});
    const Conversion result = apply_names(names, archive, "s");
    EXPECT_EQ(result.dialect, "theirs");
    EXPECT_TRUE(result.tensors.size() == 2 && result.ignored == 2);
    archive.tensors[prefix + "c.2"].f32()[1] = 7;
    const std::string unequal = "): 1 unequal: '" + prefix + "c.2' is not '" + prefix + "2'";
    EXPECT_PRED_FORMAT2(IsSubstring, unequal, refusal(names, archive));
  }
  Archive plain;
  plain.tensors["1"] = plain.tensors["2"] = counting({3});
  EXPECT_EQ(apply_names(names, plain, "s").dialect, "ours");
}

TEST(Names, EverythingThatDoesNotFitIsListedTogether) {
  Archive archive = small_torch();
  archive.tensors.erase("two.conv.weight");
  archive.tensors["one.conv.weight"] = counting({3, 2, 1, 1});
  archive.tensors["last.weight"] = counting({1, 1});
  archive.tensors["extra.1"] = counting({1});
  archive.tensors["step"] = counting({1});  // ignored in the other dialect only
  EXPECT_EQ(refusal(parse_names(kSmall, "n"), archive),
            "s: does not fit model small (names of dialect torch): 1 missing: 'two.conv.weight'; "
            "2 unexpected: 'extra.1', 'step'; 2 misshapen: 'one.conv.weight': shape [3, 2, 1, 1], expected an axis 0 "
            "that can be cut into 2 equal parts, 'last.weight': shape [1, 1], expected 4 axes");
}

TEST(Names, IntegersAndHugeDoublesAreNoWeights) {
  const NamesFile names = parse_names("model m\ndialect d\nv -> n.v\nw -> n.w", "n");
  Archive archive;
  const double huge = 1e300;
  archive.tensors["v"] = {DType::f64, {}, test::Bytes(8)};
  std::memcpy(archive.tensors["v"].bytes.data(), &huge, 8);
  archive.tensors["w"] = {DType::i32, {1}, test::Bytes(4)};
  EXPECT_PRED_FORMAT2(IsSubstring, "'w': type I32, expected real numbers", refusal(names, archive));
  archive.tensors["w"] = counting({1});
  EXPECT_PRED_FORMAT2(IsSubstring, "1 misshapen: 'v': element 0 is 1e+300, beyond the range of F32",
                      refusal(names, archive));
}

// Counts what is read, and how much of it is alive at once.
class CountingCheckpoint final : public Checkpoint {
 public:
  explicit CountingCheckpoint(TensorMap stored)
      : Checkpoint(CheckpointFormat::torch_zip, "s"), stored_(std::move(stored)) {
    for (const auto &[name, tensor] : stored_) tensors_[name] = {tensor.dtype, tensor.shape};
  }
  void add_other(const std::string &name, const std::string &what) { others_[name] = what; }
  std::vector<std::string> read_names;

 private:
  StoredTensor read_tensor(const std::string &name) override {
    read_names.push_back(name);
    return stored_.at(name);
  }
  TensorMap stored_;
};

TEST(Names, NothingIsReadBeforeNamesAndShapesFitNorWhatIsLeftOut) {
  const NamesFile names =
      parse_names("model m\ndialect d\na -> n.a layout=o\nb -> n.b layout=oi\nsame c = a\nignore x.*", "n");
  TensorMap tensors;
  tensors["a"] = tensors["c"] = counting({3});
  tensors["x.1"] = counting({100});
  tensors["b"] = counting({3});
  CountingCheckpoint misshapen(tensors);
  EXPECT_PRED_FORMAT2(IsSubstring, "1 misshapen: 'b'",
                      message_of(ErrorCode::bad_file, [&] { apply_names(names, misshapen); }));
  EXPECT_TRUE(misshapen.read_names.empty());
  tensors["b"] = counting({3, 1});
  tensors["c"] = counting({3, 1});
  CountingCheckpoint unequal(tensors);
  EXPECT_PRED_FORMAT2(IsSubstring, "1 unequal: 'c' is not 'a'",
                      message_of(ErrorCode::bad_file, [&] { apply_names(names, unequal); }));
  EXPECT_TRUE(unequal.read_names.empty());
  tensors["c"] = counting({3});
  CountingCheckpoint good(tensors);
  EXPECT_EQ(apply_names(names, good).ignored, 2u);
  EXPECT_EQ(good.read_names, (std::vector<std::string>{"a", "b", "c"}));
}

TEST(Names, WhatIsThereButNoTensorIsSaid) {
  const NamesFile names = parse_names("model m\ndialect d\nprefix p.\na -> n.a\nb -> n.b\nc -> n.c\nsame d = a", "n");
  TensorMap tensors;
  tensors["p.a"] = counting({1});
  CountingCheckpoint source(tensors);
  source.add_other("p.b", "a tensor of type complex64, which is not read");
  source.add_other("p.d", "a number");
  source.add_other("p.z", "a string");  // no tensor, so nothing unexpected
  EXPECT_EQ(message_of(ErrorCode::bad_file, [&] { apply_names(names, source); }),
            "s: does not fit model m (names of dialect d behind 'p.'): 3 missing: 'p.b' (there, but a tensor of type "
            "complex64, which is not read), 'p.c', 'p.d' (there, but a number)");
}

TEST(Names, LongListsAreCut) {
  Archive archive = small_torch();
  for (int i = 1000; i < 1300; ++i) archive.tensors["x" + std::to_string(i)] = counting({1});
  const std::string message = refusal(parse_names(kSmall, "n"), archive);
  EXPECT_PRED_FORMAT2(IsSubstring, "300 unexpected: 'x1000', ", message);
  EXPECT_PRED_FORMAT2(IsSubstring, "'x1199' and 100 more", message);
  EXPECT_PRED_FORMAT2(IsNotSubstring, "x1200", message);
}

TEST(Names, NoDialectFits) {
  Archive archive;
  const auto message = [&] { return refusal(parse_names(kSmall, "small.names"), archive); };
  EXPECT_EQ(message(),
            "s: none of its 0 tensors has a name that small.names knows for model small (dialects torch, tf)");
  archive.tensors["foo"] = counting({1});
  EXPECT_PRED_FORMAT2(IsSubstring, "none of its 1 tensors (first: 'foo')", message());
}

TEST(Names, ParameterThatDoesNotFollowFromTheShape) {
  const std::string names = std::string(kSmall) + "param classes = last.weight[4]\n";
  EXPECT_PRED_FORMAT2(IsSubstring, "s: parameter 'classes' cannot be had from axis 4 of 'last.weight'",
                      refusal(parse_names(names, "n"), small_torch()));
  const std::string uneven = std::string(kSmall) + "param half = last.weight[0] / 2\n";
  EXPECT_EQ(refusal(parse_names(uneven, "n"), small_torch()),
            "s: parameter 'half' is no whole number above 0: last.weight[0] / 2 of 1, 2");
}

// DeepFill v2 with three input and four output channels everywhere, under the names of the three dialects. Every weight
// has its own value, made from layer, o, i, h, w alone.
struct TinyDeepFill {
  Archive ours, torch, tensorflow;

  TinyDeepFill() {
    const char *gated =
        "conv1 conv2_downsample conv3 conv4_downsample conv5 conv6 conv7_atrous conv8_atrous conv9_atrous "
        "conv10_atrous conv11 conv12 conv13_upsample conv14 conv15_upsample conv16 "
        "xconv1 xconv2_downsample xconv3 xconv4_downsample xconv5 xconv6 xconv7_atrous xconv8_atrous xconv9_atrous "
        "xconv10_atrous pmconv1 pmconv2_downsample pmconv3 pmconv4_downsample pmconv5 pmconv6 pmconv9 pmconv10 "
        "allconv11 allconv12 allconv13_upsample allconv14 allconv15_upsample allconv16";
    std::istringstream layers(gated);
    for (std::string layer; layers >> layer;) add(layer, true);
    add("conv17", false);
    add("allconv17", false);
  }

 private:
  static constexpr int64_t kOut = 4, kIn = 3, kSide = 3;

  void add(const std::string &layer, bool gated) {
    const auto base = static_cast<float>(1000 * ++layers_);
    StoredTensor oihw = StoredTensor::of_f32({kOut, kIn, kSide, kSide});
    StoredTensor hwio = StoredTensor::of_f32({kSide, kSide, kIn, kOut});
    StoredTensor bias = StoredTensor::of_f32({kOut});
    for (int64_t o = 0; o < kOut; ++o) {
      bias.f32()[o] = -base - static_cast<float>(o);
      for (int64_t i = 0; i < kIn; ++i) {
        for (int64_t hw = 0; hw < kSide * kSide; ++hw) {
          const float value = base + static_cast<float>((o * kIn + i) * 10 + hw);
          oihw.f32()[(o * kIn + i) * kSide * kSide + hw] = value;
          hwio.f32()[(hw * kIn + i) * kOut + o] = value;
        }
      }
    }
    if (gated) {
      const auto halves = [&](const char *port, const StoredTensor &whole) {
        std::vector<int64_t> shape = whole.shape;
        shape[0] /= 2;
        ours.tensors[layer + ".feature_" + port] = StoredTensor::of_f32(shape, whole.f32());
        ours.tensors[layer + ".gate_" + port] = StoredTensor::of_f32(shape, whole.f32() + whole.elements() / 2);
      };
      halves("weight", oihw);
      halves("bias", bias);
    } else {
      ours.tensors[layer + ".weight"] = oihw;
      ours.tensors[layer + ".bias"] = bias;
    }
    const bool enlarges = layer.ends_with("_upsample");
    torch.tensors[layer + (enlarges ? ".conv.conv.weight" : ".conv.weight")] = oihw;
    torch.tensors[layer + (enlarges ? ".conv.conv.bias" : ".conv.bias")] = bias;
    const std::string scope = "inpaint_net/" + layer + (enlarges ? "/" + layer + "_conv" : "");
    tensorflow.tensors[scope + "/kernel"] = hwio;
    tensorflow.tensors[scope + "/bias"] = bias;
  }

  int layers_ = 0;
};

class DeepFillNames : public ::testing::Test {
 protected:
  const NamesFile names_ = read_names(test::source_dir() / "models/deepfill2.names");
  TinyDeepFill tiny_;
};

TEST_F(DeepFillNames, AllDialectsGiveTheSame) {
  ASSERT_EQ(tiny_.ours.tensors.size(), 164u);
  for (const auto &[dialect, source] :
       {std::pair{"sluice", &tiny_.ours}, {"torch", &tiny_.torch}, {"tensorflow", &tiny_.tensorflow}}) {
    const Conversion result = apply_names(names_, *source, dialect);
    EXPECT_EQ(result.dialect, dialect);
    EXPECT_EQ(result.parameters, (std::map<std::string, std::string>{{"width", "4"}})) << dialect;
    EXPECT_TRUE(result.tensors == tiny_.ours.tensors) << dialect;
  }
}

TEST_F(DeepFillNames, TrainingStateOfTensorFlowIsIgnored) {
  Archive trained = tiny_.tensorflow;
  for (const auto &[name, tensor] : tiny_.tensorflow.tensors) {
    trained.tensors[name + "/Adam"] = tensor;
    trained.tensors[name + "/Adam_1"] = tensor;
  }
  for (const char *scalar : {"beta1_power", "beta2_power", "lr"}) trained.tensors[scalar] = counting({});
  trained.tensors["global_step"] = {DType::i32, {}, test::Bytes(4)};
  trained.tensors["discriminator/sn_patch_gan/conv1/kernel"] = counting({5, 5, 4, 8});
  trained.tensors["discriminator/sn_patch_gan/conv1/kernel_sn/u"] = counting({1, 8});
  const Conversion result = apply_names(names_, trained, "s");
  EXPECT_EQ(result.ignored, 2 * 84 + 4 + 2u);
  EXPECT_TRUE(result.tensors == tiny_.ours.tensors);
  trained.tensors["inpaint_net/conv1/Adam_2"] = counting({1});
  EXPECT_PRED_FORMAT2(IsSubstring, "1 unexpected: 'inpaint_net/conv1/Adam_2'", refusal(names_, trained));
}

TEST_F(DeepFillNames, EveryMissingTensorIsNoticed) {
  for (const Archive *source : {&tiny_.ours, &tiny_.torch, &tiny_.tensorflow}) {
    for (const auto &[name, tensor] : source->tensors) {
      Archive less = *source;
      less.tensors.erase(name);
      EXPECT_PRED_FORMAT2(IsSubstring, "1 missing: '" + name + "'", refusal(names_, less));
    }
  }
}

}  // namespace
}  // namespace sluice
