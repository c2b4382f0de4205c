// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/sample_grid.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/tasks/picture_tensor.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr int kGap = 2, kHoleGrey = 128, kBorder = 255, kColours = 3;

const GraphOutput &output_of(const Graph &graph, const std::string &name) {
  for (const GraphOutput &output : graph.outputs) {
    if (output.name == name) return output;
  }
  throw Error(ErrorCode::usage, fmt::format("model {} has no output '{}' to show", graph.model, name));
}

const DataTensor *find_truth(const std::vector<DataTensor> &data) {
  const auto found = std::find_if(data.begin(), data.end(), [](const DataTensor &tensor) {
    return tensor.shown == Shown::truth || tensor.shown == Shown::both;
  });
  return found == data.end() ? nullptr : &*found;
}

// A tensor [1, c, (t,) h, w] as pictures beside each other: one of three colours, or one a channel, or one a time.
struct Cells {
  const StoredTensor &tensor;
  bool colour;
  std::string order;
  float scale, offset;

  int64_t height() const { return tensor.shape[tensor.shape.size() - 2]; }
  int64_t width() const { return tensor.shape.back(); }
  int64_t times() const { return tensor.shape.size() == 5 ? tensor.shape[2] : 1; }
  int64_t count() const { return times() * (colour ? 1 : tensor.shape[1]); }
  uint8_t sample(int64_t cell, int64_t y, int64_t x, int64_t c) const {
    const int64_t channel = colour ? (order == "bgr" ? kColours - 1 - c : c) : cell / times();
    const int64_t plane = channel * times() + cell % times();
    return static_cast<uint8_t>(sample_of(tensor.f32()[(plane * height() + y) * width() + x] * scale + offset, 8));
  }
};

class Grid {
 public:
  Grid(int64_t rows, int64_t columns, const Cells &like) : height_(like.height()), width_(like.width()) {
    picture_ = {static_cast<int>(columns * (width_ + kGap) - kGap),
                static_cast<int>(rows * (height_ + kGap) - kGap),
                kColours,
                8,
                {}};
    const size_t pixels = static_cast<size_t>(picture_.width) * static_cast<size_t>(picture_.height);
    picture_.samples.assign(pixels * kColours, kBorder);
  }

  void begin_row() { row_++, column_ = 0; }
  // `mask`: [1, 1, (t,) h, w], what is shown as a hole; may be nothing.
  void add(const Cells &cells, const StoredTensor *mask) {
    for (int64_t cell = 0; cell < cells.count(); cell++, column_++) {
      const int64_t frame = mask == nullptr || mask->shape.size() < 5 ? 0 : cell % cells.times();
      for (int64_t y = 0; y < height_; y++) {
        for (int64_t x = 0; x < width_; x++) {
          const bool hole = mask != nullptr && mask->f32()[(frame * height_ + y) * width_ + x] >= 0.5f;
          for (int c = 0; c < kColours; c++) at(y, x, c) = hole ? kHoleGrey : cells.sample(cell, y, x, c);
        }
      }
    }
  }
  Picture take() { return std::move(picture_); }

 private:
  uint16_t &at(int64_t y, int64_t x, int c) {
    const auto column = static_cast<int>(column_ * (width_ + kGap) + x);
    return picture_.samples[picture_.index(column, static_cast<int>(row_ * (height_ + kGap) + y), c)];
  }

  int64_t height_, width_, row_ = -1, column_ = 0;
  Picture picture_;
};

Cells cells_of(const StoredTensor &tensor, const DataTensor &kind, const std::string &order) {
  return {tensor, kind.colour, order, kind.scale, kind.offset};
}

// Inputs that the model has.
TensorMap inputs_of(const Graph &graph, const TensorMap &sample) {
  TensorMap inputs;
  for (const GraphInput &input : graph.inputs) {
    const auto found = sample.find(input.name);
    if (found != sample.end()) inputs[input.name] = found->second;
  }
  return inputs;
}

}  // namespace

std::string shown_order_of(const Graph &graph, const std::vector<DataTensor> &data) {
  if (find_truth(data) == nullptr)
    throw Error(ErrorCode::usage, "this kind of data has nothing that an output could be shown beside");
  std::string order;
  for (const GraphInput &input : graph.inputs) {
    const auto known = std::find_if(data.begin(), data.end(), [&](const auto &one) { return one.name == input.name; });
    if (known != data.end() && known->colour) order = input.order;
    if (known == data.end() && !input.value) {
      throw Error(ErrorCode::usage, fmt::format("model {} reads '{}', which the data does not have: its samples cannot "
                                                "be shown",
                                                graph.model, input.name));
    }
  }
  return order;
}

Picture sample_grid(const Model &model, const std::string &output, const std::vector<DataTensor> &data,
                    const std::vector<TensorMap> &samples) {
  const GraphOutput &shown = output_of(model.graph(), output);
  const std::string order = shown_order_of(model.graph(), data);
  const DataTensor &truth = *find_truth(data);
  std::unique_ptr<Grid> grid;
  for (const TensorMap &sample : samples) {
    const auto made = model.run(inputs_of(model.graph(), sample));
    const StoredTensor &result = made.at(output), &wanted = sample.at(truth.name);
    if (result.shape != wanted.shape) {
      throw Error(ErrorCode::input_failed,
                  fmt::format("model {}: output '{}' is {}, not as large as '{}', {}", model.graph().model, output,
                              shape_text(result.shape), truth.name, shape_text(wanted.shape)));
    }
    const bool stated = shown.scale != 1 || shown.offset != 0;
    const Cells right = cells_of(wanted, truth, order);
    const Cells own = {result, truth.colour, shown.order, stated ? shown.scale : truth.scale,
                       stated ? shown.offset : truth.offset};
    int64_t columns = own.count() + right.count();
    for (const DataTensor &kind : data) {
      if (kind.shown == Shown::input || kind.shown == Shown::both)
        columns += cells_of(sample.at(kind.name), kind, order).count();
    }
    if (grid == nullptr) grid = std::make_unique<Grid>(static_cast<int64_t>(samples.size()), columns, right);
    grid->begin_row();
    const auto mask = sample.find("mask");
    for (const DataTensor &kind : data) {
      if (kind.shown != Shown::input && kind.shown != Shown::both) continue;
      const bool holes = kind.shown == Shown::both && mask != sample.end();
      grid->add(cells_of(sample.at(kind.name), kind, order), holes ? &mask->second : nullptr);
    }
    grid->add(own, nullptr);
    grid->add(right, nullptr);
  }
  return grid->take();
}

}  // namespace sluice
