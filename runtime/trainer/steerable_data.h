// SPDX-License-Identifier: Apache-2.0
// The steerable filter of Dynamic Filter Networks: `image` [1 h w], grey, 0..1, `theta` [1 h w], one angle a picture,
// 0..2 pi, and `filtered` [1 h w], the derivative of a Gaussian along that angle (arXiv 1605.09673, section 4.1;
// dbbert/dfn: datasets/dataset_steerableFilter.py).
#pragma once
#include "runtime/trainer/data_kind.h"

namespace sluice {

// --data: pictures, as `pictures` takes them; computed without.
std::shared_ptr<const DataKind> read_steerable_data(const DataSize &size, RecipeValues &values);

// filtered = cos(theta) Ix + sin(theta) Iy: with t = -4..4, g(t) = exp(-t^2/2) and d(t) = t g(t),
// Ix(x, y) = -sum over i, j of d(i) g(j) image(x + i, y + j), Iy with d(j) g(i); zeros outside.
void filter_steerable(const float *image, int width, int height, double theta, float *filtered);

}  // namespace sluice
