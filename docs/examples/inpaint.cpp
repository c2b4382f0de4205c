// SPDX-License-Identifier: Apache-2.0
// Fills the hole of a picture from C++: inpaint GRAPH WEIGHTS PICTURE MASK RESULT.
#include <iostream>

#include "runtime/image/picture.h"
#include "runtime/model.h"
#include "runtime/tasks/inpaint.h"
#include "weights_io/error.h"

int main(int argc, char **argv) try {
  if (argc != 6) throw sluice::Error(sluice::ErrorCode::usage, "inpaint GRAPH WEIGHTS PICTURE MASK RESULT");
  const auto model = sluice::Model::load(argv[1], argv[2]);
  int width = 0, height = 0;
  const auto mask = sluice::read_mask(argv[4], &width, &height);  // one value a pixel, 1 = hole
  sluice::write_picture(argv[5], sluice::inpaint(*model, sluice::read_picture(argv[3]), mask));
} catch (const sluice::Error &error) {
  std::cerr << error.what() << '\n';
  return static_cast<int>(error.code());
}
