// SPDX-License-Identifier: Apache-2.0
// Loading and running a network.
#include "runtime/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "runtime/arena.h"
#include "runtime/device.h"
#include "runtime/device_block.h"
#include "runtime/graph_file.h"
#include "runtime/input_shapes.h"
#include "runtime/structural.h"
#include "runtime/tensor_layout.h"
#include "weights_io/error.h"
#include "weights_io/safetensors.h"

namespace sluice {
namespace {

// Parameters the weights file was made for, unless the caller says otherwise.
std::map<std::string, std::string> parameters_of(const Archive &archive, std::map<std::string, std::string> given) {
  constexpr std::string_view kPrefix = "param.";
  for (const auto &[key, value] : archive.metadata) {
    if (key.starts_with(kPrefix)) given.emplace(key.substr(kPrefix.size()), value);
  }
  return given;
}

const KernelTable &table_of(const LoadOptions &options) {
  if (options.table != nullptr) return *options.table;
  const Device *device = find_device(options.device, nullptr, options.cuda, options.modules);
  return device != nullptr ? device->table() : KernelTable::linked();
}

bool has_algorithm(const std::string &op, const KernelTable &table) {
  const auto schema = table.schemas().find(op);
  if (schema == table.schemas().end()) return false;
  const auto &attributes = schema->second.attributes;
  return std::any_of(attributes.begin(), attributes.end(),
                     [](const SchemaAttribute &attribute) { return attribute.name == "algorithm"; });
}

// SLUICE_ALGORITHM=direct is for the whole process: no Winograd anywhere.
std::string algorithm_of(const LoadOptions &options) {
  const char *forced = std::getenv("SLUICE_ALGORITHM");
  std::string algorithm = forced == nullptr || *forced == 0 ? options.algorithm : forced;
  if (algorithm != "direct" && algorithm != "fastest")
    throw Error(ErrorCode::usage, fmt::format("SLUICE_ALGORITHM must be direct or fastest, not '{}'", algorithm));
  return algorithm;
}

const Extents &extents_of(const ExecutionPlan &plan, const std::string &tensor) {
  return plan.tensors()[static_cast<size_t>(plan.tensor(tensor))].extents;
}

// What lies in a plan of padded sizes has the part that belongs to the inputs as they were given.
class Cropping {
 public:
  Cropping(const Graph &graph, const ExecutionPlan &plan, const Shapes &inputs) {
    const std::string first = first_given_input(graph, inputs);
    given_ = inputs.at(first);
    padded_ = extents_of(plan, first);
  }

  std::vector<int64_t> shape(const Extents &extents) const {
    std::vector<int64_t> shape = file_shape(extents);
    if (crops(extents)) std::copy(given_.end() - 2, given_.end(), shape.end() - 2);
    return shape;
  }

  StoredTensor read(const BufferView &view) const {
    return crops(view.extents) ? read_output(view, given_[3], given_[2]) : read_output(view);
  }

 private:
  bool crops(const Extents &extents) const {
    return extents.size() == 4 && padded_.size() == 4 && extents[1] == padded_[1] && extents[2] == padded_[2];
  }

