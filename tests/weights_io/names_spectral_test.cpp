// SPDX-License-Identifier: Apache-2.0
// Spectral norm in the storage of several versions of PyTorch: renamed tensors, and vectors that a file does not hold.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <tuple>

#include "tests/support/fixture.h"
#include "tests/weights_io/names_support.h"
#include "weights_io/names/names.h"
#include "weights_io/safetensors.h"

namespace sluice {
namespace {

using test::counted;
using test::message_of;
using ::testing::IsSubstring;

constexpr const char *kNames = R"(model m
set part = weight_u weight_v
dialect sluice
  l.weight_orig -> l.weight_orig layout=oi
  l.{part} -> l.{part} layout=o
dialect torch like sluice
  prefix p.
dialect old like torch
  solve *.weight_v = *.weight_orig, *.weight_u by *.weight
dialect new like torch
  rename *.weight_orig = *.parametrizations.weight.original
  rename *.weight_u = *.parametrizations.weight.0._u
  rename *.weight_v = *.parametrizations.weight.0._v
)";

StoredTensor of(std::vector<int64_t> shape, const std::vector<float> &values) {
  return StoredTensor::of_f32(std::move(shape), values.data());
}

// u . (W v)
double norm_of(const StoredTensor &weight, const StoredTensor &u, const StoredTensor &v) {
  double norm = 0;
  const int64_t columns = v.shape[0];
  for (int64_t o = 0; o < u.shape[0]; ++o) {
    for (int64_t k = 0; k < columns; ++k) {
      norm += static_cast<double>(u.f32()[o]) * weight.f32()[o * columns + k] * v.f32()[k];
    }
  }
  return norm;
}

StoredTensor divided(const StoredTensor &weight, double norm) {
  StoredTensor result = weight;
  for (int64_t i = 0; i < weight.elements(); ++i) {
    result.f32()[i] = static_cast<float>(weight.f32()[i] / norm);
  }
  return result;
}

Archive without_v() {
  return {{{"l.weight_orig", of({2, 3}, {3, 0, 4, 0, 5, 0})}, {"l.weight_u", of({2}, {1, 0})}}, {}};
}

std::string refusal(Archive file) {
  return message_of(ErrorCode::bad_file, [&] { apply_names(parse_names(kNames, "n"), std::move(file), "f"); });
}

TEST(NamesSpectral, WithoutVOnePowerStepMakesIt) {
  const Conversion read = apply_names(parse_names(kNames, "n"), without_v(), "f");
  EXPECT_EQ(read.dialect, "old");
  EXPECT_EQ(read.ignored, 0u);
  EXPECT_TRUE(read.tensors.at("l.weight_v") == of({3}, {0.6f, 0, 0.8f}));
}

TEST(NamesSpectral, WithTheDividedWeightTheNormIsKept) {
  Archive file = without_v();
  file.tensors["l.weight"] = divided(file.tensors["l.weight_orig"], 4.5);
  const Conversion read = apply_names(parse_names(kNames, "n"), file, "f");
  EXPECT_EQ(read.dialect, "old");
  EXPECT_EQ(read.ignored, 1u);
  const auto &[weight, u, v] =
      std::tie(read.tensors.at("l.weight_orig"), read.tensors.at("l.weight_u"), read.tensors.at("l.weight_v"));
  EXPECT_NEAR(norm_of(weight, u, v), 4.5, 1e-6);
}

TEST(NamesSpectral, WhereThereIsNoVItIsSaid) {
  Archive file = without_v();
  file.tensors["l.weight"] = of({2, 3}, {3, 0, 4, 0, 4, 0});
  EXPECT_PRED_FORMAT2(IsSubstring, "): 1 unequal: 'l.weight' is not the weight divided by a norm", refusal(file));
  file.tensors["l.weight"] = of({2, 3}, {0, 0, 0, 0, 0, 0});
  EXPECT_PRED_FORMAT2(IsSubstring, "'l.weight' is not the weight divided by a norm", refusal(file));
  file.tensors["l.weight"] = divided(file.tensors["l.weight_orig"], -4.5);
  EXPECT_PRED_FORMAT2(IsSubstring, "'l.weight' is not the weight divided by a norm", refusal(file));
  file.tensors["l.weight"] = divided(file.tensors["l.weight_orig"], 4.5);
  file.tensors["l.weight_u"] = of({2}, {0, 0});
  EXPECT_PRED_FORMAT2(IsSubstring, "'l.weight' has no norm in the direction of u", refusal(file));
  file.tensors.erase("l.weight");
  file.tensors["l.weight_u"] = of({2}, {NAN, 0});
  EXPECT_PRED_FORMAT2(IsSubstring, "1 unequal: 'l.weight_orig' has no norm in the direction of u", refusal(file));
}

TEST(NamesSpectral, ShapesAreJudgedBefore) {
  Archive file = without_v();
  file.tensors["l.weight_u"] = of({3}, {1, 0, 0});
  EXPECT_PRED_FORMAT2(IsSubstring,
                      "): 1 misshapen: 'l.weight_v': no v belongs to a weight of shape [2, 3] and a u of shape [3]",
                      refusal(file));
  file = without_v();
  file.tensors["l.weight"] = counted({3, 2});
  EXPECT_PRED_FORMAT2(IsSubstring, "1 misshapen: 'l.weight': type F32, shape [3, 2], expected those of 'l.weight_orig'",
                      refusal(file));
  file.tensors["l.weight"] = {DType::i32, {2, 3}, test::Bytes(24)};
  EXPECT_PRED_FORMAT2(IsSubstring, "1 misshapen: 'l.weight': type I32, shape [2, 3], expected", refusal(file));
}

TEST(NamesSpectral, AVectorThatWouldBeLostIsNotLeftOut) {
  const NamesFile names = parse_names(kNames, "n");
  TensorMap ours = apply_names(names, without_v(), "f").tensors;
  EXPECT_TRUE(export_names(names, "old", ours, "s").tensors == without_v().tensors);
  ours["l.weight_v"].f32()[0] = 0.6f + 1e-6f;
  EXPECT_EQ(message_of(ErrorCode::bad_file, [&] { export_names(names, "old", ours, "s"); }),
            "s: is not model m as n names it (for dialect old): 1 unequal: 'l.weight_v' is not what 'l.weight_orig' "
            "and 'l.weight_u' make, and this dialect has no place for it");
  EXPECT_EQ(export_names(names, "", ours, "s").tensors.size(), 3u);
  ours["l.weight_orig"].f32()[0] = NAN;
  EXPECT_PRED_FORMAT2(IsSubstring, "1 unequal: 'l.weight_v' is not what",
                      message_of(ErrorCode::bad_file, [&] { export_names(names, "old", ours, "s"); }));
  ours["l.weight_u"] = counted({3});
  EXPECT_PRED_FORMAT2(IsSubstring, "1 misshapen: 'l.weight_v': no v belongs to",
                      message_of(ErrorCode::bad_file, [&] { export_names(names, "old", ours, "s"); }));
  ours.erase("l.weight_v");
  EXPECT_PRED_FORMAT2(IsSubstring, "1 missing: 'l.weight_v'",
                      message_of(ErrorCode::bad_file, [&] { export_names(names, "old", ours, "s"); }));
}

// The reference's own folded weights, as files of before version 1 hold them.
TEST(NamesSpectral, TheFoldedWeightsOfTheReferenceGiveItsNorms) {
  const Archive fixture = read_safetensors(testing::fixture_path("layers/gated_conv2d_sn_eval.safetensors"));
  const auto &tensors = fixture.tensors;
  const TensorMap parameters = testing::with_prefix(tensors, "param."), state = testing::with_prefix(tensors, "state."),
                  keep = testing::with_prefix(tensors, "keep.");
  for (const std::string part : {"feature", "gate"}) {
    const StoredTensor &weight = parameters.at(part + "_weight_orig"), &u = state.at(part + "_weight_u");
    const StoredTensor &folded = keep.at(part + "_weight");
    const double norm = norm_of(weight, u, state.at(part + "_weight_v"));
    EXPECT_LE(testing::relative_error(divided(weight, norm), folded), 1e-6);
    const StoredTensor v = solved_v(weight, u, &folded);
    EXPECT_NEAR(norm_of(weight, u, v) / norm, 1, 1e-6);
  }
}

// A whole network of the fixtures in every storage.
class Storage : public ::testing::TestWithParam<std::pair<const char *, const char *>> {
 protected:
  const NamesFile names = read_names(test::model_file(GetParam().first + std::string(".names")));
  const Archive published =
      read_safetensors(testing::fixture_path(std::string("sketchfill/") + GetParam().second + ".safetensors"));
  const Conversion expected = apply_names(names, published, "f");

