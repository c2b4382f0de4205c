// SPDX-License-Identifier: Apache-2.0
// The C++ wrapper, as a program sees it that knows nothing else of Sluice.
#include "runtime/c_api/sluice.hpp"

#include <gtest/gtest.h>

namespace {

const char *const kRelu =
    "model relu\nparam c=2\ninput x [n c h w]\nactivation y from x activation=relu\noutput y [n c h w]\n";
const char *const kFill =
    "model fill\ninput image [n 3 h w]\ninput mask [n 1 h w]\nactivation lit from image activation=tanh\n"
    "blend filled from lit,image,mask\noutput filled [n 3 h w]\n";

sluice_status status_of(const std::function<void()> &call) {
  try {
    call();
  } catch (const sluice::Error &error) {
    EXPECT_STRNE(error.what(), "");
    return error.status();
  }
  return SLUICE_OK;
}

TEST(Wrapper, RunsAModel) {
  const auto model = sluice::Model::from_memory("relu.graph", kRelu, {}, {.parameters = {{"c", "1"}}});
  EXPECT_EQ(model.name(), "relu");
  const auto inputs = model.inputs();
  ASSERT_EQ(inputs.size(), 1U);
  EXPECT_EQ(inputs[0].extents, (std::vector<int64_t>{-1, 1, -1, -1}));
  EXPECT_EQ(inputs[0].symbols, (std::vector<std::string>{"n", "", "h", "w"}));
  EXPECT_EQ(model.outputs().at(0).name, "y");
  const std::vector<float> x{-1, 2, 3};
  const std::vector<int64_t> shape{1, 1, 1, 3};
  const sluice_tensor in = sluice::input("x", x, shape);
  std::vector<std::string> nodes;
  sluice::RunOptions options;
  options.progress = [&](int, int, std::string_view node) { nodes.emplace_back(node); };
  const sluice::Tensor y = model.run({&in, 1}, "y", options);
  EXPECT_EQ(y.shape, shape);
  EXPECT_EQ(y.values, (std::vector<float>{0, 2, 3}));
  EXPECT_EQ(nodes, (std::vector<std::string>{"y", ""}));
}

TEST(Wrapper, ErrorsAreExceptions) {
  EXPECT_EQ(status_of([] { sluice::Model("/nowhere.graph", ""); }), SLUICE_ERROR_NOT_FOUND);
  EXPECT_EQ(status_of([] { sluice::Model::from_memory("g", "nonsense", {}); }), SLUICE_ERROR_BAD_FILE);
  EXPECT_EQ(status_of([] { sluice::set_threads(-1); }), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice::device_problem("cpu"), "");
  EXPECT_NE(sluice::device_problem("abacus"), "");
  const std::vector<float> three(3);
  EXPECT_EQ(status_of([&] { sluice::input("x", three, std::vector<int64_t>{1, 1, 2, 2}); }), SLUICE_ERROR_USAGE);
  EXPECT_EQ(status_of([&] { sluice::input("x", three, std::vector<int64_t>(9, 1)); }), SLUICE_ERROR_USAGE);
  const std::vector<uint8_t> few(11);
  EXPECT_EQ(status_of([&] { sluice::pixels(few, 2, 2, 3); }), SLUICE_ERROR_USAGE);
}

TEST(Wrapper, CallbacksThatStopAndThrow) {
  const auto model = sluice::Model::from_memory("relu.graph", kRelu, {});
  const std::vector<float> x(8);
  const sluice_tensor in = sluice::input("x", x, std::vector<int64_t>{1, 2, 2, 2});
  sluice::RunOptions stop;
  stop.cancel = [] { return true; };
  EXPECT_EQ(status_of([&] { model.run({&in, 1}, "y", stop); }), SLUICE_CANCELLED);
  sluice::RunOptions thrown;
  thrown.progress = [](int, int, std::string_view) { throw std::logic_error("of the caller"); };
  EXPECT_THROW(model.run({&in, 1}, "y", thrown), std::logic_error);
  sluice::RunOptions asked;
  asked.cancel = []() -> bool { throw std::logic_error("of the caller"); };
  EXPECT_THROW(model.run({&in, 1}, "y", asked), std::logic_error);
  sluice::Cancellation cancellation;
  sluice::RunOptions flagged;
  flagged.cancellation = &cancellation;
  cancellation.cancel();
  EXPECT_EQ(status_of([&] { model.run({&in, 1}, "y", flagged); }), SLUICE_CANCELLED);
  cancellation.reset();
  EXPECT_EQ(status_of([&] { model.run({&in, 1}, "y", flagged); }), SLUICE_OK);
}

TEST(Wrapper, FillsAPictureInPlace) {
  const auto model = sluice::Model::from_memory("fill.graph", kFill, {});
  std::vector<uint8_t> image(4 * 4 * 3, 200), mask(4 * 4);
  mask[5] = 255;
  const sluice_pixels view = sluice::pixels(image, 4, 4, 3);
  model.inpaint(view, sluice::pixels(mask, 4, 4, 1), view);
  for (size_t i = 0; i < image.size(); i++) EXPECT_EQ(image[i], i / 3 == 5 ? 1 : 200) << i;
}

}  // namespace
