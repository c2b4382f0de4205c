// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>

#include "runtime/device.h"
#include "runtime/device_block.h"
#include "tests/device/device_driver.h"

namespace sluice::testing {

const KernelTable &device_kernels() { return Device::open(kDevice).table(); }

LoadOptions on_device() {
  LoadOptions options;
  options.device = kDevice;
  return options;
}

TensorMap run_on_device(const Model &model, const TensorMap &inputs, RunOptions options) {
  std::vector<std::string> nodes;
  std::vector<int> launches;
  options.progress = [&](int, int, const std::string &node) {
    nodes.push_back(node);
    launches.push_back(device_launches());
  };
  const int64_t up = DeviceBlock::bytes_up(), down = DeviceBlock::bytes_down();
  const int before = device_launches(), held = device_buffers();
  const TensorMap outputs = model.run(inputs, options);
  EXPECT_EQ(device_buffers(), held);
  size_t computed = 0;
  for (size_t i = 0; i + 1 < nodes.size(); i++) {
    const bool is_layer = std::any_of(model.layers().begin(), model.layers().end(),
                                      [&](const LayerNode &layer) { return layer.node().name == nodes[i]; });
    computed += is_layer;
    EXPECT_EQ(launches[i + 1] > launches[i], is_layer) << nodes[i];
  }
  EXPECT_EQ(computed, model.layers().size());
  std::printf("ran on %s, %d launches, %lld bytes up, %lld down\n", device_in_words().c_str(),
              device_launches() - before, static_cast<long long>(DeviceBlock::bytes_up() - up),
              static_cast<long long>(DeviceBlock::bytes_down() - down));
  return outputs;
}

}  // namespace sluice::testing