  std::vector<int64_t> given_;
  Extents padded_;
};

}  // namespace

ParseOptions parse_options(const LoadOptions &options) {
  ParseOptions parse;
  parse.overrides = options.parameters;
  parse.mode = options.mode;
  parse.purpose = options.purpose;
  parse.composites = &table_of(options).composites();
  return parse;
}

std::shared_ptr<const Model> Model::load(const std::filesystem::path &graph, const std::filesystem::path &weights,
                                         const LoadOptions &options) {
  return load(graph, weights.empty() ? Archive{} : read_safetensors(weights), options);
}

std::shared_ptr<const Model> Model::load(const std::filesystem::path &graph, Archive archive,
                                         const LoadOptions &options) {
  LoadOptions with_parameters = options;
  with_parameters.parameters = parameters_of(archive, options.parameters);
  return std::make_shared<const Model>(read_graph(graph, parse_options(with_parameters)), std::move(archive.tensors),
                                       with_parameters);
}

std::shared_ptr<const Model> Model::parse(const std::string &graph, const std::string &file_name, Archive archive,
                                          const LoadOptions &options) {
  LoadOptions with_parameters = options;
  with_parameters.parameters = parameters_of(archive, options.parameters);
  return std::make_shared<const Model>(parse_graph(graph, file_name, parse_options(with_parameters)),
                                       std::move(archive.tensors), with_parameters);
}

Model::Model(Graph graph, TensorMap weights, const LoadOptions &options)
    : options_(options),
      device_(find_device(options.device, nullptr, options.cuda, options.modules)),
      graph_(std::move(graph)),
      weights_(std::move(weights)) {
  prepare_kernels();
  const KernelTable &table = table_of(options);
  check_isas(table, graph_.model);
  const std::string algorithm = algorithm_of(options);
  for (Node &node : graph_.nodes) {
    if (!is_structural(node.op) && has_algorithm(node.op, table))
      node.attributes.emplace("algorithm", AttributeValue{{algorithm}});
    if (!is_structural(node.op))
      layers_.emplace_back(graph_, node, table, device_ == nullptr ? "cpu" : device_->kind());
  }
  for (auto &[name, weight] : weights_) {
    if (weight.dtype != DType::f32) weight = to_f32(weight);
    static_cast<void>(weight.f32());  // refuses bytes that do not fit the shape
  }
  for (LayerNode &layer : layers_) {
    join_weights(layer);
    layer.infer_from(weights_);
    layer.infer_from(joined_);
    static_cast<void>(layer.kernel("forward"));  // refuses what is not built
  }
  check_weights();
  pack_all();
  if (!options.keep_weights && !packs_each_run() && !(device_ != nullptr && chooses_itself(options.device)))
    drop_packed_weights();
}

Model::~Model() = default;

LoadOptions Model::device_options() const {
  LoadOptions options;
  if (device_ == nullptr) return options;
  options.device = options_.device;
  options.cuda = options_.cuda;
  options.modules = options_.modules;
  return options;
}

// A plan at some picture size, to know the channels of every tensor; none where the graph leaves channels open or its
// layers need another size. What is wrong then shows when a real input comes.
std::unique_ptr<ExecutionPlan> Model::nominal_plan(int64_t size) const {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const GraphInput &input : graph_.inputs) {
    if (input.shape.size() > 1 && !input.shape[1].symbol.empty()) return nullptr;
    for (const Dimension &dimension : input.shape) {
      const bool batch = shapes[input.name].empty();
      shapes[input.name].push_back(!dimension.symbol.empty() ? (batch ? 1 : size) : dimension.extent);
    }
  }
  try {
    return std::make_unique<ExecutionPlan>(graph_, layers_, padded_extents(graph_, shapes), PlanOptions{});
  } catch (const Error &) {
    return nullptr;
  }
}

ExecutionPlan Model::plan(const std::map<std::string, Extents> &input_extents, const PlanOptions &given) const {
  PlanOptions options = given;
  if (device_ != nullptr) options.alignment = std::max(options.alignment, device_->alignment());
  ExecutionPlan plan(graph_, layers_, input_extents, options);
  std::string wrong;
  for (const LayerNode &layer : layers_) wrong += misshapen(layer, plan.inputs_of(layer));
  if (!wrong.empty()) {
    throw Error(ErrorCode::bad_file,
                fmt::format("model {}: the weights do not fit; misshapen:{}", graph_.model, wrong));
  }
  return plan;
}

ExecutionPlan Model::plan_for(const TensorMap &inputs, const PlanOptions &options) const {
  return plan(padded_extents(graph_, shapes_of(inputs)), options);
}

