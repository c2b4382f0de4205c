// SPDX-License-Identifier: Apache-2.0
// A network ready to run: graph, kernels, packed weights. Immutable once loaded; any number of threads may call it. Who
// made one himself (training) may give it other weights between runs.
#pragma once
#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/arena.h"
#include "runtime/device_queue.h"
#include "runtime/execution_plan.h"
#include "runtime/graph_file.h"
#include "runtime/input_shapes.h"
#include "weights_io/tensor.h"

namespace sluice {

class Device;
struct DeviceModule;
class DeviceBlock;
class DeviceTensors;
class ProcessGroup;
struct StepPart;

struct RunOptions {
  std::vector<std::string> keep;  // inner tensors to return as well
  // Of the graph's outputs only these are computed and returned, and `keep`; what they do not need is not computed, on
  // the CPU down to parts of pictures (runtime/region_of_interest.h). Empty: everything.
  std::vector<std::string> outputs = {};
  Shapes expected = {};  // of results, by name: another shape is Error input_failed before anything is computed
  std::function<void(int done, int total, const std::string &node)>
      progress;                               // called before every node and at the end
  const std::atomic<bool> *cancel = nullptr;  // set it to stop: Error interrupted
  // Training mode: what the run made of the state (running statistics, vectors of the spectral norm), by weight name.
  TensorMap *state = nullptr;
  ProcessGroup *group = nullptr;  // what all_gather joins, the processes of PlanOptions::processes; null: one
};

struct LoadOptions {
  std::map<std::string, std::string> parameters;  // graph parameters (width); override those of the weights file
  std::string mode = "eval";                      // or "train": what {mode} in the graph stands for
  // "cuda", "cuda:1", "opencl": see Device. "auto": CUDA where it works, else the CPU; a run that the device fails at
  // is then computed by the CPU, and `on_failure` is told the reason.
  std::string device = "cpu";
  // With device "cuda" or "auto": the application's own context and stream, where memory is taken and kernels are
  // launched; they must outlive the model (Device::leave). run() waits for what it launched.
  CudaHandles cuda = {};
  std::function<void(const std::string &reason)> on_failure = {};
  // "direct": nodes that leave their algorithm open sum directly (no Winograd). Gradients are those of direct sums;
  // near the kinks of a network they are closest to them where the forward pass is one, too.
  std::string algorithm = "fastest";
  // "training": layers in the forms whose gradients are fast (generators/layer_forms.graph). Same weights, values and
  // gradients but for rounding; other tensors between.
  std::string purpose = "inference";
  // false: weights that were packed are given back, for a model that only runs: no gradients, no replace_weights.
  bool keep_weights = true;
  // false: weights are not packed here but by each run, a layer's when its turn comes, for a slower run: in Winograd's
  // domain a 3x3 weight is four times as large. Of no effect on a device.
  bool prepack = true;
  const KernelTable *table = nullptr;  // default: the device's, KernelTable::linked() for the CPU
  const std::vector<const DeviceModule *> *modules = nullptr;  // with `table`: see LinkedModules
};

// How a graph file is read for a model of these options: with the composite layers of the table. Holds a pointer into
// the table.
ParseOptions parse_options(const LoadOptions &options);

class Model {
 public:
  // Error not_found (file, layer, variant), bad_file (graph, weights; missing, unexpected and misshapen names are
  // listed together).
  static std::shared_ptr<const Model> load(const std::filesystem::path &graph, const std::filesystem::path &weights,
                                           const LoadOptions &options = {});
  // The same of weights that are in memory.
  static std::shared_ptr<const Model> load(const std::filesystem::path &graph, Archive weights,
                                           const LoadOptions &options = {});
  // The same of a graph that is in memory; `file_name` stands for its file in messages.
  static std::shared_ptr<const Model> parse(const std::string &graph, const std::string &file_name, Archive weights,
                                            const LoadOptions &options = {});
  Model(Graph graph, TensorMap weights, const LoadOptions &options = {});
  Model(const Model &) = delete;
  ~Model();

  const Graph &graph() const { return graph_; }
  const std::vector<LayerNode> &layers() const { return layers_; }
  const Device *device() const { return device_; }  // null: the CPU
  LoadOptions device_options() const;               // of another model in the same place
  const TensorMap &weights() const { return weights_; }
  int64_t packed_bytes() const { return packed_bytes_; }  // held; without prepack by a run, for its largest layer

  // input_extents: of every graph input, see padded_extents in runtime/input_shapes.h.
  ExecutionPlan plan(const std::map<std::string, Extents> &input_extents, const PlanOptions &options = {}) const;

