// SPDX-License-Identifier: Apache-2.0
// Edges of pictures, as a person would draw them to guide a filling. The paper takes the edge detector HED, a network
// of its own (arXiv 1806.03589, section 3.4); here edges are where the gradient of the smoothed luma is large and
// larger than beside it (Canny, A computational approach to edge detection, 1986, without hysteresis).
#pragma once

namespace sluice {

// `rgb`: three planes of height * width values 0..255. Writes height * width values, 1 on an edge, else 0.
void draw_edges(const float *rgb, int width, int height, float *edges);

}  // namespace sluice
