// SPDX-License-Identifier: Apache-2.0
// CUDA's way without a GPU, on a stand-in for its driver: what is allocated, copied and launched. What the kernels
// compute is opencl_test's matter.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <random>
#include <set>

#include "runtime/device.h"
#include "runtime/device_module.h"
#include "runtime/training/gradients.h"
#include "tests/device/branches.h"
#include "tests/device/cuda_stub.h"
#include "tests/layers/layer_problem.h"
#include "tests/models/network_cases.h"
#include "tests/support/case_name.h"
#include "weights_io/error.h"

namespace sluice::testing {
namespace {

// Parts of 5 channels: an address of CUDA may be any.
TEST(Cuda, TensorsStayOnTheDevice) {
  const Branches network(5);
  const int64_t loading = cuda_copied(true);
  const std::unique_ptr<Model> model = network.model(on_cuda());
  EXPECT_LT(cuda_copied(true) - loading, model->packed_bytes() + 5 * 64);  // once
  for (int run = 0; run < 2; run++) {
    const int64_t up = cuda_copied(true), down = cuda_copied(false);
    const size_t launches = cuda_launches().size();
    model->run(network.inputs());
    EXPECT_EQ(cuda_copied(true) - up, network.input_bytes());
    EXPECT_EQ(cuda_copied(false) - down, network.output_bytes());
    EXPECT_EQ(cuda_launches().size() - launches, 4u);
  }
}

// No memory but the arena's: a sum that Halide can't keep in a register would take some for every thread.
TEST(Cuda, SumsAreInRegisters) {
  const Branches network(48);
  const std::unique_ptr<Model> model = network.model(on_cuda());
  const int64_t before = cuda_taken();
  model->run(network.inputs());
  EXPECT_LE(cuda_taken() - before, 2 * model->plan_for(network.inputs(), {}).arena_bytes());
}

TEST(Cuda, MemoryIsKeptForTheNextRun) {
  const Branches network(5);
  const std::unique_ptr<Model> model = network.model(on_cuda());
  model->run(network.inputs());
  const int allocations = cuda_calls().at("cuMemAlloc"), held = cuda_allocations();
  for (int run = 0; run < 5; run++) model->run(network.inputs());
  EXPECT_EQ(cuda_calls().at("cuMemAlloc"), allocations);
  EXPECT_EQ(cuda_allocations(), held);
}

TEST(Cuda, TheCpuComputesWhatTheDeviceFailsAt) {
  const Branches network(8);
  const TensorMap expected = network.model({})->run(network.inputs());
  constexpr const char *kFunctions[] = {"cuLaunchKernel", "cuMemcpyHtoD", "cuMemcpyDtoH"};
  std::mt19937 random(1);
  int failed = 0;
  LoadOptions options = on_cuda("auto");
  options.on_failure = [&](const std::string &reason) {
    failed++;
    EXPECT_NE(reason.find("CUDA"), std::string::npos) << reason;
  };
  const std::unique_ptr<Model> model = network.model(options);
  ASSERT_NE(model->device(), nullptr);
  model->run(network.inputs());
  EXPECT_EQ(failed, 0);
  const int held = cuda_allocations();
  for (int fault = 0; fault < 200; fault++) {
    const std::string function = kFunctions[random() % 3];
    const int most = function == "cuLaunchKernel" ? 4 : function == "cuMemcpyDtoH" ? 2 : 1;
    fail_cuda_call(function, 1 + static_cast<int>(random() % static_cast<unsigned>(most)));
    const TensorMap outputs = model->run(network.inputs());
    for (const auto &[name, tensor] : expected) EXPECT_EQ(outputs.at(name).bytes, tensor.bytes) << name;
    EXPECT_EQ(failed, fault + 1) << function;
    EXPECT_EQ(cuda_allocations(), held) << function;
  }
}

// Memory that is kept for later is given back before a run is said to lack some.
TEST(Cuda, WantOfMemory) {
  const Branches small(8), large(24);
  const std::unique_ptr<Model> model = small.model(on_cuda()), other = large.model(on_cuda());
  model->run(small.inputs());
  fail_cuda_call("cuMemAlloc");
  other->run(large.inputs());
  const std::unique_ptr<Model> third = Branches(40).model(on_cuda());
  fail_cuda_call("cuMemAlloc", 1);
  EXPECT_NO_THROW(third->run(small.inputs()));
}

// Launched from `from` on: all in this context and stream?
void expect_launches(size_t from, const void *context, const void *stream) {
  ASSERT_GT(cuda_launches().size(), from);
  for (size_t i = from; i < cuda_launches().size(); i++) {
    EXPECT_EQ(cuda_launches()[i].in.context, context);
    EXPECT_EQ(cuda_launches()[i].in.stream, stream);
  }
}

// The stand-in checks that memory and modules are used in the context they were made in.
TEST(Cuda, InTheContextAndStreamOfTheApplication) {
  const Branches network(5);
  char contexts[2], streams[2];
  const std::unique_ptr<Model> own = network.model(on_cuda());
  std::vector<std::unique_ptr<Model>> models;
  for (size_t i = 0; i < 2; i++) {
    LoadOptions options = on_cuda(i == 0 ? "cuda" : "auto");
    options.cuda = {&contexts[i], &streams[i]};
    models.push_back(network.model(options));
    ASSERT_NE(models[i]->device(), own->device());
  }
  for (int run = 0; run < 2; run++) {
    for (size_t i = 0; i < 2; i++) {
      size_t before = cuda_launches().size();
      models[i]->run(network.inputs());
      expect_launches(before, &contexts[i], &streams[i]);
      before = cuda_launches().size();
      own->run(network.inputs());
      EXPECT_NE(cuda_launches().back().in.context, &contexts[i]);
      EXPECT_EQ(cuda_launches().back().in.stream, nullptr);
    }
  }
  EXPECT_GT(cuda_allocations_of(&contexts[0]), 0);
  models[0].reset();
  Device::leave({&contexts[0], &streams[0]});
  EXPECT_EQ(cuda_allocations_of(&contexts[0]), 0);
  const size_t before = cuda_launches().size();
  models[1]->run(network.inputs());
  expect_launches(before, &contexts[1], &streams[1]);
  models.clear();
  Device::leave({&contexts[1], &streams[1]});
}

TEST(Cuda, SeveralDevicesInOneProcess) {
  const Branches network(5);
  const std::unique_ptr<Model> models[] = {network.model(on_cuda("cuda:0")), network.model(on_cuda("cuda:1"))};
  for (const int i : {0, 1, 0}) {
    const size_t before = cuda_launches().size();
    models[i]->run(network.inputs());
    expect_launches(before, primary_context(i), nullptr);
  }
  EXPECT_EQ(cuda_calls().at("cuDevicePrimaryCtxRetain"), 2);
}

TEST(Cuda, DeviceThatIsNotThere) {
  try {
    Device::open("cuda:2").require();
    ADD_FAILURE() << "no error";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ErrorCode::not_found);
    EXPECT_NE(std::string(error.what()).find("no device 2, there are 2"), std::string::npos) << error.what();
  }
}

// What the application's own CUDA calls and other models use is not the Device's to give back.
TEST(Cuda, LeavesOnlyContextsOfTheApplication) {
  const Branches network(5);
  const std::unique_ptr<Model> model = network.model(on_cuda());
  try {
    Device::leave({});
    ADD_FAILURE() << "no error";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ErrorCode::usage) << error.what();
  }
  char never_used;
  Device::leave({&never_used, nullptr});
  const size_t before = cuda_launches().size();
  model->run(network.inputs());
  EXPECT_GT(cuda_launches().size(), before);
}

