// SPDX-License-Identifier: Apache-2.0
// Loading through the C API, its errors, and what a model says of itself.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/runtime/c_api/c_model.h"
#include "weights_io/safetensors.h"

namespace sluice {
namespace {

using testing::CModel;
using testing::load_text;

const std::string kModels = SLUICE_SOURCE_DIR "/models/";

sluice_model_options options_of(const sluice_parameter &parameter) {
  sluice_model_options options{};
  options.struct_size = sizeof options;
  options.parameters = &parameter;
  options.parameter_count = 1;
  return options;
}

sluice_port port_of(const CModel &model, bool input, size_t index) {
  sluice_port port{};
  port.struct_size = sizeof port;
  EXPECT_EQ((input ? sluice_model_input : sluice_model_output)(model.get(), index, &port), SLUICE_OK)
      << sluice_last_error();
  return port;
}

TEST(CModelLoad, FromFiles) {
  sluice_model *loaded = nullptr;
  ASSERT_EQ(sluice_model_load((kModels + "deepfill2.graph").c_str(), (kModels + "deepfill2.safetensors").c_str(),
                              nullptr, &loaded),
            SLUICE_OK)
      << sluice_last_error();
  const CModel model(loaded, sluice_model_free);
  EXPECT_STREQ(sluice_model_name(loaded), "deepfill2");
  EXPECT_GE(sluice_model_input_count(loaded), 2U);
  const sluice_port image = port_of(model, true, 0);
  EXPECT_STREQ(image.name, "image");
  EXPECT_EQ(image.rank, 4);
  EXPECT_EQ(image.extents[0], -1);
  EXPECT_EQ(image.extents[1], 3);
  EXPECT_STREQ(image.symbols[3], "w");
  EXPECT_EQ(image.symbols[1], nullptr);
  EXPECT_EQ(image.element, SLUICE_FLOAT32);
  EXPECT_EQ(image.optional, 0);
  EXPECT_STREQ(port_of(model, false, 0).name, "filled");
}

TEST(CModelLoad, WhatIsWrongWithFiles) {
  sluice_model *model = nullptr;
  EXPECT_EQ(sluice_model_load("/nowhere.graph", nullptr, nullptr, &model), SLUICE_ERROR_NOT_FOUND);
  EXPECT_NE(std::strstr(sluice_last_error(), "/nowhere.graph"), nullptr) << sluice_last_error();
  const std::string graph = kModels + "deepfill2.graph";
  EXPECT_EQ(sluice_model_load(graph.c_str(), "/nowhere.safetensors", nullptr, &model), SLUICE_ERROR_NOT_FOUND);
  EXPECT_EQ(sluice_model_load(graph.c_str(), graph.c_str(), nullptr, &model), SLUICE_ERROR_BAD_FILE);
  EXPECT_EQ(sluice_model_load(graph.c_str(), nullptr, nullptr, &model), SLUICE_ERROR_BAD_FILE) << "no weights";
  EXPECT_EQ(sluice_model_load(nullptr, nullptr, nullptr, &model), SLUICE_ERROR_USAGE);
  EXPECT_STREQ(sluice_last_error(), "graph_file is null");
  EXPECT_EQ(sluice_model_load(graph.c_str(), nullptr, nullptr, nullptr), SLUICE_ERROR_USAGE);
  EXPECT_EQ(model, nullptr);
}

TEST(CModelLoad, FromMemory) {
  const char *graph =
      "model scaled\ninput x [1 2 1 1]\nconv2d y from x kernel=1 channels=1 padding=0 bias=false\noutput y\n";
  const float weight[] = {2, 3};
  const auto bytes = serialize_safetensors({{{"y.weight", StoredTensor::of_f32({1, 2, 1, 1}, weight)}}, {}});
  for (const int pack_each_run : {0, 1}) {
    sluice_model_options options{};
    ASSERT_EQ(sluice_model_options_init(&options, sizeof options), SLUICE_OK);
    options.pack_each_run = pack_each_run;
    sluice_model *model = nullptr;
    ASSERT_EQ(sluice_model_load_memory("m.graph", graph, bytes.data(), bytes.size(), &options, &model), SLUICE_OK)
        << sluice_last_error();
    const CModel owner(model, sluice_model_free);
    std::vector<float> x{5, 7}, y{0};
    const sluice_tensor in = testing::dense("x", x, {1, 2, 1, 1}), out = testing::dense("y", y, {1, 1, 1, 1});
    for (int run = 0; run < 2; run++) {
      y[0] = 0;
      ASSERT_EQ(sluice_run(model, &in, 1, &out, 1, nullptr), SLUICE_OK) << sluice_last_error();
      EXPECT_EQ(y[0], 31);
    }
  }

  sluice_model *none = nullptr;
  EXPECT_EQ(sluice_model_load_memory("m.graph", graph, bytes.data(), bytes.size() - 1, nullptr, &none),
            SLUICE_ERROR_BAD_FILE);
  EXPECT_NE(std::strstr(sluice_last_error(), "m.graph (weights)"), nullptr) << sluice_last_error();
  EXPECT_EQ(sluice_model_load_memory("m.graph", "model broken\nnonsense\n", nullptr, 0, nullptr, &none),
            SLUICE_ERROR_BAD_FILE);
  EXPECT_NE(std::strstr(sluice_last_error(), "m.graph:2"), nullptr) << sluice_last_error();
  EXPECT_EQ(sluice_model_load_memory(nullptr, graph, nullptr, 0, nullptr, &none), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_model_load_memory("m.graph", nullptr, nullptr, 0, nullptr, &none), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_model_load_memory("m.graph", graph, nullptr, 9, nullptr, &none), SLUICE_ERROR_USAGE);
  EXPECT_EQ(none, nullptr);
}

TEST(CModelLoad, ParametersOfTheGraph) {
  const std::string graph =
      "model wide\nparam width=2\ninput x [n width h w]\nactivation y from x activation=relu\noutput y\n";
  EXPECT_EQ(port_of(load_text(graph), true, 0).extents[1], 2);
  const sluice_parameter five{"width", "5"}, unknown{"depth", "5"}, nameless{nullptr, "5"}, empty{"width", nullptr};
  const sluice_model_options options = options_of(five);
  EXPECT_EQ(port_of(load_text(graph, &options), true, 0).extents[1], 5);
  for (const sluice_parameter &wrong : {unknown, nameless, empty}) {
    const sluice_model_options refused = options_of(wrong);
    sluice_model *model = nullptr;
    EXPECT_EQ(sluice_model_load_memory("g", graph.c_str(), nullptr, 0, &refused, &model), SLUICE_ERROR_USAGE);
  }
}

TEST(CModelLoad, OptionsAreChecked) {
  sluice_model *model = nullptr;
  const auto load = [&](const sluice_model_options &options) {
    return sluice_model_load_memory("g", testing::kReluGraph, nullptr, 0, &options, &model);
  };
  sluice_model_options options{};
  EXPECT_EQ(load(options), SLUICE_ERROR_USAGE) << "no struct_size";
  options.struct_size = sizeof options;
  options.algorithm = "slowest";
  EXPECT_EQ(load(options), SLUICE_ERROR_USAGE);
  options.algorithm = nullptr;
  options.device = "abacus";
  EXPECT_EQ(load(options), SLUICE_ERROR_NOT_FOUND);
  options.device = nullptr;
  char context = 0;
  options.cuda_context = &context;
  EXPECT_EQ(load(options), SLUICE_ERROR_USAGE) << "a CUDA context for the CPU";
  options.device = "cuda:1";
  EXPECT_EQ(load(options), SLUICE_ERROR_USAGE) << "a context is of a device already";
  options.device = nullptr;
  options.cuda_context = nullptr;
  options.parameter_count = 1;
  EXPECT_EQ(load(options), SLUICE_ERROR_USAGE) << "parameters is null";
  EXPECT_EQ(model, nullptr);
}

TEST(CModelPorts, LabelsAndConstants) {
  const CModel model = load_text(
      "model labels\ninput label [n 1 1 1] range=0,9\ninput ones [n 1 1 1] value=1\n"
      "elementwise y from label,ones operation=add\noutput y\n");
  const sluice_port label = port_of(model, true, 0), ones = port_of(model, true, 1), y = port_of(model, false, 0);
  EXPECT_EQ(label.element, SLUICE_INT64);
  EXPECT_EQ(label.first, 0);
  EXPECT_EQ(label.last, 9);
  EXPECT_EQ(ones.optional, 1);
  EXPECT_EQ(y.rank, 0) << "the graph does not say";
  sluice_port port{};
  port.struct_size = sizeof port;
  EXPECT_EQ(sluice_model_input(model.get(), 2, &port), SLUICE_ERROR_USAGE);
  EXPECT_STREQ(sluice_last_error(), "the model has 2 inputs, there is no input 2");
  EXPECT_EQ(sluice_model_output(model.get(), 0, nullptr), SLUICE_ERROR_USAGE);
}

TEST(CModelPorts, WithoutAModel) {
  sluice_port port{};
  port.struct_size = sizeof port;
  EXPECT_EQ(sluice_model_input(nullptr, 0, &port), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_model_output(nullptr, 0, &port), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_model_input_count(nullptr), 0U);
  EXPECT_EQ(sluice_model_output_count(nullptr), 0U);
  EXPECT_EQ(sluice_model_name(nullptr), nullptr);
  sluice_model_free(nullptr);
}

}  // namespace
}  // namespace sluice
