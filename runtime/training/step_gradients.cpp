// SPDX-License-Identifier: Apache-2.0
// The backward kernels of one step of a plan.
#include <algorithm>
#include <utility>

#include "runtime/device.h"
#include "runtime/layer_call.h"
#include "runtime/training/training_pass.h"
#include "runtime/training/views.h"

namespace sluice {
namespace {

constexpr std::string_view kGradient = "grad_", kSaved = "saved_";
constexpr int kNoTensor = -1;
constexpr const char *kDerived = "derived_", *kUpstream = "upstream_", *kWeight = "weight";

}  // namespace

// Is the node's output the layer's linear part, and is there a kernel of that part's gradients?
bool TrainingPass::is_linear(const LayerNode &layer) {
  return !layer.schema().linear_when.empty() && layer.holds(layer.schema().linear_when) &&
         layer.find_kernel("backward", {{"part", "linear"}}) != nullptr;
}

// Where the backward kernel of a step puts its gradients: the first that arrives goes straight to its place, others are
// added when the kernel has run.
class TrainingPass::Call {
 public:
  Call(TrainingPass &pass, size_t index)
      : pass_(pass),
        step_(pass.values_plan_.steps()[index]),
        layer_(*step_.layer),
        upstream_(pass.touched_adjoint(step_.outputs[0])) {
    pass_.scratch_used_ = 0;
    const auto found = pass_.data_gradients_.find(index);
    if (found != pass_.data_gradients_.end()) data_ = found->second.get();
  }

  void run() {
    const bool carries = pass_.reach_->carries[static_cast<size_t>(step_.inputs[0])] != 0;
    if (is_linear(layer_) && (data_ != nullptr || !carries)) {
      run_linear();
    } else {
      run_kernel(layer_.kernel("backward"));
    }
    for (const auto &[from, tensor, to] : to_add_)
      add_view(from, tensor == kNoTensor ? to : pass_.adjoint_on_host(tensor));
  }

 private:
  void run_kernel(const Kernel &kernel) {
    const std::string seed = std::string(kGradient) + layer_.schema().outputs[0].name;
    CallContext context = call_context();
    call_layer(
        layer_, kernel,
        [&](const std::string &argument, int64_t group) {
          if (argument == seed) return upstream_;
          if (argument.starts_with(kSaved)) return saved(argument.substr(kSaved.size()), group);
          for (const char *kind : {kDerived, kUpstream}) {
            if (argument.starts_with(kind)) return passed(kind, argument.substr(std::string(kind).size()));
          }
          if (!argument.starts_with(kGradient)) return pass_.operand(step_, argument);
          const std::string port = argument.substr(kGradient.size());
          return passes_on_ && port == kWeight ? passed(kUpstream, port) : gradient(port);
        },
        &context);
  }

  // On a device: what a kernel reads of tensors is there.
  CallContext call_context() {
    if (pass_.model_.device() == nullptr) return {};
    for (const int tensor : step_.inputs) pass_.device_values_->bring(tensor, DeviceTensors::Side::device);
    pass_.device_adjoints_->bring(step_.outputs[0], DeviceTensors::Side::device);
    CallContext context = pass_.model_.device()->call_context();
    context.blocks = pass_.device_adjoints_->blocks();
    return context;
  }

  // What the linear part sees of a weight is another tensor where the node has state (vectors of a spectral norm).
  void run_linear() {
    const auto parameters = layer_.parameters();
    const bool wanted =
        pass_.reach_->weights && std::any_of(parameters.begin(), parameters.end(), [&](const SchemaPort *port) {
          return pass_.wants_any_part(layer_.weight_name(*port));
        });
    const bool derived = layer_.stored().size() > parameters.size();
    if (derived) run_kernel(layer_.kernel("derived", {{"part", "value"}}));
    if (wanted) {
      passes_on_ = derived;
      const Kernel *by_tiles = layer_.find_kernel("weight_gradient");
      run_kernel(by_tiles != nullptr ? *by_tiles : layer_.kernel("backward", {{"part", "linear"}}));
      passes_on_ = false;
      if (derived) run_kernel(layer_.kernel("derived", {{"part", "gradient"}}));
    }
    if (data_ == nullptr) return;
    const BufferView weight = derived ? passed(kDerived, kWeight) : pass_.operand(step_, kWeight);
    data_->run(weight, upstream_, gradient(layer_.schema().inputs[0].name), pass_.data_arena_.get(),
               call_context().blocks);
  }

