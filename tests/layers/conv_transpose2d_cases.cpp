// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/convolution_reference.h"

namespace sluice::testing {
namespace {

// Along an axis, 0 for height: the output's extent, and what is cut off before it.
struct TransposedAxis {
  int64_t stride, dilation, extent, before;

  TransposedAxis(const Attributes &a, size_t axis, int64_t input, int64_t kernel)
      : stride(a.integer("stride", 1, axis)),
        dilation(a.integer("dilation", 1, axis)),
        extent(a.integer("output_size", 0, axis)),
        before(0) {
    const int64_t whole = (input - 1) * stride + (kernel - 1) * dilation + 1;
    if (a.word("padding", "0") == "same") {
      before = std::max<int64_t>(whole - extent, 0) / 2;
      return;
    }
    before = a.integer("padding", 0, 2 * axis);
    if (extent == 0)
      extent = whole - before - a.integer("padding", 0, 2 * axis + 1) + a.integer("output_padding", 0, axis);
  }
};

// Every input pixel adds its window to the output.
template <typename T>
Array<T> transposed(const Attributes &a, const Array<T> &given, const Array<T> &weight, const Array<T> &bias) {
  const Array<T> input = as_picture(given);
  const int64_t groups = a.integer("groups", 1), inputs = weight.shape[0], outputs = weight.shape[1];
  const TransposedAxis down(a, 0, input.shape[2], weight.shape[2]), across(a, 1, input.shape[3], weight.shape[3]);
  Array<T> output({input.shape[0], outputs * groups, down.extent, across.extent});
  for (int64_t n = 0; n < input.shape[0]; n++) {
    for (int64_t i = 0; i < inputs; i++) {
      const int64_t first = i / (inputs / groups) * outputs;
      for (int64_t y = 0; y < input.shape[2]; y++) {
        for (int64_t x = 0; x < input.shape[3]; x++) {
          for (int64_t ky = 0; ky < weight.shape[2]; ky++) {
            for (int64_t kx = 0; kx < weight.shape[3]; kx++) {
              const int64_t v = y * down.stride + ky * down.dilation - down.before,
                            u = x * across.stride + kx * across.dilation - across.before;
              if (u < 0 || v < 0 || u >= output.shape[3] || v >= output.shape[2]) continue;
              for (int64_t o = 0; o < outputs; o++)
                output.at(n, first + o, v, u) += weight.at(i, o, ky, kx) * input.at(n, i, y, x);
            }
          }
        }
      }
    }
  }
  const int64_t space = output.shape[2] * output.shape[3];
  for (size_t i = 0; i < output.values.size(); i++) {
    const size_t c = i / static_cast<size_t>(space) % static_cast<size_t>(output.shape[1]);
    output.values[i] += bias.values.size() == 1 ? bias.values[0] : bias.values[c];
  }
  return given.shape.size() == 3 ? output.reshaped({output.shape[0], output.shape[1], output.shape[3]}) : output;
}

struct ConvTranspose2d {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    Array<T> output = transposed(a, in.at("input"), in.at("weight"), in.at("bias"));
    normalise(a, in, output);
    for (T &v : output.values) v = activate(a.word("activation", "none"), v, a.real("negative_slope", 0.2));
    return output;
  }
};

Array<double> bound(const Attributes &a, const Operands<double> &in) {
  if (a.word("norm", "none") != "none") return relative_bound(ConvTranspose2d::value(a, in));
  Array<double> allowed =
      transposed(a, magnitudes(in.at("input")), magnitudes(in.at("weight")), magnitudes(in.at("bias")));
  // As the attribute `transform` says.
  const std::vector<int64_t> &weight = in.at("weight").shape;
  const int64_t stride = a.integer("stride", 1, 0);
  const bool dense = stride == 2 && a.integer("dilation", 1, 0) == 1 && a.integer("dilation", 1, 1) == 1;
  const bool winograd = a.word("algorithm", "fastest") == "fastest" && a.integer("groups", 1) == 1 &&
                        (stride == 1 || dense) && a.integer("stride", 1, 1) == stride && weight[0] >= 16 &&
                        weight[1] >= 32 && weight[2] == 3 && weight[3] == 3;
  if (winograd) allowed = largest_of_tile(allowed, a.integer("dilation", 1, 0), a.integer("dilation", 1, 1));
  for (double &v : allowed.values) v *= (winograd ? 26 : 10) * kUnit;
  return allowed;
}

const RegisterLayerCases registered(
    "conv_transpose2d", make_reference<ConvTranspose2d>(bound),
    {
        {"", "k3_s2_op1", "kernel=3 stride=2 padding=1 output_padding=1 channels=9", {{2, 7, 6, 7}}, true},
        {"", "k3_s2_wide", "kernel=3 stride=2 padding=1 output_padding=1 channels=40", {{1, 15, 5, 19}}, true},
        {"", "k4_s2", "kernel=4 stride=2 padding=1 channels=10", {{2, 6, 6, 7}}, true},
        {"", "k2_s2_nobias", "kernel=2 stride=2 channels=5 bias=false", {{1, 4, 5, 6}}, true},
        {"", "k5_s2_p2", "kernel=5 stride=2 padding=2 output_padding=1,0 channels=5", {{1, 4, 5, 6}}, true},
        {"", "k3_s2_p0", "kernel=3 stride=2 channels=5", {{1, 4, 5, 6}}, true},
        {"", "k1_s2", "kernel=1 stride=2 output_padding=1 channels=19", {{1, 6, 5, 6}}, true},
        {"", "k2x4_s2_asymmetric", "kernel=2,4 stride=2 padding=0,1,2,0 channels=5", {{1, 4, 5, 6}}, true},
        {"", "s1", "kernel=3 padding=1 channels=9", {{2, 5, 6, 7}}, true},
        {"", "s1_winograd", "kernel=3 padding=1 channels=33", {{2, 17, 9, 7}}, false},
        {"",
         "s1_winograd_dilation",
         "kernel=3 padding=2 dilation=2,3 channels=70 activation=relu",
         {{1, 16, 9, 11}},
         false},
        {"",
         "s2_winograd",
         "kernel=3 stride=2 padding=1 output_padding=1 channels=40 activation=relu",
         {{2, 17, 7, 19}},
         false},
        {"", "s2_winograd_odd", "kernel=3 stride=2 padding=0,1,2,0 channels=65", {{1, 16, 6, 5}}, false},
        {"", "s2_winograd_size", "kernel=3 stride=2 padding=1 output_size=10,7 channels=32", {{2, 19, 5, 4}}, false},
        {"", "s2_winograd_pixel", "kernel=3 stride=2 padding=1 channels=33", {{1, 16, 1, 1}}, false},
        {"",
         "s2_winograd_norm",
         "kernel=3 stride=2 padding=1 channels=36 norm=batch_eval activation=leaky_relu",
         {{1, 16, 4, 3}},
         false},
        {"", "s1_direct", "kernel=3 padding=1,0,2,1 channels=33", {{2, 17, 9, 7}}, true},
        {"", "same_s1", "kernel=3 padding=same output_size=9,7 channels=33", {{1, 16, 9, 7}}, false},
        {"", "same_s2_even", "kernel=3 stride=2 padding=same output_size=10,8 channels=9", {{1, 5, 5, 4}}, true},
        {"", "same_s2_odd", "kernel=5 stride=2 padding=same output_size=9,7 channels=9", {{2, 5, 5, 4}}, true},
        {"", "s2_size", "kernel=3 stride=2 padding=1 output_size=10,7 channels=9", {{1, 5, 5, 4}}, true},
        {"", "s3_size_beyond", "kernel=3 stride=3 padding=1 output_size=15,12 channels=6", {{1, 5, 5, 4}}, true},
        {"", "s3", "kernel=3 stride=3 channels=17", {{1, 5, 4, 5}}, true},
        {"", "s2x1", "kernel=4,3 stride=2,1 padding=1 channels=6", {{1, 5, 4, 5}}, true},
        {"", "s3_k4_overlap", "kernel=4 stride=3 padding=1 output_padding=2 channels=6", {{1, 5, 4, 5}}, true},
        {"",
         "s2_dilation2",
         "kernel=3 stride=2 dilation=2 padding=2 output_padding=1 channels=6",
         {{1, 5, 4, 5}},
         false},
        {"", "s2_dilation3", "kernel=3 stride=2 dilation=3 padding=1 channels=6", {{1, 5, 4, 5}}, true},
        {"", "groups2", "kernel=3 stride=2 padding=1 output_padding=1 groups=2 channels=10", {{2, 8, 5, 4}}, true},
        {"", "relu", "kernel=4 stride=2 padding=1 channels=9 activation=relu", {{1, 5, 5, 6}}, true},
        {"", "leaky_s1", "kernel=3 channels=9 activation=leaky_relu negative_slope=0.1", {{1, 5, 5, 6}}, false},
        {"",
         "norm_relu",
         "kernel=3 stride=2 padding=1 output_padding=1 channels=9 bias=false norm=batch_eval activation=relu",
         {{2, 5, 5, 6}},
         false},
    });

}  // namespace
}  // namespace sluice::testing
