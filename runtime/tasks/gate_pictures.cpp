// SPDX-License-Identifier: Apache-2.0
// Tiles, rows and columns with names beside them.
#include "runtime/tasks/gate_pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runtime/tasks/label_text.h"
#include "runtime/tasks/picture_tensor.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

constexpr uint16_t kPaper = 255, kInk = 0, kLine = 128;
constexpr int kMargin = 6, kTile = 256, kRow = 16;

uint16_t grey_of(double openness) { return sample_of(static_cast<float>(openness * kPaper + 0.5), 8); }

Picture paper(int64_t width, int64_t height) {
  const PictureLimits limits;
  if (width > limits.max_side || height > limits.max_side) {
    throw Error(ErrorCode::input_failed,
                fmt::format("a picture of the gates would have {} x {} pixels", width, height));
  }
  Picture picture{
      .width = static_cast<int>(width), .height = static_cast<int>(height), .channels = 1, .bits = 8, .samples = {}};
  picture.samples.assign(static_cast<size_t>(width * height), kPaper);
  return picture;
}

void fill(Picture &picture, int x, int y, int width, int height, uint16_t value) {
  for (int row = y; row < y + height; row++) {
    std::fill_n(picture.samples.begin() + static_cast<std::ptrdiff_t>(picture.index(x, row, 0)), width, value);
  }
}

// A line of one pixel around what lies inside.
void frame(Picture &picture, int x, int y, int width, int height) {
  fill(picture, x - 1, y - 1, width + 2, height + 2, kLine);
}

struct Size {
  int width = 1, height = 1;
};

Size tile_size(const std::vector<GateMap> &maps) {
  Size size;
  for (const GateMap &map : maps) {
    size.width = std::max(size.width, map.mean.width);
    size.height = std::max(size.height, map.mean.height);
  }
  const int longest = std::max(size.width, size.height);
  if (longest <= kTile) return size;
  return {std::max(size.width * kTile / longest, 1), std::max(size.height * kTile / longest, 1)};
}

// First of the map's pixels that pixel `at` of the tile shows.
int source_of(int at, int tile, int map) { return static_cast<int>(int64_t{at} * map / tile); }

// The pixels under (x, y): one where the tile is the larger one, else the mean of those it covers.
double tile_value(const Plane &map, const Size &tile, int x, int y) {
  const int x0 = source_of(x, tile.width, map.width), y0 = source_of(y, tile.height, map.height);
  const int x1 = std::max(source_of(x + 1, tile.width, map.width), x0 + 1);
  const int y1 = std::max(source_of(y + 1, tile.height, map.height), y0 + 1);
  double sum = 0;
  for (int row = y0; row < y1; row++) {
    for (int column = x0; column < x1; column++) sum += map.at(column, row);
  }
  return sum / ((x1 - x0) * (y1 - y0));
}

void draw_tile(Picture &sheet, const Plane &map, const Size &tile, int left, int top) {
  frame(sheet, left, top, tile.width, tile.height);
  for (int y = 0; y < tile.height; y++) {
    for (int x = 0; x < tile.width; x++)
      sheet.samples[sheet.index(left + x, top + y, 0)] = grey_of(tile_value(map, tile, x, y));
  }
}

std::string tile_label(const GateMap &map) { return fmt::format("{} {:.2f}", map.node, map.openness); }

// Gates of one port beside each other.
struct Panel {
  std::string port;
  std::vector<const ClassGate *> gates;

  // Pixels a channel: as many as the block's name needs.
  static int cell(const ClassGate &gate) {
    const int channels = static_cast<int>(gate.channels());
    return std::max((text_width(gate.node) + channels - 1) / channels, 1);
  }
  int64_t width() const {
    int64_t width = 0;
    for (const ClassGate *gate : gates) width += cell(*gate) * static_cast<int64_t>(gate->channels()) + kMargin;
    return width;
  }
};

