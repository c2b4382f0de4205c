// SPDX-License-Identifier: Apache-2.0
#include "runtime/region_of_interest.h"

#include <algorithm>
#include <optional>
#include <sstream>
#include <tuple>

#include "runtime/expression.h"

namespace sluice {
namespace {

// Parts that are so large a share of a picture take as long as all of it.
constexpr double kLargestShare = 0.85, kLargestShareOfQueries = 0.6;
// Pixels that a call of its own is worth: a block of Winograd's tiles, for which all weights pass by; of a few channels
// less. One of attention prepares all keys, which is worth this part of them.
constexpr int64_t kSpare = 768, kSpareOfFew = 256, kFewChannels = 8, kSparePartOfQueries = 16;

const Extents &extents_of(const ExecutionPlan &plan, int tensor) {
  return plan.tensors()[static_cast<size_t>(tensor)].extents;
}

bool is_picture(const ExecutionPlan &plan, int tensor) { return extents_of(plan, tensor).size() == 4; }

// One axis of a convolution of stride 1: what of the input a range of the output reads, and the padding that is left.
struct WindowAxis {
  int64_t input, upsample, kernel, dilation, before;  // before: padding of the whole, in enlarged pixels

  int64_t reach() const { return (kernel - 1) * dilation; }
  std::pair<int64_t, int64_t> read(int64_t first, int64_t last) const {
    const int64_t low = std::clamp<int64_t>(first - before, 0, upsample * input - 1);
    const int64_t high = std::clamp<int64_t>(last - before + reach(), low + 1, upsample * input);
    return {low / upsample, (high + upsample - 1) / upsample};
  }
  // Padding before and after the part [low, high) of the input so that it makes the part [first, last) of the output.
  std::pair<int64_t, int64_t> padding(int64_t first, int64_t last, int64_t low, int64_t high) const {
    const int64_t left = before - first + upsample * low;
    return {left, last - first + reach() - upsample * (high - low) - left};
  }
};

std::optional<WindowAxis> window_axis(const LayerNode &layer, int64_t input, bool vertical) {
  const std::string axis = vertical ? "h" : "w";
  const auto number = [&](const std::string &name) { return layer.integer(name); };
  const auto kernel = number("kernel_" + axis), stride = number("stride_" + axis),
             dilation = number("dilation_" + axis);
  const auto padding = number(vertical ? "padding_top" : "padding_left"), same = number("padding_same");
  const auto upsample = number("upsample");
  // Rows that lie apart have tiles of their own, which a part leaves half empty.
  if (!kernel || dilation != 1 || !padding || !same || stride != 1 || (upsample != 1 && upsample != 2))
    return std::nullopt;
  WindowAxis window{input, *upsample, *kernel, *dilation, *padding};
  if (*same != 0) window.before = window.reach() / 2;
  return window;
}

int64_t share_of(double share, const Box &whole) {
  return static_cast<int64_t>(share * static_cast<double>(whole.area()));
}

// Begins and ends at even pixels, as an enlarged picture does.
Box even(const Box &box, const Box &whole) {
  return common({box.x0 / 2 * 2, box.y0 / 2 * 2, (box.x1 + 1) / 2 * 2, (box.y1 + 1) / 2 * 2}, whole);
}

}  // namespace

RegionsOfInterest::RegionsOfInterest(const Graph &graph, const ExecutionPlan &plan,
                                     const std::vector<std::string> &wanted, float *arena)
    : plan_(plan),
      arena_(arena),
      given_(plan.tensors().size()),
      needed_(plan.tensors().size()),
      computed_(plan.tensors().size()),
      slice_of_(plan.tensors().size(), -1),
      steps_(plan.steps().size()) {
  for (const GraphInput &input : graph.inputs) {
    const int tensor = plan.tensor(input.name);
    given_[static_cast<size_t>(tensor)] = true;
  }
  for (size_t t = 0; t < needed_.size(); t++) {
    needed_[t] = computed_[t] = Region(spare(static_cast<int>(t)));
    if (given_[t]) computed_[t].add(whole(static_cast<int>(t)));
  }
  for (const std::string &name : wanted) need(plan.tensor(name), everything(plan.tensor(name)));
  for (size_t i = steps_.size(); i-- > 0;) visit(i, plan.steps()[i]);
}

// Of tensors that are no pictures one pixel, which is all or nothing.
Box RegionsOfInterest::whole(int tensor) const {
  if (!is_picture(plan_, tensor)) return {0, 0, 1, 1};
  const Extents &extents = extents_of(plan_, tensor);
  return {0, 0, extents[1], extents[2]};
}

int64_t RegionsOfInterest::spare(int tensor) const {
  const Extents &extents = extents_of(plan_, tensor);
  return !extents.empty() && extents[0] < kFewChannels ? kSpareOfFew : kSpare;
}

Region RegionsOfInterest::everything(int tensor) const { return {whole(tensor), spare(tensor)}; }

void RegionsOfInterest::need(int tensor, const Region &region) { needed_[static_cast<size_t>(tensor)].add(region); }

const Region &RegionsOfInterest::computed(int tensor) const {
  while (slice_of_[static_cast<size_t>(tensor)] >= 0) tensor = slice_of_[static_cast<size_t>(tensor)];
  return computed_[static_cast<size_t>(tensor)];
}

void RegionsOfInterest::visit(size_t number, const PlannedStep &step) {
  StepRegion &region = steps_[number];
  Region output(spare(step.outputs[0]));
  for (const int tensor : step.outputs) output.add(needed_[static_cast<size_t>(tensor)]);
  const bool changes = step.layer != nullptr && step.layer->updates_state() != StateUpdate::none;
  if (output.empty() && !changes) return;
  region.needed = true;
  if (step.layer == nullptr) return visit_structural(step, output);
  const int made = step.outputs[0];
  const bool part = step.outputs.size() == 1 && is_picture(plan_, made) && !changes &&
                    output.area() <= share_of(kLargestShare, whole(made));
  region.whole = !part || !visit_parts(step, output, region);
  if (region.whole) {
    for (const int tensor : step.outputs) computed_[static_cast<size_t>(tensor)] = everything(tensor);
    const std::vector<Region> inputs = masked_inputs(step);
    for (size_t i = 0; i < inputs.size(); i++) need(step.inputs[i], inputs[i]);
  }
}

// A joined tensor's parts are where it is; a slice is a part of what it was cut from; all else is a copy of everything.
void RegionsOfInterest::visit_structural(const PlannedStep &step, const Region &output) {
  const std::string &op = step.node->op;
  const bool by_pixel = (op == "concat" || op == "slice") && is_picture(plan_, step.outputs[0]);
  for (const int tensor : step.outputs) {
    computed_[static_cast<size_t>(tensor)] = by_pixel ? output : everything(tensor);
    if (op == "slice") slice_of_[static_cast<size_t>(tensor)] = step.inputs[0];
  }
  for (const int tensor : step.inputs) need(tensor, by_pixel ? output : everything(tensor));
}

bool RegionsOfInterest::visit_parts(const PlannedStep &step, const Region &output, StepRegion &region) {
  std::istringstream words(step.layer->schema().region);
  std::string kind;
  words >> kind;
  if (kind.empty()) return false;
  Region boxes = output;
  if (kind == "part") {  // every call prepares all keys: few calls
    boxes = Region(whole(step.outputs[0]).area() / kSparePartOfQueries);
    for (const Box &box : output.boxes()) boxes.add(even(box, whole(step.outputs[0])));
  }
  if (kind == "part" && boxes.area() > share_of(kLargestShareOfQueries, whole(step.outputs[0]))) return false;
  const std::vector<Region> masked = masked_inputs(step);
  for (const Box &box : boxes.boxes()) {
    std::optional<StepPart> part;
    if (kind == "pixel") part = pixel_part(step, box);
    if (kind == "window") part = window_part(step, box);
    if (kind == "part") part = argument_part(step, box);
    if (!part) return false;
    region.parts.push_back(*part);
  }
  for (const StepPart &part : region.parts) {
    for (size_t i = 0; i < part.inputs.size(); i++) {
      const bool pixels = kind == "pixel" && whole(step.inputs[i]) == whole(step.outputs[0]);
      need(step.inputs[i], pixels ? Region(part.inputs[i], 0).within(masked[i]) : Region(part.inputs[i], 0));
    }
    computed_[static_cast<size_t>(step.outputs[0])].add(part.output);
  }
  return true;
}

// Every pixel of the output depends on the same one of the inputs, and on all of those of another size.
StepPart RegionsOfInterest::pixel_part(const PlannedStep &step, const Box &output) const {
  StepPart part{output};
  for (const int tensor : step.inputs) {
    const bool same = is_picture(plan_, tensor) && whole(tensor) == whole(step.outputs[0]);
    part.inputs.push_back(same ? output : whole(tensor));
  }
  return part;
}

// A convolution of stride 1: the part of the input under the windows, with what is left of the padding.
std::optional<StepPart> RegionsOfInterest::window_part(const PlannedStep &step, const Box &output) const {
  const LayerNode &layer = *step.layer;
  if (step.inputs.size() != 1 || !is_picture(plan_, step.inputs[0]) || !layer.holds("padding_mode=zeros"))
    return std::nullopt;
  const Box from = whole(step.inputs[0]);
  const auto across = window_axis(layer, from.x1, false), down = window_axis(layer, from.y1, true);
  if (!across || !down) return std::nullopt;
  StepPart part{across->upsample == 2 ? even(output, whole(step.outputs[0])) : output};
  Box read;
  std::tie(read.x0, read.x1) = across->read(part.output.x0, part.output.x1);
  std::tie(read.y0, read.y1) = down->read(part.output.y0, part.output.y1);
  const auto [left, right] = across->padding(part.output.x0, part.output.x1, read.x0, read.x1);
  const auto [top, bottom] = down->padding(part.output.y0, part.output.y1, read.y0, read.y1);
  const auto number = [](int64_t value) { return static_cast<double>(value); };
  part.inputs = {read};
  part.scalars = {{"padding_same", 0},
                  {"padding_left", number(left)},
                  {"padding_right", number(right)},
                  {"padding_top", number(top)},
                  {"padding_bottom", number(bottom)}};
  return part;
}

// The kernel has arguments for a part of the output, in steps of two pixels, and reads all of its inputs.
std::optional<StepPart> RegionsOfInterest::argument_part(const PlannedStep &step, const Box &output) const {
  const int64_t width = output.x1 - output.x0, height = output.y1 - output.y0;
  if (width % 2 != 0 || height % 2 != 0 || step.layer->integer("part_width") != 0) return std::nullopt;
  const auto half = [](int64_t value) { return 0.5 * static_cast<double>(value); };  // all of them are even
  StepPart part{output};
  part.scalars = {{"part_x", half(output.x0)},
                  {"part_y", half(output.y0)},
                  {"part_width", half(width)},
                  {"part_height", half(height)}};
  for (const int tensor : step.inputs) part.inputs.push_back(whole(tensor));
  return part;
}

// Conditions "port:mask!=value" say for which pixels an input does not count.
std::vector<Region> RegionsOfInterest::masked_inputs(const PlannedStep &step) const {
  std::vector<Region> inputs;
  for (const int tensor : step.inputs) inputs.push_back(everything(tensor));
  const std::vector<SchemaPort> &ports = step.layer->schema().inputs;
  const auto input_of = [&](const std::string &port) {
    const auto found =
        std::find_if(ports.begin(), ports.end(), [&](const SchemaPort &one) { return one.name == port; });
    return static_cast<size_t>(found - ports.begin());
  };
  std::istringstream words(step.layer->schema().region);
  for (std::string condition; words >> condition;) {
    const size_t colon = condition.find(':'), differs = condition.find("!=");
    if (colon == std::string::npos || differs == std::string::npos) continue;
    const size_t port = input_of(condition.substr(0, colon));
    const size_t mask = input_of(condition.substr(colon + 1, differs - colon - 1));
    if (port >= step.inputs.size() || mask >= step.inputs.size()) continue;
    const int tensor = step.inputs[mask];
    if (!given_[static_cast<size_t>(tensor)] || !is_picture(plan_, tensor) ||
        !(whole(tensor) == whole(step.inputs[port])))
      continue;
    const auto value = static_cast<float>(as_number(condition.substr(differs + 2)).value());
    inputs[port] = inputs[port].within(pixels_other_than(plan_.view(tensor, arena_), value));
  }
  return inputs;
}

void RegionsOfInterest::clear_unread(size_t number) const {
  const PlannedStep &step = plan_.steps()[number];
  if (step.layer == nullptr || step.layer->schema().region.find(':') == std::string::npos) return;
  for (const int tensor : step.inputs) {
    if (given_[static_cast<size_t>(tensor)] || !is_picture(plan_, tensor)) continue;
    const Region &there = computed(tensor);
    if (!there.contains(whole(tensor))) clear_outside(plan_.view(tensor, arena_), there);
  }
}

}  // namespace sluice
