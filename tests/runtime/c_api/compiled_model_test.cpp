// SPDX-License-Identifier: Apache-2.0
// Models that bring their own table of kernels: only those are used.
#include "runtime/c_api/compiled_model.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/runtime/c_api/c_model.h"
#include "weights_io/safetensors.h"

namespace sluice {
namespace {

using testing::CModel;
using testing::dense;

constexpr const char *kGraph =
    "model own\ninput x [1 2 1 1]\nconv2d y from x kernel=1 channels=1 padding=0 bias=false\noutput y\n";

const std::string &layer() {
  static const std::string op = parse_graph(kGraph, "own.graph").nodes.at(0).op;
  return op;
}

// Of that layer alone.
const KernelTable &own_kernels() {
  static const KernelTable table = [] {
    KernelTable own;
    own.add_schema(KernelTable::linked().schema(layer()));
    for (const Kernel &kernel : KernelTable::linked().kernels()) {
      if (kernel.layer == layer()) own.add(kernel);
    }
    return own;
  }();
  return table;
}

std::vector<std::byte> weights() {
  const float weight[] = {2, 3};
  return serialize_safetensors({{{"y.weight", StoredTensor::of_f32({1, 2, 1, 1}, weight)}}, {}});
}

TEST(CompiledModel, RunsByItsOwnKernels) {
  const CompiledModel compiled{"own.graph", kGraph, &own_kernels()};
  const auto bytes = weights();
  sluice_model *model = nullptr;
  ASSERT_EQ(load_compiled_model(compiled, bytes.data(), bytes.size(), nullptr, &model), SLUICE_OK)
      << sluice_last_error();
  const CModel owner(model, sluice_model_free);
  std::vector<float> x{5, 7}, y{0};
  const sluice_tensor in = dense("x", x, {1, 2, 1, 1}), out = dense("y", y, {1, 1, 1, 1});
  ASSERT_EQ(sluice_run(model, &in, 1, &out, 1, nullptr), SLUICE_OK) << sluice_last_error();
  EXPECT_EQ(y[0], 31);
}

TEST(CompiledModel, HasNoOtherKernels) {
  const CompiledModel compiled{"other.graph", testing::kReluGraph, &own_kernels()};
  sluice_model *model = nullptr;
  EXPECT_EQ(load_compiled_model(compiled, nullptr, 0, nullptr, &model), SLUICE_ERROR_NOT_FOUND);
  EXPECT_NE(std::strstr(sluice_last_error(), ("built: " + layer()).c_str()), nullptr) << sluice_last_error();
}

TEST(CompiledModel, HasNoOtherDevices) {
  const CompiledModel compiled{"own.graph", kGraph, &own_kernels()};
  const auto bytes = weights();
  sluice_model *model = nullptr;
  sluice_model_options options;
  ASSERT_EQ(sluice_model_options_init(&options, sizeof(options)), SLUICE_OK);
  options.device = "cuda:1";
  EXPECT_EQ(load_compiled_model(compiled, bytes.data(), bytes.size(), &options, &model), SLUICE_ERROR_NOT_FOUND);
  EXPECT_STREQ(sluice_last_error(), "device cuda: this library has no kernels for it");
  options.device = "auto";
  ASSERT_EQ(load_compiled_model(compiled, bytes.data(), bytes.size(), &options, &model), SLUICE_OK)
      << sluice_last_error();
  sluice_model_free(model);
}

TEST(CompiledModel, WeightsFromAFile) {
  const CompiledModel compiled{"own.graph", kGraph, &own_kernels()};
  const std::string file = ::testing::TempDir() + "compiled_model.safetensors";
  const auto bytes = weights();
  write_safetensors(file, parse_safetensors(bytes, "test"));
  sluice_model *model = nullptr;
  ASSERT_EQ(load_compiled_model(compiled, file.c_str(), nullptr, &model), SLUICE_OK) << sluice_last_error();
  sluice_model_free(model);
  EXPECT_EQ(load_compiled_model(compiled, nullptr, nullptr, &model), SLUICE_ERROR_BAD_FILE) << "it has weights";
  EXPECT_EQ(load_compiled_model(compiled, file.c_str(), nullptr, nullptr), SLUICE_ERROR_USAGE);
}

TEST(CompiledModel, RefusesWeightsForOtherParameters) {
  const std::string graph = "model own\nparam width=2\ninput x [1 width 1 1]\n" + layer() +
                            " y from x kernel=1 channels=1 padding=0 bias=false\noutput y\n";
  const float weight[] = {2, 3, 4};
  const std::vector<std::byte> bytes =
      serialize_safetensors({{{"y.weight", StoredTensor::of_f32({1, 3, 1, 1}, weight)}}, {{"param.width", "3"}}});
  CompiledModel compiled{"own.graph", graph.c_str(), &own_kernels(), {{"width", "2"}}};
  sluice_model *model = nullptr;
  EXPECT_EQ(load_compiled_model(compiled, bytes.data(), bytes.size(), nullptr, &model), SLUICE_ERROR_BAD_FILE);
  EXPECT_STREQ(sluice_last_error(), "own.graph: its kernels are made for width=2, the weights are for width=3");
  compiled.parameters = {{"width", "3"}};
  EXPECT_EQ(load_compiled_model(compiled, bytes.data(), bytes.size(), nullptr, &model), SLUICE_OK)
      << sluice_last_error();
  sluice_model_free(model);
}

TEST(CompiledModel, RefusesKernelsOfOtherInstructionSets) {
  KernelTable other = own_kernels();
  other.set_isas({"another"});
  const CompiledModel compiled{"own.graph", kGraph, &other};
  const auto bytes = weights();
  sluice_model *model = nullptr;
  EXPECT_EQ(load_compiled_model(compiled, bytes.data(), bytes.size(), nullptr, &model), SLUICE_ERROR_NOT_FOUND);
  EXPECT_NE(std::strstr(sluice_last_error(), "its kernels are built for another"), nullptr) << sluice_last_error();
}

}  // namespace
}  // namespace sluice
