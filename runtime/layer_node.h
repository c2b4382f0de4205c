// SPDX-License-Identifier: Apache-2.0
// A graph node against its layer's schema: attribute values, kernel arguments, the shapes its parameters should have.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/graph.h"
#include "runtime/kernel_call.h"
#include "runtime/kernel_table.h"
#include "weights_io/tensor.h"

namespace sluice {

using Extents = std::vector<int64_t>;  // innermost first

class LayerNode {
 public:
  // Error bad_file for an unknown attribute, a wrong value or a wrong number of inputs; not_found for an unknown layer
  // or a variant that is not built.
  LayerNode(const Graph &graph, const Node &node, const KernelTable &table, const std::string &device);

  const Node &node() const { return *node_; }
  const LayerSchema &schema() const { return *schema_; }
  const std::string &where() const { return where_; }  // "model deepfill2, node conv1"
  const std::string &device() const { return device_; }
  // `more`: values besides the node's own that the kernel must be built for (stage=...).
  const Kernel &kernel(const std::string &direction, const std::map<std::string, std::string> &more = {}) const;

  // Parameters this node has (a `bias=false` node has no bias), and the name of one in a weights file.
  std::vector<const SchemaPort *> parameters() const;
  std::string weight_name(const SchemaPort &port) const { return node_->name + "." + port.name; }

  // Fills attributes that were not said (channels) from the shapes of the weights at hand.
  void infer_from(const TensorMap &weights);
  // Extents a parameter should have. `inputs`: extents of the input ports, where known; nullopt where they are needed
  // but not known.
  std::optional<Extents> parameter_extents(const SchemaPort &port, const std::map<std::string, Extents> &inputs) const;

  // Sets every scalar argument the kernel has.
  void bind_scalars(KernelCall &call) const;

 private:
  void read_attribute(const SchemaAttribute &attribute, const AttributeValue *said);
  void check_ports() const;
  std::string describe_variant(const std::string &direction) const;

  const Node *node_;
  const LayerSchema *schema_;
  const KernelTable *table_;
  std::string where_, location_, device_;
  std::map<std::string, std::string> values_;  // by attribute name and by part
};

}  // namespace sluice
