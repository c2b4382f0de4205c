// SPDX-License-Identifier: Apache-2.0
// Models and tensors of the C API for tests, and the graphs that they run.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "runtime/c_api/sluice.h"
#include "runtime/model.h"

namespace sluice::testing {

using CModel = std::unique_ptr<sluice_model, decltype(&sluice_model_free)>;

// y = relu(x); the inner tensor `twice` is x + x.
constexpr const char *kReluGraph = R"(
model relu multiple=4
input x [n 2 h w]
elementwise twice from x,x operation=add
activation y from x activation=relu
output y [n 2 h w]
)";
// Many nodes, one after the other.
inline std::string chain_graph(int nodes) {
  std::string text = "model chain\ninput x [n 1 h w]\n";
  for (int i = 0; i + 1 < nodes; i++) {
    const std::string from = i == 0 ? "x" : "t" + std::to_string(i - 1);
    text += "activation t" + std::to_string(i) + " from " + from + " activation=relu\n";
  }
  return text + "activation y from t" + std::to_string(nodes - 2) + " activation=relu\noutput y [n 1 h w]\n";
}

inline CModel load_text(const std::string &graph, const sluice_model_options *options = nullptr) {
  sluice_model *model = nullptr;
  const sluice_status status = sluice_model_load_memory("test.graph", graph.c_str(), nullptr, 0, options, &model);
  EXPECT_EQ(status, SLUICE_OK) << sluice_last_error();
  return {model, sluice_model_free};
}

inline std::shared_ptr<const Model> same_in_cpp(const std::string &graph) {
  return Model::parse(graph, "test.graph", Archive{});
}

inline sluice_tensor dense(const char *name, std::vector<float> &values, const std::vector<int64_t> &shape) {
  sluice_tensor tensor{};
  tensor.name = name;
  tensor.rank = static_cast<int>(shape.size());
  std::copy(shape.begin(), shape.end(), tensor.extents);
  tensor.data = values.data();
  return tensor;
}

// -3, -2, ... for every element.
inline std::vector<float> steps(size_t count) {
  std::vector<float> values;
  for (size_t i = 0; i < count; i++) values.push_back(static_cast<float>(i % 7) - 3);
  return values;
}

}  // namespace sluice::testing
