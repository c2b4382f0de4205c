// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_call.h"

#include <gtest/gtest.h>

#include "tests/support/message_of.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

using testing::message_of;

const Kernel &relu() {
  const Kernel *kernel =
      KernelTable::linked().find("activation", "forward", "cpu", {{"activation", "none+relu+leaky_relu"}});
  if (kernel == nullptr) throw std::runtime_error("the test needs the relu kernel");
  return *kernel;
}

TEST(KernelCall, RunsByName) {
  std::vector<float> input{-1, 2, -3, 4}, output(4);
  KernelCall call(relu(), "here");
  call.bind("input", BufferView(input.data(), {2, 2, 1, 1}));
  call.bind("output", BufferView(output.data(), {2, 2, 1, 1}));
  call.bind_scalar("activation_kind", 1);  // relu
  call.bind_scalar("negative_slope", 0);
  call.run();
  EXPECT_EQ(output, (std::vector<float>{0, 2, 0, 4}));
}

TEST(KernelCall, ReadsAndWritesViewsWithStrides) {
  std::vector<float> input{-1, 7, 2, 7, -3, 7, 4, 7}, output(8, 9.0f);  // one channel of two
  KernelCall call(relu(), "here");
  call.bind("input", BufferView(input.data(), {1, 4, 1, 1}, {1, 2, 8, 8}));
  call.bind("output", BufferView(output.data() + 1, {1, 4, 1, 1}, {1, 2, 8, 8}));
  call.bind_scalar("activation_kind", 1);  // relu
  call.bind_scalar("negative_slope", 0);
  call.run();
  EXPECT_EQ(output, (std::vector<float>{9, 0, 9, 2, 9, 0, 9, 4}));
}

TEST(KernelCall, TellsTheShapeOfTheOutput) {
  KernelCall call(relu(), "here");
  call.bind("input", BufferView(nullptr, {3, 5, 7, 2}));
  call.bind_scalar("activation_kind", 1);  // relu
  call.bind_scalar("negative_slope", 0);
  EXPECT_EQ(call.query().at("output"), (std::vector<int64_t>{3, 5, 7, 2}));
}

TEST(KernelCall, ErrorsNameWherePortExpectedAndGot) {
  std::vector<float> values(8);
  const BufferView view(values.data(), {2, 2, 2, 1});
  EXPECT_NE(
      message_of([&] { KernelCall(relu(), "model m, node n").bind("inptu", view); }).find("model m, node n: kernel"),
      std::string::npos);
  EXPECT_NE(message_of([&] {
              KernelCall(relu(), "n").bind("input", BufferView(values.data(), {8}));
            }).find("expected 4 dimensions, got 1"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              KernelCall(relu(), "n").bind("input", BufferView(values.data(), {1, 2, 2, 1}, halide_type_of<double>()));
            }).find("element type"),
            std::string::npos);
  EXPECT_NE(message_of([&] { KernelCall(relu(), "n").run(); }).find("port 'input'"), std::string::npos);
  const std::string misshapen = message_of([&] {
    KernelCall call(relu(), "model m, node n");
    call.bind("input", view);
    call.bind("output", BufferView(values.data(), {2, 2, 1, 1}));
    call.bind_scalar("activation_kind", 1);  // relu
    call.bind_scalar("negative_slope", 0);
    call.run();
  });
  EXPECT_NE(misshapen.find("model m, node n"), std::string::npos) << misshapen;
  EXPECT_NE(misshapen.find("output"), std::string::npos) << misshapen;
}

TEST(KernelCall, CancelledBeforeItsTasks) {
  std::vector<float> input(1 << 16, 1.0f), output(1 << 16);
  const std::atomic<bool> cancelled{true};
  CallContext context;
  context.cancelled = &cancelled;
  KernelCall call(relu(), "here");
  call.bind("input", BufferView(input.data(), {1, 256, 256, 1}));
  call.bind("output", BufferView(output.data(), {1, 256, 256, 1}));
  call.bind_scalar("activation_kind", 1);  // relu
  call.bind_scalar("negative_slope", 0);
  try {
    call.run(&context);
    FAIL() << "not cancelled";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ErrorCode::interrupted);
  }
}

TEST(Threads, OutOfRangeIsAUsageError) {
  EXPECT_THROW(set_threads(-1), Error);
  EXPECT_THROW(set_threads(1000), Error);
}

}  // namespace
}  // namespace sluice