// A module that is part of a program, with kernels in the model's own table, as sluice_add_model makes them.
TEST(Cuda, LinkedIntoTheProgram) {
  const Branches network(5);
  const Device &from_file = Device::open("cuda");
  static DeviceModule linked = from_file.module();  // as long-lived as a Device
  linked.kernels = nullptr;
  const LinkedModules modules{&linked}, none;
  LoadOptions options = on_cuda();
  options.table = &from_file.table();
  options.modules = &modules;
  const std::unique_ptr<Model> model = network.model(options);
  ASSERT_NE(model->device(), nullptr);
  EXPECT_NE(model->device(), &from_file);
  const size_t before = cuda_launches().size();
  model->run(network.inputs());
  EXPECT_GT(cuda_launches().size(), before);
  options.modules = &none;
  EXPECT_THROW(network.model(options), Error);
  options.device = "auto";
  EXPECT_EQ(network.model(options)->device(), nullptr) << "the CPU";
}

TEST(Cuda, HandlesThatMakeNoSense) {
  char context, stream;
  for (const auto &[name, handles] : {std::pair<std::string, CudaHandles>{"cuda:1", {&context, nullptr}},
                                      {"opencl", {&context, nullptr}},
                                      {"cuda", {nullptr, &stream}}}) {
    try {
      Device::open(name, handles);
      ADD_FAILURE() << name;
    } catch (const Error &error) {
      EXPECT_EQ(error.code(), ErrorCode::usage) << error.what();
    }
  }
}

