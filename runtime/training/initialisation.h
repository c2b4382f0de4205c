// SPDX-License-Identifier: Apache-2.0
// How weights begin: variances by formula, and values by position. Element i of a tensor is a function of (seed,
// stream, i) alone, so it is the same on every machine, for any number of threads and whatever else is initialised.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace sluice {

// Terms of a sum that makes one output (in), and outputs that one input goes into (out).
struct Fan {
  double in = 0, out = 0;
};

// Of a weight [o i k1 .. kn]: in = i * k1 * .. * kn, out = o * k1 * .. * kn. Error usage for other shapes.
Fan fan_of(const std::vector<int64_t> &shape);

// gain^2: what an activation (a word of a graph line) takes from the second moment of its input, undone. none, linear,
// sigmoid 1; relu 2; leaky_relu 2 / (1 + slope^2); tanh (5/3)^2 (pytorch/pytorch: torch/nn/init.py). elu counts as
// relu. Error usage for another word.
double squared_gain(const std::string &activation, double negative_slope = 0.2);

// gain^2 / fan_in (He, Zhang, Ren, Sun, ICCV 2015).
double kaiming_variance(double fan_in, double squared_gain);
// 2 / (fan_in + fan_out) (Glorot, Bengio, AISTATS 2010).
double glorot_variance(const Fan &fan, double squared_gain = 1);
// Of a normal distribution of variance 1.3 * 2 / fan_in cut at two deviations, which leaves 0.774 of it: 2.01 / fan_in
// (kakaxi314/GuideNet: models.py, every convolution).
double guidenet_variance(double fan_in);

// Weights that another network makes: main weight = sum over d terms of head * hidden. (Chang, Flokas, Lipson:
// Principled weight initialization for hypernetworks, ICLR 2020; as in chrhenning/hypnettorch: hnets/mlp_hnet.py.)
struct GeneratedWeight {
  Fan main;                     // of the weight that is made
  double terms = 0;             // of a sum of the head: width of hidden; in channels * taps of a generating convolution
  double mean_square = 1;       // of what the head reads
  double squared_gain = 2;      // of the main layer's activation
  bool bias_generated = false;  // the main layer's bias is made too
};

// The main layer keeps the second moment of its input: c / (c_b * fan_in * d * E[e^2]), c = squared_gain, c_b = 2 with
// a generated bias, else 1.
double hyperfan_in_variance(const GeneratedWeight &weight);
// It keeps that of gradients: c / (fan_out * d * E[e^2]).
double hyperfan_out_variance(const GeneratedWeight &weight);
// Of the head that makes the bias: c / (2 * d * E[e^2]), and max(0, c * (1 - fan_in / fan_out)) / (d * E[e^2]). Head
// biases are 0.
double hyperfan_in_bias_variance(const GeneratedWeight &weight);
double hyperfan_out_bias_variance(const GeneratedWeight &weight);

// The main fan of a guided convolution with `taps` taps, whose kernels are made at every pixel. local: every output
// channel from every input channel; channelwise: each channel by itself; depthwise: the 1x1 sum over channels that
// follows, one weight per pair of channels.
enum class GuidedKind { local, channelwise, depthwise };
Fan guided_fan(GuidedKind kind, int64_t inputs, int64_t outputs, int64_t taps);
// guided_fan, made by a convolution of [channels kernel_h kernel_w] over the guidance.
GeneratedWeight guided_weight(const Fan &main, int64_t guidance_channels, int64_t generation_taps, double mean_square);

enum class Distribution {
  normal,
  truncated_normal,  // cut at two deviations of the normal distribution before the cut
  uniform            // on +-sqrt(3 * variance)
};

// Mean 0 and the given variance (that of what is left after a cut). `stream`: which tensor of a network, see stream_of.
void fill_random(std::span<float> values, Distribution distribution, double variance, uint64_t seed, uint64_t stream);

// FNV-1a of a weight's name.
uint64_t stream_of(const std::string &name);

}  // namespace sluice