  // A tensor that one of the step's kernels leaves for another.
  const BufferView &passed(const std::string &kind, const std::string &port) {
    BufferView &view = passed_[kind + port];
    if (view.data == nullptr) view = temporary(pass_.operand(step_, port).extents);
    return view;
  }

  const BufferView &gradient(const std::string &port) {
    const auto known = made_.find(port);
    if (known != made_.end()) return known->second;
    return made_[port] = place(port);
  }

  BufferView place(const std::string &port) {
    const LayerSchema &schema = layer_.schema();
    const Extents extents = pass_.operand(step_, port).extents;
    for (size_t i = 0; i < schema.inputs.size() && i < step_.inputs.size(); i++) {
      if (schema.inputs[i].name == port) return place_input(step_.inputs[i], extents);
    }
    for (const SchemaPort *parameter : layer_.parameters()) {
      if (parameter->name == port) return place_weight(layer_.weight_name(*parameter), extents);
    }
    return temporary(extents);
  }

  BufferView place_input(int tensor, const Extents &extents) {
    if (pass_.reach_->carries[static_cast<size_t>(tensor)] == 0) return temporary(extents);
    if (pass_.untouched_root(tensor)) {
      pass_.touched_[static_cast<size_t>(tensor)] = 1;
      if (pass_.device_adjoints_) pass_.device_adjoints_->wrote(tensor, DeviceTensors::Side::device);
      return pass_.adjoint(tensor);
    }
    to_add_.push_back({temporary(extents), tensor, {}});
    return to_add_.back().from;
  }

  BufferView place_weight(const std::string &name, const Extents &extents) {
    if (!pass_.reach_->weights) return temporary(extents);
    const std::vector<std::string> parts = weight_parts(name);
    if (parts.size() > 1) return place_parts(parts, extents);
    const auto wanted = pass_.weight_gradients_.find(name);
    if (wanted == pass_.weight_gradients_.end()) return temporary(extents);
    BufferView whole(wanted->second.f32(), extents);
    bool &written = pass_.written_.at(name);
    if (!std::exchange(written, true)) return whole;
    to_add_.push_back({temporary(extents), kNoTensor, whole});  // shared by several nodes
    return to_add_.back().from;
  }

  // Several tensors, one after the other along the outermost axis.
  BufferView place_parts(const std::vector<std::string> &parts, const Extents &extents) {
    BufferView whole = temporary(extents);
    float *values = static_cast<float *>(whole.data);
    for (const std::string &part : parts) {
      const int64_t outermost = pass_.model_.weights().at(part).shape[0];
      Extents own = extents;
      own.back() = outermost;
      const BufferView from(values, own);
      const auto wanted = pass_.weight_gradients_.find(part);
      if (wanted != pass_.weight_gradients_.end()) {
        StoredTensor &sum = wanted->second;
        if (!std::exchange(pass_.written_.at(part), true)) std::fill_n(sum.f32(), sum.elements(), 0.0f);
        to_add_.push_back({from, kNoTensor, BufferView(sum.f32(), own)});
      }
      values += from.elements();
    }
    return whole;
  }

  BufferView temporary(const Extents &extents) {
    return BufferView(pass_.scratch(static_cast<size_t>(BufferView(nullptr, extents).elements())), extents);
  }

  BufferView saved(const std::string &stage, int64_t group) {
    CallContext context = call_context();
    return make_saved(
        layer_, layer_.kernel("saved", {{"stage", stage}}), stage, group,
        [&](const std::string &argument, int64_t) { return pass_.operand(step_, argument); },
        [&](const Extents &extents) { return temporary(extents); }, &context);
  }

  TrainingPass &pass_;
  const PlannedStep &step_;
  const LayerNode &layer_;
  BufferView upstream_;
  DataGradient *data_ = nullptr;
  bool passes_on_ = false;  // the weight's gradient is that of what the linear part sees of it
  std::map<std::string, BufferView> passed_;
  std::map<std::string, BufferView> made_;
  struct Addition {
    BufferView from;
    int tensor;     // whose adjoint it goes to, or kNoTensor
    BufferView to;  // then
  };
  std::vector<Addition> to_add_;
};

void TrainingPass::differentiate(size_t index) { Call(*this, index).run(); }

}  // namespace sluice
