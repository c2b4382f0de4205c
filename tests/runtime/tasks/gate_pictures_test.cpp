// SPDX-License-Identifier: Apache-2.0
// Where tiles, rows and columns lie and how grey they are.
#include "runtime/tasks/gate_pictures.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/tasks/label_text.h"
#include "tests/support/message_of.h"

namespace sluice {
namespace {

using testing::message_of;

GateMap map_of(const std::string &node, int width, int height, float value) {
  return {node,
          "op",
          {1, 1, height, width},
          {width, height, std::vector<float>(size_t(width) * size_t(height), value)},
          value};
}

int at(const Picture &picture, int x, int y) { return picture.samples[picture.index(x, y, 0)]; }

TEST(GateSheet, EnlargesSmallerMapsToTheNearestPixel) {
  GateMap small = map_of("b", 2, 1, 0);
  small.mean.values = {0, 1};
  const Picture sheet = gate_sheet({map_of("a", 40, 20, 0.5f), small});
  EXPECT_EQ(sheet.channels, 1);
  ASSERT_EQ(sheet.width, 48 + 12);  // "a 0.50" is wider than the tile
  ASSERT_EQ(sheet.height, 2 * (20 + 8 + 18));
  EXPECT_EQ(at(sheet, 6, 20), 128);
  EXPECT_EQ(at(sheet, 6 + 39, 20 + 19), 128);
  const int top = 46 + 20;
  EXPECT_EQ(at(sheet, 6, top), 0);
  EXPECT_EQ(at(sheet, 6 + 19, top + 19), 0);
  EXPECT_EQ(at(sheet, 6 + 20, top), 255);
  EXPECT_EQ(at(sheet, 6 + 39, top + 19), 255);
  EXPECT_EQ(at(sheet, 6 - 1, top), 128);  // the line around it
  EXPECT_EQ(at(sheet, 6 - 2, top), 255);
}

TEST(GateSheet, IsAboutAsWideAsHigh) {
  const Picture sheet = gate_sheet(std::vector<GateMap>(40, map_of("a", 60, 60, 1)));
  EXPECT_EQ(sheet.width, 7 * (60 + 12));
  EXPECT_EQ(sheet.height, 6 * (60 + 8 + 18));
}

TEST(GateSheet, MakesLargeMapsSmallerByMeans) {
  GateMap large = map_of("a", 512, 256, 0);
  for (size_t i = 0; i < large.mean.values.size(); i += 2) large.mean.values[i] = 1;
  const Picture sheet = gate_sheet({large});
  ASSERT_EQ(sheet.width, 256 + 12);
  ASSERT_EQ(sheet.height, 128 + 8 + 18);
  EXPECT_EQ(at(sheet, 100, 100), 128);
}

TEST(GateSheet, WritesNamesThatCanBeRead) {
  const Picture sheet = gate_sheet({map_of("conv1", 100, 10, 1)});
  Picture label{.width = 80, .height = 8, .channels = 1, .bits = 8, .samples = std::vector<uint16_t>(640, 255)};
  draw_text(label, 0, 0, "conv1 1.00", 0);
  for (int y = 0; y < 8; y++) {
    for (int x = 0; x < 80; x++) ASSERT_EQ(at(sheet, 6 + x, 6 + y), at(label, x, y)) << x << " " << y;
  }
  EXPECT_GT(std::count(label.samples.begin(), label.samples.end(), 0), 100);
}

TEST(GateSheet, IsRefusedWithoutMapsAndWhereItWouldBeTooLarge) {
  EXPECT_EQ(message_of([] { gate_sheet({}); }), "no gates to draw");
  EXPECT_NE(message_of([] { gate_sheet({map_of(std::string(9000, 'x'), 1, 1, 0)}); }).find("pixels"),
            std::string::npos);
}

TEST(ClassGatePicture, HasARowAClassAndAColumnAChannel) {
  ClassGates table{
      0, 2, {{"b", "alpha", {{0, 1, 0.5f}, {0.2f, 0.2f, 0.2f}}}, {"b", "beta", {{-1, 0, 0}, {0, 0, -0.5f}}}}};
  const Picture picture = class_gate_picture(table, {"cat", "dog"});
  const int left = 5 * 8 + 12, header = 20, row = 16, cell = 3;  // "alpha" is the widest text; three channels for "b"
  ASSERT_EQ(picture.width, left + 3 * cell + 6);
  ASSERT_EQ(picture.height, 2 * (header + 2 * row + 6));
  const int below = header + 2 * row + 6;
  const std::vector<std::vector<int>> alpha = {{0, 255, 128}, {51, 51, 51}}, beta = {{255, 0, 0}, {0, 0, 128}};
  for (int k = 0; k < 2; k++) {
    for (int c = 0; c < 3; c++) {
      EXPECT_EQ(at(picture, left + c * cell + 1, header + k * row + 8), alpha[size_t(k)][size_t(c)]) << k << c;
      EXPECT_EQ(at(picture, left + c * cell + 1, below + header + k * row + 8), beta[size_t(k)][size_t(c)]) << k << c;
    }
  }
  EXPECT_NE(class_gate_picture(table, {}).samples, picture.samples);  // numbers instead of names
}

TEST(LabelText, StaysInThePicture) {
  Picture picture{.width = 4, .height = 4, .channels = 3, .bits = 8, .samples = std::vector<uint16_t>(48, 0)};
  draw_text(picture, -3, -2, "##", 7);
  draw_text(picture, 3, 3, "\xff\n", 7);
  EXPECT_GT(std::count(picture.samples.begin(), picture.samples.end(), 7), 3);
}

}  // namespace
}  // namespace sluice
