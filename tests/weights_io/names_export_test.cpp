// SPDX-License-Identifier: Apache-2.0
// Writing our weights in the names of others, for every names file of the project and every dialect in it.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/weights_io/names_support.h"
#include "weights_io/names/names.h"

namespace sluice {
namespace {

using test::counted;
using test::message_of;
using ::testing::IsNotSubstring;
using ::testing::IsSubstring;

TensorMap behind(const std::string &prefix, const TensorMap &tensors) {
  TensorMap renamed;
  for (const auto &[name, tensor] : tensors) renamed[prefix + name] = tensor;
  return renamed;
}

// What the dialect makes of it when it reads its vectors v out of the others.
TensorMap with_solved(TensorMap ours, const NameDialect &dialect) {
  for (const NameSolve &solve : dialect.solved) {
    ours[solve.v] = solved_v(ours.at(solve.weight), ours.at(solve.u), nullptr);
  }
  return ours;
}

class EveryNamesFile : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryNamesFile, WhatEveryDialectWritesIsReadBackBitForBit) {
  NamesFile names = read_names(test::model_file(GetParam()));
  names.parameters.clear();  // made-up shapes are no network's
  const TensorMap ours = test::made_up(names);
  for (const NameDialect &dialect : names.dialects) {
    SCOPED_TRACE(dialect.name);
    const TensorMap expected = with_solved(ours, dialect);
    const Export written = export_names(names, dialect.name, expected, "s");
    EXPECT_EQ(written.dialect, dialect.name);
    EXPECT_EQ(written.tensors.size(), dialect.rules.size() + dialect.duplicates.size() + dialect.constants.size());
    std::vector<std::string> prefixes = {""};
    prefixes.insert(prefixes.end(), dialect.prefixes.begin(), dialect.prefixes.end());
    for (const std::string &prefix : prefixes) {
      const Conversion read = apply_names(names, {behind(prefix, written.tensors), {}}, "f");
      EXPECT_TRUE(read.tensors == expected) << "behind '" << prefix << "'";
      EXPECT_EQ(read.ignored, dialect.duplicates.size() + dialect.constants.size());
    }
  }
}

TEST_P(EveryNamesFile, IsWrittenForPyTorchWhereFilesForItWerePublished) {
  const NamesFile names = read_names(test::model_file(GetParam()));
  const bool has_torch = std::any_of(names.dialects.begin(), names.dialects.end(),
                                     [](const NameDialect &dialect) { return dialect.name == "torch"; });
  EXPECT_EQ(export_names(names, "", test::made_up(names), "s").dialect, has_torch ? "torch" : "sluice");
  EXPECT_EQ(names.dialects.front().name, "sluice");
}

// Nothing that is wrong with one tensor goes by.
TEST_P(EveryNamesFile, NeedsEveryTensorOfEveryDialect) {
  NamesFile names = read_names(test::model_file(GetParam()));
  names.parameters.clear();
  const TensorMap ours = test::made_up(names);
  for (const NameDialect &dialect : names.dialects) {
    const TensorMap written = export_names(names, dialect.name, with_solved(ours, dialect), "s").tensors;
    for (const NameRule &rule : dialect.rules) {
      Archive without = {written, {}};
      without.tensors.erase(rule.source);
      const std::string message = message_of(ErrorCode::bad_file, [&] { apply_names(names, std::move(without), "f"); });
      EXPECT_PRED_FORMAT2(IsSubstring, "missing: '", message) << dialect.name << ' ' << rule.source;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryNamesFile, ::testing::ValuesIn(test::all_names_files()), [](const auto &instance) {
  std::string name = instance.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '/' || c == '.'; }, '_');
  return name;
});

constexpr const char *kJoined = R"(model m
dialect ours
  a.f -> a.f layout=oi
  a.g -> a.g layout=oi
  b.w -> b.w layout=o
dialect theirs
  a -> a.f, a.g layout=1io split=o
  b -> b.w layout=o1
  same c = b
  constant k[2,2] = 1 0 0.5 -2
)";

TensorMap small() { return {{"a.f", counted({2, 3})}, {"a.g", counted({2, 3}, 10)}, {"b.w", counted({2})}}; }