  // Every tensor whose name ends so, under another name; what comes back empty is left out.
  Archive renamed(const std::function<std::string(const std::string &)> &rename) const {
    Archive made;
    for (const auto &[name, tensor] : published.tensors) {
      const std::string other = rename(name);
      if (!other.empty()) made.tensors["module." + other] = tensor;
    }
    return made;
  }
};

std::string replaced(std::string name, const std::string &end, const std::string &by) {
  return name.ends_with(end) ? name.replace(name.size() - end.size(), end.size(), by) : name;
}

TEST_P(Storage, ParametrizationsWithAndWithoutUnderscores) {
  for (const std::string underscore : {"_", ""}) {
    const Archive file = renamed([&](std::string name) {
      name = replaced(name, ".weight_orig", ".parametrizations.weight.original");
      name = replaced(name, ".weight_u", ".parametrizations.weight.0." + underscore + "u");
      return replaced(name, ".weight_v", ".parametrizations.weight.0." + underscore + "v");
    });
    const Conversion read = apply_names(names, file, "f");
    EXPECT_EQ(read.dialect, underscore.empty() ? "torch_parametrizations_1_9" : "torch_parametrizations");
    EXPECT_TRUE(read.tensors == expected.tensors);
    EXPECT_EQ(read.parameters, expected.parameters);
    EXPECT_EQ(read.ignored, expected.ignored);
  }
}

TEST_P(Storage, BeforeVersionOneTheNormIsThatOfTheDividedWeight) {
  const auto drop_v = [](const std::string &name) {
    return replaced(name, ".weight_v", "").size() < name.size() ? "" : name;
  };
  Archive file = renamed(drop_v);
  std::size_t vectors = 0;
  const auto sigma = [](const TensorMap &ours, const std::string &layer) {
    return norm_of(ours.at(layer + ".weight_orig"), ours.at(layer + ".weight_u"), ours.at(layer + ".weight_v"));
  };
  for (const auto &[name, v] : expected.tensors) {
    const std::string layer = replaced(name, ".weight_v", "");
    if (layer == name) continue;
    ++vectors;
    const StoredTensor &weight = expected.tensors.at(layer + ".weight_orig");
    file.tensors["module." + layer + ".weight"] = divided(weight, sigma(expected.tensors, layer));
  }
  const Conversion read = apply_names(names, file, "f");
  EXPECT_EQ(read.dialect, "torch_without_v");
  EXPECT_EQ(read.ignored, expected.ignored + vectors);
  EXPECT_GT(vectors, 10u);
  for (const auto &[name, tensor] : expected.tensors) {
    const std::string layer = replaced(name, ".weight_v", "");
    if (layer == name) {
      EXPECT_TRUE(read.tensors.at(name) == tensor) << name;
    } else {
      EXPECT_NEAR(sigma(read.tensors, layer) / sigma(expected.tensors, layer), 1, 1e-6) << layer;
    }
  }
  // Without the divided weights every norm is that of a power step, which is never smaller than u . (W v) of another v.
  const Conversion stepped = apply_names(names, renamed(drop_v), "f");
  for (const auto &[name, tensor] : expected.tensors) {
    const std::string layer = replaced(name, ".weight_v", "");
    if (layer == name) continue;
    EXPECT_GE(sigma(stepped.tensors, layer), sigma(expected.tensors, layer) * (1 - 1e-6)) << layer;
  }
}

INSTANTIATE_TEST_SUITE_P(Sketch, Storage,
                         ::testing::Values(std::pair("sketchfill_shape", "shape_generator"),
                                           std::pair("sketchfill_shape_discriminator", "shape_discriminator"),
                                           std::pair("sketchfill_appearance", "appearance_generator"),
                                           std::pair("sketchfill_appearance_discriminator",
                                                     "appearance_discriminator")),
                         [](const auto &instance) { return std::string(instance.param.first); });

}  // namespace
}  // namespace sluice
