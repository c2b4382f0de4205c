// SPDX-License-Identifier: Apache-2.0
// Calling a node's kernels: tensors as its ports want them, and one call a group.
#pragma once
#include <functional>

#include "runtime/layer_node.h"

namespace sluice {

// What stands behind a kernel's buffer argument: a whole tensor or parameter, in the graph's own extents. `group`
// counts the calls of a node with groups; only packed parameters differ by it.
using OperandLookup = std::function<BufferView(const std::string &argument, int64_t group)>;

// The schema's port behind a buffer argument of any kernel ("grad_input" is input); nullptr for others (packed, saved).
const SchemaPort *argument_port(const LayerSchema &schema, const std::string &argument);

// Binds every buffer argument of `kernel` and runs it, once for every group. `scalars`: instead of the node's own.
void call_layer(const LayerNode &layer, const Kernel &kernel, const OperandLookup &operand,
                CallContext *context = nullptr, const std::map<std::string, double> &scalars = {});

// Computes a stage that backward reads, for one group, into what `allocate` gives for its extents.
BufferView make_saved(const LayerNode &layer, const Kernel &kernel, const std::string &stage, int64_t group,
                      const OperandLookup &operand, const std::function<BufferView(const Extents &)> &allocate,
                      CallContext *context = nullptr);

// A tensor of one element for an input that a node leaves out.
BufferView neutral_input(const SchemaPort &port, halide_type_t type = halide_type_of<float>());

// Extents of the tensors a node makes, one an output of the node, from those it reads. The kernels are asked.
std::vector<Extents> output_extents(const LayerNode &layer, const std::vector<Extents> &inputs);

// Extents of the parameters and state by port, from those of the input ports; of absent ones too. Error bad_file where
// they are not known.
std::map<std::string, Extents> parameter_extents(const LayerNode &layer, const std::map<std::string, Extents> &inputs);

// Extents of the packed parameters of one group as a pack kernel makes them, from those of the parameters and state.
std::map<std::string, Extents> packed_extents(const LayerNode &layer, const Kernel &pack,
                                              const std::map<std::string, Extents> &parameters);

// The extents of the node's inputs as its ports see them.
std::map<std::string, Extents> port_extents(const LayerNode &layer, const std::vector<Extents> &inputs);

}  // namespace sluice