  // Tensors in n c h w order, in the units of the graph's input lines. Returns outputs and kept tensors, cropped to the
  // given size where they have the padded one. Errors name the input, what was expected and what came.
  TensorMap run(const TensorMap &inputs, const RunOptions &options = {}) const;
  // The shapes of what run() returns for inputs of these shapes. Nothing is computed.
  Shapes result_shapes(const Shapes &inputs, const std::vector<std::string> &keep = {}) const;

  // What run() is made of, without help from the CPU where a device fails, for callers that keep the arena (the
  // backward walk, benchmarks).
  ExecutionPlan plan_for(const TensorMap &inputs, const PlanOptions &options) const;
  void fill_inputs(const ExecutionPlan &plan, const TensorMap &inputs, float *arena) const;
  // By node, of those that change their state: what the node itself computed with, which is what its gradient needs.
  using UsedState = std::map<std::string, TensorMap>;
  // `state`: tensors that stand in for weights of that name; what the run changes is put there. `tensors`: of a caller
  // that goes on where they are then; without, what outlives the run is in the arena.
  void execute(const ExecutionPlan &plan, float *arena, const RunOptions &options, TensorMap &state,
               UsedState *used = nullptr, DeviceTensors *tensors = nullptr) const;

  // Other values for weights of these names, of the same shapes, packed into the memory that is there. Not while
  // another thread uses the model. Error bad_file, naming the weight, for another name or shape.
  void replace_weights(const TensorMap &values);

  struct Packed {
    std::string name;
    Extents extents;
    float *values = nullptr;
    BufferView view() const { return BufferView(values, extents); }
    int64_t bytes() const { return view().elements() * static_cast<int64_t>(sizeof(float)); }
  };
  using PackedGroups = std::vector<std::vector<Packed>>;  // one list a group
  // Parameter or state of a node as a kernel wants it; the port's neutral value where the node has none (bias=false).
  BufferView parameter(const LayerNode &layer, const SchemaPort &port, const TensorMap &state = {}) const;

 private:
  TensorMap run_here(const TensorMap &inputs, const RunOptions &options) const;
  // `wanted`: of the graph's outputs; empty: all.
  std::map<std::string, std::string> results(const std::vector<std::string> &keep,
                                             const std::vector<std::string> &wanted = {}) const;
  void check_expected(const ExecutionPlan &plan, const Shapes &inputs, const RunOptions &options) const;
  const Model &on_cpu() const;
  std::unique_ptr<ExecutionPlan> nominal_plan(int64_t size) const;
  std::string misshapen(const LayerNode &layer, const std::map<std::string, Extents> &inputs) const;
  const StoredTensor *find_weight(const std::string &name) const;
  void join_weights(const LayerNode &layer);
  void check_weights() const;
  void add_neutral(const LayerNode &layer);
  PackedGroups packed_layout(const LayerNode &layer, const TensorMap &state) const;
  Arena place_packed(const std::vector<PackedGroups *> &all) const;
  void fill_packed(const LayerNode &layer, const TensorMap &state, const PackedGroups &groups) const;
  bool packs_each_run() const { return device_ == nullptr && !options_.prepack; }
  void pack_all();
  void upload_packed();
  void drop_packed_weights();
  void update_state(const PlannedStep &step, const ExecutionPlan &plan, float *arena, TensorMap &state) const;
  struct Repacked {  // packed parameters of a step's own; none: those of the model
    PackedGroups groups;
    Arena memory;
  };
  Repacked repacked_for(const PlannedStep &step, const ExecutionPlan &plan, float *arena, TensorMap &state,
                        UsedState *used, DeviceTensors *tensors) const;
  void execute_layer(const PlannedStep &step, const ExecutionPlan &plan, float *arena, const RunOptions &options,
                     const Repacked &repacked, DeviceTensors *tensors, const StepPart *part) const;
  void execute_structural(const PlannedStep &step, const ExecutionPlan &plan, float *arena, const RunOptions &options,
                          DeviceTensors *tensors) const;
  TensorMap state_of(const LayerNode &layer, const TensorMap &state) const;

  LoadOptions options_;
  const Device *device_;
  Graph graph_;
  TensorMap weights_, joined_;  // joined_: of weight names that stand for several tensors
  std::vector<LayerNode> layers_;
  std::map<std::string, PackedGroups> packed_;  // by node
  Arena packed_memory_;
  std::unique_ptr<DeviceBlock> packed_on_device_;
  std::string not_there_;  // why the device could not take the weights
  mutable std::once_flag cpu_made_;
  mutable std::unique_ptr<const Model> cpu_;                               // stands in
  std::map<std::string, std::pair<Extents, std::vector<float>>> neutral_;  // by node and port
  int64_t packed_bytes_ = 0;
};

}  // namespace sluice
