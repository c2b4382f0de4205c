// SPDX-License-Identifier: Apache-2.0
// Running a network on tensors.
#include <algorithm>
#include <new>
#include <span>

#include "runtime/c_api/model_handle.h"
#include "runtime/c_api/run_handle.h"
#include "runtime/c_api/status.h"
#include "runtime/c_api/tensors.h"

namespace sluice::c_api {
namespace {

// A signal handler may set it.
static_assert(std::atomic<bool>::is_always_lock_free);

using Tensors = std::span<const sluice_tensor>;

Tensors tensors_of(const sluice_tensor *tensors, std::size_t count, const char *what) {
  if (count > 0) require(tensors, what);
  return {tensors, count};
}

bool is_output(const Graph &graph, const std::string &name) {
  return std::any_of(graph.outputs.begin(), graph.outputs.end(),
                     [&](const GraphOutput &output) { return output.name == name; });
}

template <typename Map, typename Value>
void add_once(Map &map, const std::string &name, Value value, const char *what) {
  if (!map.emplace(name, std::move(value)).second)
    throw Error(ErrorCode::usage, fmt::format("{} '{}' is given twice", what, name));
}

// Inner tensors have to be kept for the caller.
std::vector<std::string> inner_names(const Graph &graph, Tensors outputs) {
  std::vector<std::string> names;
  for (const sluice_tensor &output : outputs) {
    if (!is_output(graph, output.name)) names.emplace_back(output.name);
  }
  return names;
}

void run(const Model &model, Tensors inputs, Tensors outputs, const sluice_run_options *given) {
  RunOptions options = run_options(given);
  for (const sluice_tensor &output : outputs) {
    add_once(options.expected, name_of(output), shape_of(output), "output");
    if (is_output(model.graph(), output.name)) options.outputs.emplace_back(output.name);
    check_output(output);
  }
  options.keep = inner_names(model.graph(), outputs);
  TensorMap values;
  for (const sluice_tensor &input : inputs) add_once(values, name_of(input), read_tensor(input), "input");
  const TensorMap results = model.run(values, options);
  for (const sluice_tensor &output : outputs) write_tensor(results.at(output.name), output);
}

}  // namespace

RunOptions run_options(const sluice_run_options *given) {
  const sluice_run_options options = known_struct(given, "sluice_run_options");
  RunOptions run;
  if (options.cancellation != nullptr) run.cancel = &options.cancellation->cancelled;
  if (options.progress == nullptr && options.cancel == nullptr) return run;
  run.progress = [options](int done, int total, const std::string &node) {
    if (options.progress != nullptr) options.progress(options.user_data, done, total, node.c_str());
    if (done < total && options.cancel != nullptr && options.cancel(options.user_data) != 0)
      throw Error(ErrorCode::interrupted, fmt::format("cancelled after {} of {} nodes", done, total));
  };
  return run;
}

}  // namespace sluice::c_api

using namespace sluice;
using namespace sluice::c_api;

sluice_status sluice_run_options_init(sluice_run_options *options, size_t struct_size) {
  return init_struct(options, struct_size, "sluice_run_options");
}

sluice_status sluice_run(const sluice_model *model, const sluice_tensor *inputs, size_t input_count,
                         const sluice_tensor *outputs, size_t output_count, const sluice_run_options *options) {
  return guarded([&] {
    run(model_of(model), tensors_of(inputs, input_count, "inputs"), tensors_of(outputs, output_count, "outputs"),
        options);
  });
}

sluice_status sluice_output_shape(const sluice_model *model, const sluice_tensor *inputs, size_t input_count,
                                  const char *output, int *rank, int64_t *extents) {
  return guarded([&] {
    const Model &network = model_of(model);
    require(output, "output");
    require(rank, "rank");
    require(extents, "extents");
    Shapes shapes;
    for (const sluice_tensor &input : tensors_of(inputs, input_count, "inputs"))
      add_once(shapes, name_of(input), shape_of(input), "input");
    std::vector<std::string> keep;
    if (!is_output(network.graph(), output)) keep.emplace_back(output);
    const std::vector<int64_t> shape = network.result_shapes(shapes, keep).at(output);
    *rank = static_cast<int>(shape.size());
    std::copy(shape.begin(), shape.end(), extents);
  });
}

sluice_status sluice_cancellation_create(sluice_cancellation **cancellation) {
  return guarded([&] {
    require(cancellation, "cancellation");
    *cancellation = new sluice_cancellation;
  });
}

void sluice_cancellation_cancel(sluice_cancellation *cancellation) {
  if (cancellation != nullptr) cancellation->cancelled = true;
}

void sluice_cancellation_reset(sluice_cancellation *cancellation) {
  if (cancellation != nullptr) cancellation->cancelled = false;
}

void sluice_cancellation_free(sluice_cancellation *cancellation) { delete cancellation; }
