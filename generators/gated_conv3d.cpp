// SPDX-License-Identifier: Apache-2.0
// Gated convolution of a clip n c t h w: two convolutions over the same input, one pass.
// Source: Chang et al., Free-form Video Inpainting with 3D Gated Convolution and Temporal PatchGAN (arXiv 1904.10247),
// section 3.2. causal=true puts all padding in time before the first frame: a frame depends on no later one.
#include "packed_vectors.h"
#include "winograd.h"

using namespace Halide;
using sluice::Context;
using sluice::ConvolutionAxis;
using sluice::Operand;
using sluice::Port;
using sluice::Stages;

namespace {

// The clip that tap (i, kx, ky, kt) of output pixel (x, y, t) reads, as ConvolutionInput does for pictures: stage
// "padded"; for the derivative of a strided layer "tap", through the tables "column", "row" and "frame".
class ClipInput {
 public:
  ClipInput(const Context &in, bool strided, const std::map<std::string, Expr> &kernel) : strided_(strided) {
    const std::pair<const char *, const char *> names[] = {{"x", "w"}, {"y", "h"}, {"t", "t"}};
    for (const auto &[axis, suffix] : names) {
      stride_.push_back(strided ? in.scalar(std::string("stride_") + suffix) : Expr(1));
      dilation_.push_back(in.scalar(std::string("dilation_") + suffix));
      const Expr size = in["input"].extent.at(axis), taps = kernel.at(std::string("k") + axis);
      axes_.push_back(axis == std::string("t") ? time_axis(in, size, taps, stride_.back())
                                               : sluice::convolution_axis(in, size, taps, stride_.back(), suffix));
    }
  }

  const std::vector<ConvolutionAxis> &axes() const { return axes_; }
  std::vector<Expr> extents(const Context &in, const Expr &channels) const {
    return {channels, axes_[0].extent, axes_[1].extent, axes_[2].extent, in["input"].extent.at("n")};
  }

  void define(const Context &in, Stages &stages) {
    const Var i("i"), x("x"), y("y"), t("t"), n("n");
    if (in.backward && strided_) return define_taps(in, stages);
    const Operand &input = in["input"];
    read_ = stages.add("padded");
    const Expr column = x - axes_[0].before, row = y - axes_[1].before, frame = t - axes_[2].before;
    if (in.backward) {
      read_(i, x, y, t, n) = input(i, column, row, frame, n);
      return;
    }
    const Func wide =
        BoundaryConditions::constant_exterior(input.func, in.constant(0), {{}, {0, input.extent.at("x")}, {}, {}, {}});
    read_(i, x, y, t, n) =
        wide(i, column, clamp(row, 0, max(axes_[1].size - 1, 0)), clamp(frame, 0, max(axes_[2].size - 1, 0)), n);
  }

  // Is the row and the frame that a tap reads inside? Outside are zeros, which forward leaves out; columns, several of
  // which are in one register tile, have them.
  Expr inside(const std::vector<Expr> &taps, const std::vector<Expr> &pixel) const {
    const Expr row = position(1, taps, pixel) - axes_[1].before, frame = position(2, taps, pixel) - axes_[2].before;
    return row >= 0 && row < axes_[1].size && frame >= 0 && frame < axes_[2].size;
  }

  // taps, pixel: x, y, t.
  Expr operator()(const Expr &i, const std::vector<Expr> &taps, const std::vector<Expr> &pixel, const Expr &n) const {
    if (tapped_) return read_(i, taps[0], pixel[0], taps[1], pixel[1], taps[2], pixel[2], n);
    return read_(i, position(0, taps, pixel), position(1, taps, pixel), position(2, taps, pixel), n);
  }

 private:
  bool strided_, tapped_ = false;
  std::vector<Expr> stride_, dilation_;
  std::vector<ConvolutionAxis> axes_;
  Func read_;

  Expr position(size_t axis, const std::vector<Expr> &taps, const std::vector<Expr> &pixel) const {
    return pixel[axis] * stride_[axis] + taps[axis] * dilation_[axis];
  }

  // As in space, with the names of time.
  static ConvolutionAxis time_axis(const Context &in, const Expr &size, const Expr &kernel, const Expr &stride) {
    Context time = in;
    time.add_scalar("padding_top", in.scalar("padding_front"));
    time.add_scalar("padding_bottom", in.scalar("padding_back"));
    time.add_scalar("dilation_h", in.scalar("dilation_t"));
    ConvolutionAxis axis = sluice::convolution_axis(time, size, kernel, stride, "h");
    const Expr reach = (kernel - 1) * in.scalar("dilation_t");
    const Expr before =
        select(in.scalar("padding_same") != 0, reach, in.scalar("padding_front") + in.scalar("padding_back"));
    axis.before = select(in.scalar("causal") != 0, before, axis.before);
    return axis;
  }

