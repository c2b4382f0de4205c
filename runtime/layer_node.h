// SPDX-License-Identifier: Apache-2.0
// A graph node against its layer's schema: attribute values, kernel arguments, the shapes its parameters should have.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/graph.h"
#include "runtime/kernel_call.h"
#include "runtime/kernel_table.h"
#include "runtime/port_view.h"
#include "weights_io/tensor.h"

namespace sluice {

enum class StateUpdate { none, before, after };

class LayerNode {
 public:
  // Error bad_file for an unknown attribute, a wrong value or a wrong number of inputs; not_found for an unknown layer
  // or a variant that is not built.
  LayerNode(const Graph &graph, const Node &node, const KernelTable &table, const std::string &device);

  const Node &node() const { return *node_; }
  const LayerSchema &schema() const { return *schema_; }
  const KernelTable &table() const { return *table_; }
  const std::string &where() const { return where_; }  // "model deepfill2, node conv1"
  const std::string &device() const { return device_; }
  // The same node, with what it has learnt, by another device's kernels.
  LayerNode on_device(const KernelTable &table, const std::string &device) const;
  // `more`: values besides the node's own that the kernel must be built for (stage=...).
  const Kernel &kernel(const std::string &direction, const std::map<std::string, std::string> &more = {}) const;
  // The CPU's: it is asked for shapes on every device. What a query answers follows from the schedule where the kernel
  // does not read all of its input.
  const Kernel &cpu_kernel(const std::string &direction) const;
  const Kernel *find_kernel(const std::string &direction,
                            const std::map<std::string, std::string> &more = {}) const;  // nullptr: there is none
  // Do all of "attribute=value|value" and "attribute!=value", between blanks, hold for this node?
  bool holds(const std::string &conditions) const;
  // Whether a run changes the node's state, and whether the run itself computes with what it was before.
  StateUpdate updates_state() const;
  // The node is so many calls on equal slices of the channels.
  int64_t groups() const;

  // Parameters (and state) this node has: a `bias=false` node has no bias.
  std::vector<const SchemaPort *> parameters() const;
  std::vector<const SchemaPort *> stored() const;
  // In a weights file. "a+b": the tensors a and b one after the other along their first axis (rename=weight:a+b).
  std::string weight_name(const SchemaPort &port) const;

  // Fills attributes that were not said (channels) from the shapes of the weights at hand.
  void infer_from(const TensorMap &weights);
  // Extents a parameter should have. `inputs`: extents of the input ports, where known; nullopt where they are needed
  // but not known.
  std::optional<Extents> parameter_extents(const SchemaPort &port, const std::map<std::string, Extents> &inputs) const;
  // An attribute, or a part of one, that is a whole number.
  std::optional<int64_t> integer(const std::string &name) const;
  // Multiply-adds of the node, those of all groups together. Extents by port, as the ports see them
  // (runtime/port_view.h).
  int64_t macs(const std::map<std::string, Extents> &inputs, const std::map<std::string, Extents> &outputs) const;
  // A stored shape as extents of the port: axes of extent 1 may be missing in the file (a linear layer's weight [o i]).
  // nullopt when it can't be.
  std::optional<Extents> stored_extents(const SchemaPort &port, const std::vector<int64_t> &shape) const;

  // Error input_failed, naming the condition, for inputs that the layer can't take. Extents as the ports see them. Once
  // without outputs, before their shape is asked; then with them, for the conditions that name an output.
  void check_requirements(const std::map<std::string, Extents> &inputs,
                          const std::map<std::string, Extents> &outputs = {}) const;

  // Sets every scalar argument the kernel has.
  void bind_scalars(KernelCall &call) const;

 private:
  std::map<std::string, std::string> formula_names(const std::map<std::string, Extents> &inputs,
                                                   const std::map<std::string, Extents> &outputs) const;
  bool holds_one(const std::string &condition) const;
  void read_attribute(const SchemaAttribute &attribute, const AttributeValue *said);
  void read_variant(const SchemaAttribute &attribute, const std::string &word);
  void read_numbers(const SchemaAttribute &attribute, const AttributeValue &value);
  void check_limits(const SchemaAttribute &attribute, const std::string &text) const;
  void derive(const SchemaAttribute &attribute);
  void check_ports() const;
  std::string describe_variant(const std::string &direction) const;
  std::pair<const Kernel *, size_t> nearest_kernel(const std::string &direction) const;
  std::optional<int64_t> axis_extent(const SchemaAxis &axis, const std::map<std::string, Extents> &inputs) const;

  const Node *node_;
  const LayerSchema *schema_;
  const KernelTable *table_;
  std::string where_, location_, device_;
  std::map<std::string, std::string> values_;  // by attribute name and by part
  std::map<std::string, std::string> words_;   // of variants: what the node says, where values_ has what is built
};

// The tensors of a weights file that a weight_name() stands for, in order.
std::vector<std::string> weight_parts(const std::string &name);

}  // namespace sluice