TEST(NamesExport, JoinsHalvesReordersAxesAddsCopiesAndConstants) {
  const Export made = export_names(parse_names(kJoined, "n"), "theirs", small(), "s");
  const auto values = [&](const char *name) {
    const StoredTensor &tensor = made.tensors.at(name);
    return std::vector<float>(tensor.f32(), tensor.f32() + tensor.elements());
  };
  EXPECT_EQ(made.tensors.size(), 4u);
  EXPECT_EQ(made.tensors.at("a").shape, (std::vector<int64_t>{1, 3, 4}));
  EXPECT_EQ(values("a"), (std::vector<float>{0, 3, 10, 13, 1, 4, 11, 14, 2, 5, 12, 15}));
  EXPECT_EQ(made.tensors.at("b").shape, (std::vector<int64_t>{2, 1}));
  EXPECT_TRUE(made.tensors.at("c") == made.tensors.at("b"));
  EXPECT_EQ(made.tensors.at("k").shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(values("k"), (std::vector<float>{1, 0, 0.5, -2}));
}

TEST(NamesExport, TheFirstDialectWhereNoneIsForPyTorch) {
  EXPECT_EQ(export_names(parse_names(kJoined, "n"), "", small(), "s").dialect, "ours");
  EXPECT_EQ(message_of(ErrorCode::usage, [] { export_names(parse_names(kJoined, "n"), "torch", small(), "s"); }),
            "n: no dialect 'torch' (there are ours, theirs)");
}

TEST(NamesExport, EverythingThatDoesNotFitIsListedTogether) {
  TensorMap ours = small();
  ours["a.g"] = counted({2, 4});
  ours["b.w"] = counted({2, 1});
  ours["c.w"] = counted({1});
  const auto refusal = [&] {
    return message_of(ErrorCode::bad_file, [&] { export_names(parse_names(kJoined, "n"), "theirs", ours, "s"); });
  };
  EXPECT_EQ(refusal(),
            "s: is not model m as n names it (for dialect theirs): 1 unexpected: 'c.w'; 2 misshapen: 'a.g': shape "
            "[2, 4], expected that of 'a.f', [2, 3], 'b.w': shape [2, 1], expected 1 axes");
  ours.erase("a.g");
  ours["b.w"] = {DType::f16, {2}, test::Bytes(4)};
  EXPECT_EQ(refusal(),
            "s: is not model m as n names it (for dialect theirs): 1 missing: 'a.g'; 1 unexpected: 'c.w'; 1 misshapen: "
            "'b.w': type F16, expected F32");
}

TEST(NamesExport, EmptyTensorsOfHugeExtentsAreNoTrouble) {
  const int64_t huge = int64_t{1} << 62;
  TensorMap ours = {{"a.f", counted({huge, 0})}, {"a.g", counted({huge, 0})}, {"b.w", counted({0})}};
  EXPECT_PRED_FORMAT2(
      IsSubstring, "shape [4611686018427387904, 0] leaves 64 bits when 2 of it are joined",
      message_of(ErrorCode::bad_file, [&] { export_names(parse_names(kJoined, "n"), "theirs", ours, "s"); }));
  ours["a.f"] = ours["a.g"] = counted({0, huge});
  EXPECT_EQ(export_names(parse_names(kJoined, "n"), "theirs", ours, "s").tensors.at("a").shape,
            (std::vector<int64_t>{1, huge, 0}));
}

TEST(NamesExport, ConstantsAreCheckedWhereTheyAre) {
  const NamesFile names = parse_names(kJoined, "n");
  TensorMap file = export_names(names, "theirs", small(), "s").tensors;
  EXPECT_EQ(apply_names(names, {file, {}}, "f").ignored, 2u);
  file.erase("k");  // files of before it was stored
  EXPECT_TRUE(apply_names(names, {file, {}}, "f").tensors == small());
  file["k"] = counted({2, 2});
  const auto refusal = [&] { return message_of(ErrorCode::bad_file, [&] { apply_names(names, {file, {}}, "f"); }); };
  constexpr const char *kUnequal = "): 1 unequal: 'k' is not the constant of this network";
  EXPECT_PRED_FORMAT2(IsSubstring, kUnequal, refusal());
  file["k"] = counted({4});
  EXPECT_PRED_FORMAT2(IsSubstring, kUnequal, refusal());
  const double huge = 1e300;
  file["k"] = {DType::f64, {2, 2}, test::Bytes(32)};
  std::memcpy(file["k"].bytes.data(), &huge, sizeof huge);
  EXPECT_PRED_FORMAT2(IsSubstring, kUnequal, refusal());
  file["k"] = {DType::i64, {2, 2}, test::Bytes(32)};
  EXPECT_PRED_FORMAT2(IsSubstring, kUnequal, refusal());
}

}  // namespace
}  // namespace sluice
