// SPDX-License-Identifier: Apache-2.0
// Runs through the C API: the bits of the C++ path, strided memory, shapes, progress, cancelling, errors.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <list>
#include <thread>

#include "tests/runtime/c_api/c_model.h"

namespace sluice {
namespace {

using testing::CModel;
using testing::dense;
using testing::kReluGraph;
using testing::load_text;
using testing::steps;

sluice_run_options run_options() {
  sluice_run_options options{};
  options.struct_size = sizeof options;
  return options;
}

TEST(CRun, HasTheBitsOfTheCppPath) {
  const std::string folder = SLUICE_SOURCE_DIR "/models/";
  const auto model = Model::load(folder + "deepfill2.graph", folder + "deepfill2.safetensors");
  sluice_model *loaded = nullptr;
  ASSERT_EQ(sluice_model_load((folder + "deepfill2.graph").c_str(), (folder + "deepfill2.safetensors").c_str(), nullptr,
                              &loaded),
            SLUICE_OK);
  const CModel same(loaded, sluice_model_free);
  constexpr int64_t kHeight = 40, kWidth = 56;
  StoredTensor image = StoredTensor::of_f32({1, 3, kHeight, kWidth}),
               mask = StoredTensor::of_f32({1, 1, kHeight, kWidth});
  for (int64_t i = 0; i < image.elements(); i++) image.f32()[i] = static_cast<float>(i * 7919 % 256);
  for (int64_t i = 0; i < mask.elements(); i++) mask.f32()[i] = i % kWidth > 20 && i % kWidth < 33 ? 1.0f : 0.0f;
  RunOptions keep;
  keep.keep = {"conv17"};
  keep.outputs = {"filled"};
  const TensorMap expected = model->run({{"image", image}, {"mask", mask}}, keep);

  std::vector<float> image_values(image.f32(), image.f32() + image.elements());
  std::vector<float> mask_values(mask.f32(), mask.f32() + mask.elements());
  const sluice_tensor inputs[] = {dense("mask", mask_values, mask.shape), dense("image", image_values, image.shape)};
  std::list<std::vector<float>> values;  // stay where they are
  std::vector<sluice_tensor> outputs;
  for (const char *name : {"filled", "conv17"}) {
    int rank = 0;
    int64_t extents[SLUICE_MAX_RANK];
    ASSERT_EQ(sluice_output_shape(same.get(), inputs, 2, name, &rank, extents), SLUICE_OK) << sluice_last_error();
    const std::vector<int64_t> shape(extents, extents + rank);
    EXPECT_EQ(shape, expected.at(name).shape);
    values.emplace_back(static_cast<size_t>(element_count(shape)));
    outputs.push_back(dense(name, values.back(), shape));
  }
  ASSERT_EQ(sluice_run(same.get(), inputs, 2, outputs.data(), 2, nullptr), SLUICE_OK) << sluice_last_error();
  for (const sluice_tensor &output : outputs) {
    const StoredTensor &tensor = expected.at(output.name);
    EXPECT_EQ(std::memcmp(tensor.bytes.data(), output.data, tensor.bytes.size()), 0) << output.name;
  }
}

TEST(CRun, InputsAndOutputsOfAnyStride) {
  const CModel model = load_text(kReluGraph);
  constexpr int64_t kHeight = 3, kWidth = 5;
  std::vector<float> x = steps(2 * kHeight * kWidth), expected(x.size());
  const sluice_tensor plain_in = dense("x", x, {1, 2, kHeight, kWidth});
  const sluice_tensor plain_out = dense("y", expected, {1, 2, kHeight, kWidth});
  ASSERT_EQ(sluice_run(model.get(), &plain_in, 1, &plain_out, 1, nullptr), SLUICE_OK) << sluice_last_error();
  for (size_t i = 0; i < x.size(); i++) EXPECT_EQ(expected[i], std::max(x[i], 0.0f));

  // Interleaved and not aligned on the way in; upside down, mirrored and spread out on the way back.
  std::vector<char> in_memory(1 + sizeof(float) * x.size());
  sluice_tensor in = plain_in;
  in.data = in_memory.data() + 1;
  const int64_t in_strides[] = {0, 4, 8 * kWidth, 8};
  std::copy_n(in_strides, 4, in.strides);
  const auto at = [](const sluice_tensor &tensor, int64_t c, int64_t y, int64_t x_) {
    return static_cast<char *>(tensor.data) + c * tensor.strides[1] + y * tensor.strides[2] + x_ * tensor.strides[3];
  };
  const float kUntouched = -77;
  std::vector<float> out_memory(400, kUntouched);
  sluice_tensor out = plain_out;
  out.data = out_memory.data() + 120;
  const int64_t out_strides[] = {0, 4 * 200, -4 * 40, -4 * 3};
  std::copy_n(out_strides, 4, out.strides);
  size_t i = 0;
  for (int64_t c = 0; c < 2; c++) {
    for (int64_t y = 0; y < kHeight; y++) {
      for (int64_t k = 0; k < kWidth; k++) std::memcpy(at(in, c, y, k), &x[i++], sizeof(float));
    }
  }
  ASSERT_EQ(sluice_run(model.get(), &in, 1, &out, 1, nullptr), SLUICE_OK) << sluice_last_error();
  i = 0;
  for (int64_t c = 0; c < 2; c++) {
    for (int64_t y = 0; y < kHeight; y++) {
      for (int64_t k = 0; k < kWidth; k++) {
        float value = 0;
        std::memcpy(&value, at(out, c, y, k), sizeof value);
        EXPECT_EQ(value, expected[i++]);
        std::memcpy(at(out, c, y, k), &kUntouched, sizeof value);
      }
    }
  }
  EXPECT_EQ(std::count(out_memory.begin(), out_memory.end(), kUntouched), 400) << "memory between was written";
}

TEST(CRun, LabelsAndBytes) {
  const CModel model = load_text(
      "model labels\ninput label [n 1 1 1] range=0,9\ninput x [n 1 1 1]\n"
      "elementwise y from label,x operation=add\noutput y\n");
  int64_t labels[] = {3, 9};
  uint8_t bytes[] = {200, 1};
  std::vector<float> y(2);
  sluice_tensor in[2]{};
  in[0] = {"label", SLUICE_INT64, 4, {2, 1, 1, 1}, {}, labels};
  in[1] = {"x", SLUICE_UINT8, 4, {2, 1, 1, 1}, {}, bytes};
  const sluice_tensor out = dense("y", y, {2, 1, 1, 1});
  ASSERT_EQ(sluice_run(model.get(), in, 2, &out, 1, nullptr), SLUICE_OK) << sluice_last_error();
  EXPECT_EQ(y, (std::vector<float>{203, 10}));
  labels[1] = 10;
  EXPECT_EQ(sluice_run(model.get(), in, 2, &out, 1, nullptr), SLUICE_ERROR_INPUT);
  EXPECT_NE(std::strstr(sluice_last_error(), "not in the range 0 to 9"), nullptr) << sluice_last_error();
}

TEST(CRun, TensorsOfOtherRanks) {
  const CModel model = load_text(
      "model ranks\ninput v [n 3]\ninput c [n 1 t h w]\nactivation a from v activation=relu\n"
      "activation b from c activation=relu\noutput a\noutput b\n");
  std::vector<float> v = steps(6), c = steps(16), a(6), b(16);
  const sluice_tensor in[] = {dense("v", v, {2, 3}), dense("c", c, {2, 1, 2, 2, 2})};
  const sluice_tensor out[] = {dense("a", a, {2, 3}), dense("b", b, {2, 1, 2, 2, 2})};
  ASSERT_EQ(sluice_run(model.get(), in, 2, out, 2, nullptr), SLUICE_OK) << sluice_last_error();
  for (size_t i = 0; i < v.size(); i++) EXPECT_EQ(a[i], std::max(v[i], 0.0f));
  for (size_t i = 0; i < c.size(); i++) EXPECT_EQ(b[i], std::max(c[i], 0.0f));
}

class CRunErrors : public ::testing::Test {
 protected:
  CModel model_ = load_text(kReluGraph);
  std::vector<float> x_ = steps(8), y_ = std::vector<float>(8, -1);
  sluice_tensor in_ = dense("x", x_, {1, 2, 2, 2}), out_ = dense("y", y_, {1, 2, 2, 2});

