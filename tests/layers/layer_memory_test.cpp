// SPDX-License-Identifier: Apache-2.0
// Kernels touch nothing beyond their buffers: every case runs with all of them, packed parameters included, once right
// behind and once right before a page that can't be touched. A kernel that reads or writes there ends the program.
#include <gtest/gtest.h>

#include "runtime/layer_call.h"
#include "tests/layers/layer_problem.h"
#include "tests/support/case_name.h"
#include "tests/support/guarded_buffer.h"

namespace sluice::testing {
namespace {

class LayerMemoryTest : public ::testing::TestWithParam<LayerCase> {};

// Buffers of one node by the names of a kernel's arguments, and of one group where they are packed.
class GuardedNode {
 public:
  GuardedNode(const Problem &problem, const Model &model, Guard guard)
      : problem_(problem), model_(model), node_(model.layers().at(0)), guard_(guard) {
    for (const SchemaPort &port : node_.schema().inputs) {
      const auto operand = problem.operands().find(port.name);
      if (operand == problem.operands().end()) continue;
      const DoubleTensor tensor(operand->second, true);
      const std::vector<float> values(tensor.values.begin(), tensor.values.end());
      add(port.name, BufferView(const_cast<float *>(values.data()), tensor.extents));
      inputs_.push_back(tensor.extents);
    }
    const std::vector<Extents> outputs = output_extents(node_, inputs_);
    for (size_t i = 0; i < outputs.size(); i++) add(node_.schema().outputs.at(i).name, outputs[i]);
    if (!node_.schema().parameters.empty()) pack();
  }

  void run() { call(node_.kernel("forward")); }
  BufferView view(const std::string &name) const { return buffers_.at(name)->view(); }

 private:
  template <typename Contents>
  void add(const std::string &name, const Contents &contents) {
    buffers_[name] = std::make_unique<GuardedBuffer>(contents, guard_);
  }
  static std::string of_group(const std::string &name, int64_t group) { return name + " " + std::to_string(group); }

  void pack() {
    std::map<std::string, Extents> stored;
    for (const SchemaPort *port : node_.schema().stored()) {
      add(port->name, model_.parameter(node_, *port));
      stored[port->name] = view(port->name).extents;
    }
    for (int64_t group = 0; group < node_.groups(); group++) {
      for (const auto &[name, extents] : packed_extents(node_, node_.kernel("pack"), stored))
        add(of_group(name, group), extents);
    }
    call(node_.kernel("pack"));
  }

  void call(const Kernel &kernel) {
    call_layer(node_, kernel, [this](const std::string &argument, int64_t group) {
      if (buffers_.count(argument) != 0) return view(argument);
      if (buffers_.count(of_group(argument, group)) != 0) return view(of_group(argument, group));
      return neutral_input(*argument_port(node_.schema(), argument));
    });
  }

  const Problem &problem_;
  const Model &model_;
  const LayerNode &node_;
  Guard guard_;
  std::vector<Extents> inputs_;
  std::map<std::string, std::unique_ptr<GuardedBuffer>> buffers_;
};

TEST_P(LayerMemoryTest, StaysInsideItsBuffers) {
  const Problem problem(GetParam(), false);
  const Model model(problem.graph(), problem.tensors(true));
  const std::string name = problem.schema().outputs[0].name;
  const Array<double> expected = run_kernel(problem, name);
  for (const Guard guard : {Guard::before, Guard::behind}) {
    GuardedNode node(problem, model, guard);
    node.run();
    if (model.layers().at(0).updates_state() != StateUpdate::none) continue;  // run_kernel packs the new state
    const BufferView output = node.view(name);
    const float *values = static_cast<const float *>(output.data);
    DoubleTensor tensor(expected, true);
    ASSERT_EQ(static_cast<size_t>(output.elements()), tensor.values.size());
    for (size_t i = 0; i < tensor.values.size(); i++) ASSERT_EQ(values[i], static_cast<float>(tensor.values[i])) << i;
  }
}

TEST(GuardedBufferDeathTest, BeyondIsAFault) {
  const std::vector<int64_t> extents{3, 5};
  const auto touch = [&](Guard guard, ptrdiff_t element) {
    const GuardedBuffer buffer(extents, guard);
    static_cast<volatile float *>(buffer.view().data)[element] = 1;
  };
  touch(Guard::before, 14);
  touch(Guard::behind, 0);
  EXPECT_DEATH(touch(Guard::before, -1), "");
  EXPECT_DEATH(touch(Guard::behind, 15), "");
}

INSTANTIATE_TEST_SUITE_P(All, LayerMemoryTest, ::testing::ValuesIn(cases()), case_name);

}  // namespace
}  // namespace sluice::testing