std::vector<Panel> panels_of(const ClassGates &table) {
  std::vector<Panel> panels{{"alpha", {}}, {"beta", {}}};
  for (const ClassGate &gate : table.gates) {
    for (Panel &panel : panels) {
      if (panel.port == gate.port) panel.gates.push_back(&gate);
    }
  }
  std::erase_if(panels, [](const Panel &panel) { return panel.gates.empty(); });
  return panels;
}

void draw_gate(Picture &picture, const ClassGate &gate, int left, int top) {
  const int cell = Panel::cell(gate), channels = static_cast<int>(gate.channels());
  draw_text(picture, left, top - kGlyphSide - 3, gate.node, kInk);
  frame(picture, left, top, cell * channels, kRow * static_cast<int>(gate.values.size()));
  for (int row = 0; row < static_cast<int>(gate.values.size()); row++) {
    for (int c = 0; c < channels; c++) {
      const float value = gate.values[static_cast<size_t>(row)][static_cast<size_t>(c)];
      fill(picture, left + c * cell, top + row * kRow, cell, kRow, grey_of(std::abs(value)));
    }
  }
}

}  // namespace

Picture gate_sheet(const std::vector<GateMap> &maps) {
  if (maps.empty()) throw Error(ErrorCode::usage, "no gates to draw");
  const Size tile = tile_size(maps);
  int width = tile.width;
  for (const GateMap &map : maps) width = std::max(width, text_width(tile_label(map)));
  const int step_x = width + 2 * kMargin, step_y = tile.height + kGlyphSide + 3 * kMargin;
  const auto count = static_cast<int>(maps.size());
  // About as wide as high.
  const int columns = std::clamp(static_cast<int>(std::lround(std::sqrt(1.0 * count * step_y / step_x))), 1, count);
  const int rows = (count + columns - 1) / columns;
  Picture sheet = paper(int64_t{columns} * step_x, int64_t{rows} * step_y);
  for (int i = 0; i < count; i++) {
    const GateMap &map = maps[static_cast<size_t>(i)];
    const int left = i % columns * step_x + kMargin, top = i / columns * step_y + kMargin;
    draw_text(sheet, left, top, tile_label(map), kInk);
    draw_tile(sheet, map.mean, tile, left, top + kGlyphSide + kMargin);
  }
  return sheet;
}

Picture class_gate_picture(const ClassGates &table, const std::vector<std::string> &names) {
  const std::vector<Panel> panels = panels_of(table);
  if (panels.empty()) throw Error(ErrorCode::usage, "no gates to draw");
  std::vector<std::string> labels = names;
  for (int64_t k = static_cast<int64_t>(labels.size()); k < table.classes; k++) {
    labels.push_back(std::to_string(table.first_class + k));
  }
  int label_width = 0;
  for (const std::string &label : labels) label_width = std::max(label_width, text_width(label));
  for (const Panel &panel : panels) label_width = std::max(label_width, text_width(panel.port));
  const int left = label_width + 2 * kMargin, header = kGlyphSide + 2 * kMargin;
  const int64_t panel_height = header + table.classes * kRow + kMargin;
  int64_t width = 0;
  for (const Panel &panel : panels) width = std::max(width, panel.width());

  Picture picture = paper(left + width, static_cast<int64_t>(panels.size()) * panel_height);
  int top = header;
  for (const Panel &panel : panels) {
    draw_text(picture, kMargin, top - kGlyphSide - 3, panel.port, kLine);
    for (size_t k = 0; k < labels.size(); k++) {
      draw_text(picture, kMargin, top + static_cast<int>(k) * kRow + (kRow - kGlyphSide) / 2, labels[k], kInk);
    }
    int x = left;
    for (const ClassGate *gate : panel.gates) {
      draw_gate(picture, *gate, x, top);
      x += Panel::cell(*gate) * static_cast<int>(gate->channels()) + kMargin;
    }
    top += static_cast<int>(panel_height);
  }
  return picture;
}

}  // namespace sluice