void Model::fill_inputs(const ExecutionPlan &plan, const TensorMap &inputs, float *arena) const {
  const std::string first = first_given_input(graph_, inputs);
  const std::vector<int64_t> given_shape = inputs.at(first).shape;
  for (const GraphInput &input : graph_.inputs) {
    const BufferView view = plan.view(plan.tensor(input.name), arena);
    const auto given = inputs.find(input.name);
    if (given != inputs.end()) {
      fill_input(input, given->second, view);
    } else if (input.value) {
      const bool picture = given_shape.size() == 4 && view.extents.size() == 4;
      const BufferView whole = as_picture(view);
      fill_constant(*input.value, picture ? given_shape[3] : whole.extents[1],
                    picture ? given_shape[2] : whole.extents[2], view);
    } else {
      throw Error(ErrorCode::input_failed, fmt::format("model {}: input '{}' is missing", graph_.model, input.name));
    }
  }
}

// The same network, made when it is needed.
const Model &Model::on_cpu() const {
  std::call_once(cpu_made_, [&] {
    LoadOptions options = options_;
    options.device = "cpu";
    options.cuda = {};
    cpu_ = std::make_unique<const Model>(graph_, weights_, options);
  });
  return *cpu_;
}

TensorMap Model::run(const TensorMap &inputs, const RunOptions &options) const {
  try {
    if (!not_there_.empty()) throw DeviceError(not_there_);
    return run_here(inputs, options);
  } catch (const DeviceError &error) {
    if (!chooses_itself(options_.device)) throw;
    if (options_.on_failure) options_.on_failure(error.what());
  }
  return on_cpu().run(inputs, options);
}

// Names of what run() returns, with the tensor each is of.
std::map<std::string, std::string> Model::results(const std::vector<std::string> &keep,
                                                  const std::vector<std::string> &wanted) const {
  std::map<std::string, std::string> results, outputs;
  for (const GraphOutput &output : graph_.outputs) outputs[output.name] = output.from;
  for (const std::string &name : wanted) {
    if (!outputs.contains(name))
      throw Error(ErrorCode::input_failed, fmt::format("model {} has no output '{}'", graph_.model, name));
    results[name] = outputs[name];
  }
  if (wanted.empty()) results = outputs;
  for (const std::string &name : keep) results.emplace(name, name);
  return results;
}

void Model::check_expected(const ExecutionPlan &plan, const Shapes &inputs, const RunOptions &options) const {
  const Cropping cropping(graph_, plan, inputs);
  const auto made = results(options.keep, options.outputs);
  for (const auto &[name, expected] : options.expected) {
    const auto from = made.find(name);
    if (from == made.end())
      throw Error(ErrorCode::input_failed, fmt::format("model {} has no output '{}'", graph_.model, name));
    const std::vector<int64_t> shape = cropping.shape(extents_of(plan, from->second));
    if (shape != expected)
      throw Error(ErrorCode::input_failed, fmt::format("model {}, output '{}': it is {}, memory is given for {}",
                                                       graph_.model, name, shape_text(shape), shape_text(expected)));
  }
}

Shapes Model::result_shapes(const Shapes &inputs, const std::vector<std::string> &keep) const {
  PlanOptions plan_options;
  plan_options.keep = keep;
  const ExecutionPlan plan = this->plan(padded_extents(graph_, inputs), plan_options);
  const Cropping cropping(graph_, plan, inputs);
  Shapes shapes;
  for (const auto &[name, from] : results(keep)) shapes[name] = cropping.shape(extents_of(plan, from));
  return shapes;
}

TensorMap Model::run_here(const TensorMap &inputs, const RunOptions &options) const {
  PlanOptions plan_options;
  plan_options.keep = options.keep;
  const ExecutionPlan plan = plan_for(inputs, plan_options);
  check_expected(plan, shapes_of(inputs), options);
  const auto arena = allocate_arena(plan.arena_bytes(), graph_.model);
  fill_inputs(plan, inputs, arena.get());
  TensorMap state;
  execute(plan, arena.get(), options, state);
  if (options.state != nullptr) *options.state = std::move(state);

  const Cropping cropping(graph_, plan, shapes_of(inputs));
  TensorMap made;
  for (const auto &[name, from] : results(options.keep, options.outputs))
    made[name] = cropping.read(plan.view(plan.tensor(from), arena.get()));
  return made;
}

}  // namespace sluice