  void expect(sluice_status status, const char *message) {
    EXPECT_EQ(sluice_run(model_.get(), &in_, 1, &out_, 1, nullptr), status);
    EXPECT_NE(std::strstr(sluice_last_error(), message), nullptr) << sluice_last_error();
    EXPECT_EQ(y_, std::vector<float>(8, -1)) << "a run that failed has written";
  }
};

TEST_F(CRunErrors, Tensors) {
  in_.name = nullptr;
  expect(SLUICE_ERROR_USAGE, "the name of a tensor is null");
  in_.name = "z";
  expect(SLUICE_ERROR_INPUT, "input 'x': it is missing");
  in_.name = "x";
  in_.data = nullptr;
  expect(SLUICE_ERROR_USAGE, "the memory of tensor 'x' is null");
  in_.data = x_.data();
  for (const int rank : {0, 9, -1}) {
    in_.rank = rank;
    expect(SLUICE_ERROR_USAGE, "expected 1 to 8");
  }
  in_.rank = 3;
  expect(SLUICE_ERROR_INPUT, "expected 4 dimensions");
  in_.rank = 4;
  in_.extents[2] = 0;
  expect(SLUICE_ERROR_USAGE, "expected 1 or more each");
  in_.extents[2] = std::numeric_limits<int64_t>::max();
  expect(SLUICE_ERROR_USAGE, "too large");
  in_.extents[2] = 2;
  in_.extents[1] = 1;
  expect(SLUICE_ERROR_INPUT, "expected 2 in c, got 1");
  in_.extents[1] = 2;
  in_.element = 5;
  expect(SLUICE_ERROR_USAGE, "none of sluice_element");
}

TEST_F(CRunErrors, Outputs) {
  out_.name = "w";
  expect(SLUICE_ERROR_NOT_FOUND, "'w'");
  out_.name = "y";
  out_.extents[3] = 4;
  expect(SLUICE_ERROR_INPUT, "it is [1, 2, 2, 2], memory is given for [1, 2, 2, 4]");
  out_.extents[3] = 2;
  out_.element = SLUICE_INT64;
  expect(SLUICE_ERROR_USAGE, "output 'y' is SLUICE_FLOAT32");
  out_.element = SLUICE_FLOAT32;
  out_.data = nullptr;
  expect(SLUICE_ERROR_USAGE, "the memory of tensor 'y' is null");
}

TEST_F(CRunErrors, Calls) {
  EXPECT_EQ(sluice_run(nullptr, &in_, 1, &out_, 1, nullptr), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_run(model_.get(), nullptr, 1, &out_, 1, nullptr), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_run(model_.get(), &in_, 1, nullptr, 1, nullptr), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_run(model_.get(), nullptr, 0, &out_, 1, nullptr), SLUICE_ERROR_INPUT) << "no inputs";
  EXPECT_EQ(sluice_run(model_.get(), &in_, 1, nullptr, 0, nullptr), SLUICE_OK) << "nothing wanted";
  const sluice_tensor twice[] = {in_, in_};
  EXPECT_EQ(sluice_run(model_.get(), twice, 2, &out_, 1, nullptr), SLUICE_ERROR_USAGE);
  EXPECT_STREQ(sluice_last_error(), "input 'x' is given twice");
  const sluice_tensor unknown[] = {in_, dense("z", x_, {1, 2, 2, 2})};
  EXPECT_EQ(sluice_run(model_.get(), unknown, 2, &out_, 1, nullptr), SLUICE_ERROR_INPUT);
  EXPECT_NE(std::strstr(sluice_last_error(), "no input 'z'"), nullptr) << sluice_last_error();
  const sluice_tensor both[] = {out_, out_};
  EXPECT_EQ(sluice_run(model_.get(), &in_, 1, both, 2, nullptr), SLUICE_ERROR_USAGE);
  const sluice_run_options unsized{};
  EXPECT_EQ(sluice_run(model_.get(), &in_, 1, &out_, 1, &unsized), SLUICE_ERROR_USAGE);
  int rank = 0;
  int64_t extents[SLUICE_MAX_RANK];
  EXPECT_EQ(sluice_output_shape(nullptr, &in_, 1, "y", &rank, extents), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_output_shape(model_.get(), &in_, 1, nullptr, &rank, extents), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_output_shape(model_.get(), &in_, 1, "y", nullptr, extents), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_output_shape(model_.get(), &in_, 1, "y", &rank, nullptr), SLUICE_ERROR_USAGE);
  EXPECT_EQ(sluice_output_shape(model_.get(), &in_, 1, "nothing", &rank, extents), SLUICE_ERROR_NOT_FOUND);
  in_.data = nullptr;  // shapes need no memory
  ASSERT_EQ(sluice_output_shape(model_.get(), &in_, 1, "twice", &rank, extents), SLUICE_OK) << sluice_last_error();
  EXPECT_EQ(std::vector<int64_t>(extents, extents + rank), (std::vector<int64_t>{1, 2, 2, 2}));
}

constexpr int kNodes = 40;
struct Progress {
  std::vector<int> done;
  int total = 0;
  std::string last = "none";
  int stop_after = kNodes + 1;
};

void note(void *user_data, int done, int total, const char *node) {
  auto *progress = static_cast<Progress *>(user_data);
  progress->done.push_back(done);
  progress->total = total;
  progress->last = node;
}

int stop(void *user_data) {
  const auto *progress = static_cast<const Progress *>(user_data);
  return static_cast<int>(progress->done.size()) > progress->stop_after ? 1 : 0;
}

TEST(CRun, ProgressAndCancelCallbacks) {
  const CModel model = load_text(testing::chain_graph(kNodes));
  std::vector<float> x = steps(16), y(16, -1);
  const sluice_tensor in = dense("x", x, {1, 1, 4, 4}), out = dense("y", y, {1, 1, 4, 4});
  Progress progress;
  sluice_run_options options = run_options();
  options.progress = note;
  options.cancel = stop;
  options.user_data = &progress;
  ASSERT_EQ(sluice_run(model.get(), &in, 1, &out, 1, &options), SLUICE_OK) << sluice_last_error();
  EXPECT_EQ(progress.total, kNodes);
  EXPECT_EQ(progress.last, "");
  ASSERT_EQ(progress.done.size(), static_cast<size_t>(kNodes) + 1);
  for (int i = 0; i <= kNodes; i++) EXPECT_EQ(progress.done[static_cast<size_t>(i)], i);

  progress = {};
  progress.stop_after = 10;
  y.assign(16, -1);
  EXPECT_EQ(sluice_run(model.get(), &in, 1, &out, 1, &options), SLUICE_CANCELLED);
  EXPECT_STREQ(sluice_last_error(), "cancelled after 10 of 40 nodes");
  EXPECT_EQ(progress.done.size(), 11U);
  EXPECT_EQ(y, std::vector<float>(16, -1));
  options.progress = nullptr;  // the callback alone: asked, and nothing was noted
  EXPECT_EQ(sluice_run(model.get(), &in, 1, &out, 1, &options), SLUICE_CANCELLED);
}

TEST(CRun, ACancellationStopsFromAnotherThreadUntilItIsReset) {
  const CModel model = load_text(testing::chain_graph(kNodes));
  std::vector<float> x = steps(size_t{1} << 20), y(size_t{1} << 20);
  const sluice_tensor in = dense("x", x, {1, 1, 1024, 1024}), out = dense("y", y, {1, 1, 1024, 1024});
  sluice_cancellation *cancellation = nullptr;
  ASSERT_EQ(sluice_cancellation_create(&cancellation), SLUICE_OK);
  sluice_run_options options = run_options();
  options.cancellation = cancellation;
  std::thread other([&] { sluice_cancellation_cancel(cancellation); });
  sluice_status status = SLUICE_OK;
  for (int i = 0; i < 1000 && status == SLUICE_OK; i++) status = sluice_run(model.get(), &in, 1, &out, 1, &options);
  other.join();
  EXPECT_EQ(status, SLUICE_CANCELLED);
  EXPECT_EQ(sluice_run(model.get(), &in, 1, &out, 1, &options), SLUICE_CANCELLED) << "it stays cancelled";
  sluice_cancellation_reset(cancellation);
  EXPECT_EQ(sluice_run(model.get(), &in, 1, &out, 1, &options), SLUICE_OK) << sluice_last_error();
  sluice_cancellation_free(cancellation);
  sluice_cancellation_cancel(nullptr);
  sluice_cancellation_reset(nullptr);
  sluice_cancellation_free(nullptr);
  EXPECT_EQ(sluice_cancellation_create(nullptr), SLUICE_ERROR_USAGE);
}

void throw_up(void *, int, int, const char *) { throw 7; }

TEST(CRun, ACallbackThatThrowsIsAStatus) {
  const CModel model = load_text(kReluGraph);
  std::vector<float> x = steps(8), y(8);
  const sluice_tensor in = dense("x", x, {1, 2, 2, 2}), out = dense("y", y, {1, 2, 2, 2});
  sluice_run_options options = run_options();
  options.progress = throw_up;
  EXPECT_EQ(sluice_run(model.get(), &in, 1, &out, 1, &options), SLUICE_ERROR_INTERNAL);
}

TEST(CRun, ManyThreadsShareAModel) {
  const CModel model = load_text(kReluGraph);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&, t] {
      const int64_t height = 3 + t;
      std::vector<float> x = steps(static_cast<size_t>(2 * height * 5)), y(x.size());
      const sluice_tensor in = dense("x", x, {1, 2, height, 5}), out = dense("y", y, {1, 2, height, 5});
      for (int i = 0; i < 20; i++) {
        ASSERT_EQ(sluice_run(model.get(), &in, 1, &out, 1, nullptr), SLUICE_OK) << sluice_last_error();
        for (size_t k = 0; k < x.size(); k++) ASSERT_EQ(y[k], std::max(x[k], 0.0f));
      }
    });
  }
  for (std::thread &thread : threads) thread.join();
}

}  // namespace
}  // namespace sluice
