// SPDX-License-Identifier: Apache-2.0
// The compiled kernels and what their layers say of themselves. Filled by functions that the build generates
// (tools/kernel_table.py); nothing in runtime/ names a layer.
#pragma once
#include <HalideRuntime.h>

#include <map>
#include <string>
#include <vector>

#include "runtime/graph.h"

namespace sluice {

struct SchemaAxis {
  std::string name, extent;  // extent: an expression, for parameters only
};

struct SchemaPort {
  std::string name;
  std::vector<SchemaAxis> axes;  // innermost first
  bool differentiable = true;
  std::string when;  // exists only if this attribute is `true`; empty: always
};

enum class AttributeKind { variant, shape, integer, real, note };

struct SchemaAttribute {
  std::string name;
  AttributeKind kind = AttributeKind::integer;
  std::string fallback;                                    // empty: none
  std::vector<std::string> parts;                          // what it sets, in the order of a list value
  std::vector<std::pair<std::string, std::string>> words;  // value word -> the argument it sets to 1
  std::vector<std::string> built;                          // values a variant may take
};

struct LayerSchema {
  std::string layer, summary;
  std::vector<SchemaPort> inputs, parameters, outputs;
  std::vector<SchemaAttribute> attributes;
};

struct Kernel {
  std::string layer, direction, device, symbol;
  std::map<std::string, std::string> variant;  // must all be what the node says
  int (*call)(void **) = nullptr;
  const halide_filter_metadata_t *(*metadata)() = nullptr;
};

class KernelTable {
 public:
  void add_schema(const LayerSchema &schema) { schemas_[schema.layer] = schema; }
  void add(const Kernel &kernel) { kernels_.push_back(kernel); }

  const std::map<std::string, LayerSchema> &schemas() const { return schemas_; }
  const std::vector<Kernel> &kernels() const { return kernels_; }

  // Error not_found, naming what exists.
  const LayerSchema &schema(const std::string &layer) const;
  // The kernel whose variant values all equal those of `values`, the most particular one; nullptr if there is none.
  const Kernel *find(const std::string &layer, const std::string &direction, const std::string &device,
                     const std::map<std::string, std::string> &values) const;

  // The kernels linked into the program: inference, and training where sluice_training is linked.
  static KernelTable &linked();

 private:
  std::map<std::string, LayerSchema> schemas_;
  std::vector<Kernel> kernels_;
};

// Generated, one a kernel library.
void register_kernels(KernelTable &table);
void register_training_kernels(KernelTable &table);
void register_test_kernels(KernelTable &table);
void register_device_kernels(KernelTable &table);

}  // namespace sluice
