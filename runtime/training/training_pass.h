// SPDX-License-Identifier: Apache-2.0
// Forward and backward through one graph at one input size, in memory that is kept from pass to pass.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "runtime/arena.h"
#include "runtime/device_tensors.h"
#include "runtime/model.h"
#include "runtime/training/data_gradient.h"

namespace sluice {

// What a pass differentiates, and with respect to what. Work that leads from none to the other is left out.
struct PassOptions {
  std::vector<std::string> seeded;                        // tensors whose gradients backward() is given
  std::function<bool(const std::string &weight)> wanted;  // weights whose gradients are wanted; empty: all
  bool input_gradients = false;
  // d sum(of) / d at of two tensors, for tensor_gradient().
  struct TensorGradient {
    std::string of, at;
  };
  std::vector<TensorGradient> tensor_gradients;
  ProcessGroup *group = nullptr;  // that does the pass together; null: this process alone
};

// Values of all tensors are kept for backward; their gradients share memory as soon as they are used up, so that they
// take about what a run without training takes. On a device both stay there between kernels; what is asked of a pass is
// brought to the host. Not for several threads at once. The model must outlive the pass; its weights may change between
// passes.
class TrainingPass {
 public:
  // `shapes`: n c h w, of the inputs that forward() will be given.
  TrainingPass(const Model &model, const std::map<std::string, std::vector<int64_t>> &shapes, PassOptions options);

  // As Model::run; RunOptions::keep is of no use here, value() has every tensor.
  void forward(const TensorMap &inputs, const RunOptions &options = {});
  // A tensor of the last forward(), or what makes an output, by name. Error not_found.
  BufferView value(const std::string &name) const;
  // The same, to be changed: between two steps of a forward(), from RunOptions::progress, what follows reads what is
  // put there.
  BufferView changing_value(const std::string &name);
  // The first tensor, in the order of the graph, of the last forward() that holds a value that is not finite, or "".
  std::string first_non_finite_value() const;
  // What the last forward() made of the state, by weight name.
  const TensorMap &state() const { return state_; }

  using Finished = std::function<void(const std::string &weight, const StoredTensor &gradient)>;
  // Gradients of sum(tensor * gradient) over the given tensors, all of them in PassOptions::seeded. After forward().
  // `finished` is told of each of finishing_order() as soon as its gradient is final.
  void backward(const TensorMap &output_gradients, const RunOptions &options = {}, const Finished &finished = {});
  // Weights that something leads to, in the order in which backward() ends their gradients. The same for any pass of
  // such a graph.
  std::vector<std::string> finishing_order() const;
  // Of the last backward(): every wanted weight, zeros where nothing leads to it. May be changed in place.
  TensorMap &weight_gradients() { return weight_gradients_; }
  // The gradient of an input, in the network's units.
  BufferView input_gradient(const std::string &input) const;
  // That of PassOptions::tensor_gradients at `index`. Also in the middle of a forward(), from RunOptions::progress, as
  // soon as both tensors are made. Good until the next walk.
  BufferView tensor_gradient(size_t index);

  const ExecutionPlan &plan() const { return values_plan_; }
  int64_t arena_bytes() const { return values_plan_.arena_bytes() + adjoints_plan_.arena_bytes(); }

 private:
  class Call;  // one step of the backward walk

  // Where a walk leads.
  struct Reach {
    std::vector<char> carries;  // by tensor: depends on something that is wanted
    std::vector<char> needed;   // by step
    bool weights = true;        // weights' gradients are wanted
  };

  std::string tensor_of(const std::string &name) const;
  Reach reach(const std::vector<std::string> &from, const std::vector<std::string> &to, bool weights) const;
  static bool passes(const PlannedStep &step, size_t input);
  void make_weight_gradients();
  void make_data_gradients();
  static bool is_linear(const LayerNode &layer);
  void differentiate(size_t index);
  void split(const PlannedStep &step);
  void walk(size_t index);
  using Stepped = std::function<void(size_t step)>;
  void walk_back(const Reach &reach, const RunOptions &options, const Stepped &stepped = {});
  void find_finished();
  void forget_adjoints();
  void touch(int tensor);
  BufferView adjoint(int tensor) { return adjoints_plan_.view(tensor, adjoints_.get()); }
  BufferView touched_adjoint(int tensor);
  BufferView adjoint_on_host(int tensor);
  bool untouched_root(int tensor) const;
  BufferView operand(const PlannedStep &step, const std::string &name) const;
  bool wants_weight(const std::string &name) const { return !options_.wanted || options_.wanted(name); }
  bool wants_any_part(const std::string &name) const;
  float *scratch(size_t elements);

  const Model &model_;
  PassOptions options_;
  ExecutionPlan values_plan_, adjoints_plan_;
  Arena values_, adjoints_;
  std::unique_ptr<DeviceTensors> device_values_, device_adjoints_;  // of a model on a device: where they are
  Reach whole_;                                                     // of backward()
  std::vector<Reach> probes_;                                       // of tensor_gradient()
  const Reach *reach_ = nullptr;                                    // of the walk
  std::vector<char> touched_;                       // by tensor, of roots: its adjoint holds values of this walk
  std::vector<std::vector<std::string>> finished_;  // by step: weights whose gradients are final behind it
  std::vector<std::vector<float>> scratch_;
  size_t scratch_used_ = 0;
  std::map<size_t, std::unique_ptr<DataGradient>> data_gradients_;  // by step
  Arena data_arena_;                                                // which they share
  TensorMap state_, weight_gradients_;
  Model::UsedState used_state_;          // of the last forward()
  std::map<std::string, bool> written_;  // by weight: its gradient holds values of this walk
};

}  // namespace sluice