  void define_taps(const Context &in, Stages &stages) {
    const Var i("i"), x("x"), y("y"), t("t"), n("n"), kx("kx"), ky("ky"), kt("kt");
    const std::vector<Var> tap{kx, ky, kt}, at{x, y, t};
    const std::vector<Expr> taps(tap.begin(), tap.end()), pixel(at.begin(), at.end());
    const char *const names[] = {"column", "row", "frame"};
    std::vector<Expr> source;
    Expr outside = Internal::const_false();
    for (size_t axis = 0; axis < 3; axis++) {
      const Expr from = position(axis, taps, pixel) - axes_[axis].before, last = axes_[axis].size - 1;
      Func &table = stages.add(names[axis]);
      table(at[axis], tap[axis]) = clamp(from, 0, max(last, 0));
      source.push_back(table(at[axis], tap[axis]));
      outside = outside || from < 0 || from > last;
    }
    read_ = stages.add("tap");
    read_(i, kx, x, ky, y, kt, t, n) =
        select(outside, in.constant(0), in["input"](i, source[0], source[1], source[2], n));
    tapped_ = true;
  }
};

}  // namespace

struct GatedConv3d : sluice::winograd::Transformed {
  static constexpr const char *kName = "gated_conv3d";
  static constexpr const char *kSummary =
      "output = activation(conv(input, feature_weight) + feature_bias) * sigmoid(conv(input, gate_weight) + gate_bias) "
      "of a clip";
  GeneratorParam<std::string> reading{"reading", "plain"};
  GeneratorParam<std::string> activation{"activation", "none+relu+leaky_relu"};

  std::vector<Port> inputs() const { return {clip("input")}; }
  std::vector<Port> outputs() const { return {clip("output")}; }
  std::vector<Port> parameters() const {
    return {weight("feature_weight"), sluice::convolution_bias("feature_bias"), weight("gate_weight"),
            sluice::convolution_bias("gate_bias")};
  }
  std::vector<sluice::Attribute> attributes() const {
    using Kind = sluice::Attribute::Kind;
    const std::vector<sluice::Attribute> window = {
        {"channels", Kind::shape, "", {}, {}, {}},
        {"kernel", Kind::shape, "", {"kernel_t", "kernel_h", "kernel_w"}, {}, {}},
        {"stride", Kind::integer, "1", {"stride_t", "stride_h", "stride_w"}, {}, {}},
        {"dilation", Kind::integer, "1", {"dilation_t", "dilation_h", "dilation_w"}, {}, {}},
        {"padding",
         Kind::integer,
         "0",
         {"padding_front", "padding_back", "padding_top", "padding_bottom", "padding_left", "padding_right"},
         {{"same", "padding_same"}},
         {}},
        {"causal", Kind::integer, "false", {}, {}, {}},
        {"bias", Kind::shape, "true", {}, {}, {}},
        {"gate_activation", Kind::variant, "sigmoid", {}, {}, {"sigmoid"}},
        {"reading", Kind::derived, "plain: stride=1; strided:", {}, {}, {"plain", "strided"}},
        {"algorithm", Kind::note, "fastest", {}, {}, {"fastest", "direct"}},
        {"transform", Kind::derived, transforms(), {}, {}, {}}};
    return sluice::joined(window, sluice::activation_attributes({"none+relu+leaky_relu", "elu", "tanh"}));
  }
  std::map<std::string, std::string> variants() const {
    return {{"reading", reading.value()}, {"activation", activation.value()}, {"transform", transform.value()}};
  }

  // As of gated_conv2d: a panel is `lanes` output channels, feature and gate side by side.
  std::vector<Port> packed() const {
    return {
        sluice::port("packed_weight",
                     {{"lane", "lanes"}, {"half", "2"}, {"i", ""}, {"kx", ""}, {"ky", ""}, {"kt", ""}, {"panel", ""}}),
        sluice::packed_vectors("packed_bias")};
  }
  Stages pack(Context &in) const {
    Stages stages;
    const Var lane("lane"), half("half"), i("i"), kx("kx"), ky("ky"), kt("kt"), panel("panel");
    const Expr channels = in["feature_weight"].extent.at("o"), last = channels - 1;
    const Expr channel = panel_start(panel, channels, in.lanes) + lane;
    const auto tap = [&](const Expr &x, const Expr &y) {
      return select(half == 0, in["feature_weight"](x, y, kt, i, min(channel, last)),
                    in["gate_weight"](x, y, kt, i, min(channel, last)));
    };
    stages.add("packed_weight")(lane, half, i, kx, ky, kt, panel) =
        select(channel <= last, packed_tap(stages, {lane, half, i, kt, panel}, kx, ky, tap), in.constant(0));
    sluice::pack_vectors(stages, in, "packed_bias", {"feature_bias", "gate_bias"});
    return stages;
  }
  void unpack(Context &in) const {
    const Var kx("kx"), ky("ky"), kt("kt"), i("i"), o("o");
    const Operand weights = in["packed_weight"];
    for (int half = 0; half < 2; half++) {
      Operand weight;
      weight.func = Func(half == 0 ? "feature_weight" : "gate_weight");
      weight.func(kx, ky, kt, i, o) = weights(o % in.lanes, half, i, kx, ky, kt, o / in.lanes);
      weight.extent = weights.extent;
      in.add(half == 0 ? "feature_weight" : "gate_weight", weight);
    }
    sluice::unpack_vectors(in, "packed_bias", {"feature_bias", "gate_bias"});
  }