class CudaCase : public ::testing::TestWithParam<LayerCase> {};

// Every launch has a shape that CUDA takes and arguments that lie in memory (cuda_stub.cpp).
TEST_P(CudaCase, Launches) {
  const Problem problem(GetParam(), false);
  const Model model(problem.graph(), problem.tensors(true), on_cuda());
  const size_t before = cuda_launches().size();
  model.run(problem.tensors(false));
  EXPECT_GT(cuda_launches().size(), before);
}

// The stand-in computes nothing: what the gradients are is for other tests.
TEST_P(CudaCase, LaunchesBackward) {
  const Problem problem(GetParam(), false);
  if (!problem.schema().has_gradient()) return;
  const Array<double> value = problem.reference().value(problem.attributes(), problem.operands());
  for (const LoadOptions &options : {on_cuda(), for_training(on_cuda())}) {
    const size_t before = cuda_launches().size();
    float_gradients(problem, random_like(value.shape, 7), options);
    EXPECT_GT(cuda_launches().size(), before);
  }
}

INSTANTIATE_TEST_SUITE_P(All, CudaCase, ::testing::ValuesIn(cases()), case_name);

class CudaNetwork : public ::testing::TestWithParam<NetworkCase> {};

TEST_P(CudaNetwork, EveryLayerIsLaunched) {
  const Network network = load_network(GetParam(), on_cuda());
  std::vector<std::string> nodes;
  std::vector<size_t> launches;
  TensorMap state;
  RunOptions options;
  options.state = &state;
  options.progress = [&](int, int, const std::string &node) {
    nodes.push_back(node);
    launches.push_back(cuda_launches().size());
  };
  network.model->run(inputs_of(network), options);
  for (const LayerNode &layer : network.model->layers()) {
    const auto at = static_cast<size_t>(std::find(nodes.begin(), nodes.end(), layer.node().name) - nodes.begin());
    ASSERT_LT(at + 1, launches.size());
    EXPECT_GT(launches[at + 1], launches[at]) << nodes[at];
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, CudaNetwork, ::testing::ValuesIn(network_cases()), [](const auto &test) {
  std::string name = test.param.fixture;
  for (char &c : name) c = c == '/' ? '_' : c;
  return name;
});

// A line a kernel: the hash of its PTX, entry, the threads of a block, the bytes they share. For ptx_test.py.
void write_launches(const std::string &file) {
  std::map<std::pair<uint64_t, std::string>, std::pair<unsigned, unsigned>> most;
  for (const CudaLaunch &launch : cuda_launches()) {
    auto &[threads, shared] = most[{launch.image, launch.entry}];
    threads = std::max(threads, launch.block[0] * launch.block[1] * launch.block[2]);
    shared = std::max(shared, launch.shared);
  }
  std::ofstream out(file);
  for (const auto &[kernel, size] : most)
    out << fmt::format("{:016x}\t{}\t{}\t{}\n", kernel.first, kernel.second, size.first, size.second);
}

}  // namespace
}  // namespace sluice::testing

int main(int argc, char **argv) {
  ::testing::InitGoogleTest(&argc, argv);
  sluice::register_training();
  sluice::testing::stand_in_for_cuda();
  const int failed = RUN_ALL_TESTS();
  const char *file = std::getenv("SLUICE_LAUNCHES");
  if (file != nullptr) sluice::testing::write_launches(file);
  return failed;
}
