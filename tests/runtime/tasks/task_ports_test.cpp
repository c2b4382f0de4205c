// SPDX-License-Identifier: Apache-2.0
// Ports by name, and units of input lines.
#include "runtime/tasks/task_ports.h"

#include <gtest/gtest.h>

#include "tests/support/message_of.h"

namespace sluice {
namespace {

using testing::message_of;

Graph graph_of_two_ports() {
  Graph graph;
  graph.model = "tiny";
  graph.inputs.resize(1);
  graph.inputs[0].name = "image";
  graph.outputs.resize(1);
  graph.outputs[0].name = "filled";
  return graph;
}

TEST(FindPort, FindsByNameOrSaysWhatTheModelCannot) {
  const Graph graph = graph_of_two_ports();
  EXPECT_EQ(&find_input(graph, "image", "do it"), graph.inputs.data());
  EXPECT_EQ(&find_output(graph, "filled", "do it"), graph.outputs.data());
  EXPECT_EQ(message_of([&] { find_input(graph, "filled", "do it"); }),
            "model tiny cannot do it: it has no input 'filled'");
  EXPECT_EQ(message_of([&] { find_output(graph, "image", "do it"); }),
            "model tiny cannot do it: it has no output 'image'");
}

TEST(ToGivenUnits, IsTheInverseOfTheInputLine) {
  const float values[] = {-1, 0, 1};
  StoredTensor tensor = StoredTensor::of_f32({3}, values);
  GraphInput input;
  to_given_units(input, tensor);
  EXPECT_EQ(tensor, StoredTensor::of_f32({3}, values));
  input.scale = 0.5f;
  input.offset = -1;
  to_given_units(input, tensor);
  const float given[] = {0, 2, 4};
  EXPECT_EQ(tensor, StoredTensor::of_f32({3}, given));
}

}  // namespace
}  // namespace sluice