  std::vector<Expr> extents(const Context &in, const std::string &port) const {
    const auto &w = in["feature_weight"].extent;
    if (port == "packed_weight") {
      return {in.lanes,
              2,
              w.at("i"),
              packed_across(in["feature_weight"]),
              packed_down(in["feature_weight"]),
              w.at("kt"),
              (w.at("o") + in.lanes - 1) / in.lanes};
    }
    if (port == "packed_bias") return {w.at("o"), 2};
    return reader(in).extents(in, in["feature_bias"].extent.at("o"));
  }

  Stages define(Context &in) const {
    if (is_winograd() && !in.backward) return define_winograd(in);
    Stages stages;
    const Var c("c"), x("x"), y("y"), t("t"), n("n");
    const auto &w = in["feature_weight"].extent;
    RDom r(0, in["input"].extent.at("c"), 0, w.at("kx"), 0, w.at("ky"), 0, w.at("kt"));  // i, kx, ky, kt
    ClipInput input = reader(in);
    if (!in.backward) r.where(input.inside({r[1], r[2], r[3]}, {x, y, t}));
    input.define(in, stages);
    const Expr tap = input(r[0], {r[1], r[2], r[3]}, {x, y, t}, n);
    Func &sum = stages.add("sum");
    sum(c, x, y, t, n) = Tuple(in.constant(0), in.constant(0));
    sum(c, x, y, t, n) = Tuple(sum(c, x, y, t, n)[0] + in["feature_weight"](r[1], r[2], r[3], r[0], c) * tap,
                               sum(c, x, y, t, n)[1] + in["gate_weight"](r[1], r[2], r[3], r[0], c) * tap);
    Func &feature = stages.add("feature"), &gate = stages.add("gate");
    feature(c, x, y, t, n) = sum(c, x, y, t, n)[0] + in["feature_bias"](c);
    gate(c, x, y, t, n) = sum(c, x, y, t, n)[1] + in["gate_bias"](c);
    stages.add("output")(c, x, y, t, n) =
        sluice::activate(activation, feature(c, x, y, t, n), in) * sluice::sigmoid(gate(c, x, y, t, n), in);
    return stages;
  }

 private:
  static Port clip(const std::string &name) {
    return sluice::port(name, {{"c", ""}, {"x", ""}, {"y", ""}, {"t", ""}, {"n", ""}});
  }
  static Port weight(const std::string &name) {
    return sluice::port(
        name, {{"kx", "kernel_w"}, {"ky", "kernel_h"}, {"kt", "kernel_t"}, {"i", "input.c"}, {"o", "channels"}});
  }
  static std::string transforms() {
    const std::string fits =
        "algorithm=fastest kernel_h=3 kernel_w=3 stride_t=1 feature_weight.i>=16 feature_weight.o>=16 ";
    return "winograd: " + fits + "stride_h=1 stride_w=1; winograd_stride2: " + fits + "stride_h=2 stride_w=2; none:";
  }

  Stages define_winograd(const Context &in) const {
    Stages stages;
    const auto axes = reader(in).axes();
    const Expr taps = in["feature_weight"].extent.at("kt");
    sluice::winograd::Convolution convolution(in, winograd(), axes[0], axes[1], false,
                                              in["feature_bias"].extent.at("o"), 2, 2,
                                              {{axes[2], taps, in.scalar("dilation_t")}});
    convolution.define(stages, [&](const Expr &c, const std::vector<Expr> &sums) {
      return sluice::activate(activation, sums[0] + in["feature_bias"](c), in) *
             sluice::sigmoid(sums[1] + in["gate_bias"](c), in);
    });
    return stages;
  }

  ClipInput reader(const Context &in) const {
    const Operand &weight = in["feature_weight"];
    auto kernel = weight.extent;
    kernel["kx"] = taps_across(weight);
    kernel["ky"] = taps_down(weight);
    return {in, reading.value() != "plain", kernel};
  }
};

SLUICE_REGISTER_LAYER(GatedConv3d, gated_conv3d)
