// SPDX-License-Identifier: Apache-2.0
// The compiled kernels and what their layers say of themselves. Filled by functions that the build generates
// (tools/kernel_table.py); nothing in runtime/ names a layer.
#pragma once
#include <HalideRuntime.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/graph.h"

namespace sluice {

struct SchemaAxis {
  std::string name, extent;  // extent: an expression, for parameters only
};

// See struct Port in generators/layer.h.
struct SchemaPort {
  std::string name;
  std::vector<SchemaAxis> axes;  // innermost first
  bool differentiable = true;
  std::string when;  // exists only then: "attribute=value|value" or "attribute!=value"; empty: always
  float neutral = 0;
  std::string renamed_when, renamed;
  bool optional = false, batch_as_row = false, whole = false;
  std::string norm_name;
};

enum class AttributeKind { variant, derived, shape, groups, integer, real, note };

struct SchemaAttribute {
  std::string name;
  AttributeKind kind = AttributeKind::integer;
  std::string fallback;                                    // empty: none
  std::vector<std::string> parts;                          // what it sets, in the order of a list value
  std::vector<std::pair<std::string, std::string>> words;  // value word -> the argument it sets to 1
  std::vector<std::string> built;                          // values a variant may take; "a+b": one kernel for both
};

struct LayerSchema {
  std::string layer, summary;
  std::vector<SchemaPort> inputs, parameters, state, outputs;
  std::vector<SchemaAttribute> attributes;
  std::string update_when;  // conditions (";" is or) under which a run changes the state; "after ...": when it has run
  std::string linear_when;  // conditions under which backward is that of the layer's linear part; empty: never
  bool any_rank = false;    // takes n c l and n c t h w like n c h w
  std::string macs = {};    // multiply-adds of a call, an expression over attributes and axes ("output.c*output.x")
  // Conditions over attributes and axes of inputs, "input.c%factor=0" or "padding_mode=reflect:padding_left<input.x".
  std::vector<std::string> requirements = {};
  // How a part of the output can be computed (runtime/region_of_interest.h), "": not at all. "pixel": from the same
  // pixels of the inputs; "pixel on:mask!=0": of input `on` only where `mask` is not 0. "window": a convolution.
  // "part": the kernel has arguments for it.
  std::string region = {};

  std::vector<const SchemaPort *> stored() const;  // parameters, then state
  bool has_gradient() const;                       // some port's; else there is no backward kernel
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
  // Ops that are made of others: text of generators/<op>.graph.
  void add_composite(const std::string &op, const std::string &text) { composites_[op] = text; }

  const std::map<std::string, LayerSchema> &schemas() const { return schemas_; }
  const std::vector<Kernel> &kernels() const { return kernels_; }
  const std::map<std::string, std::string> &composites() const { return composites_; }
  // The instruction sets that kernels for the CPU are built for, the preferred one first (check_isas in
  // runtime/kernel_call.h).
  void set_isas(std::vector<std::string> isas) { isas_ = std::move(isas); }
  const std::vector<std::string> &isas() const { return isas_; }

  // Error not_found, naming what exists.
  const LayerSchema &schema(const std::string &layer) const;
  // The kernel whose variant values all equal those of `values`, the most particular one; nullptr if there is none.
  const Kernel *find(const std::string &layer, const std::string &direction, const std::string &device,
                     const std::map<std::string, std::string> &values) const;

  // The kernels linked into the program: inference, and training where sluice_training is linked. Empty in a program
  // that is linked without sluice_kernels.
  static KernelTable &linked();

 private:
  std::map<std::string, LayerSchema> schemas_;
  std::map<std::string, std::string> composites_;
  std::vector<std::string> isas_;
  std::vector<Kernel> kernels_;
};

// Generated, one a kernel library.
void register_kernels(KernelTable &table);
void register_training_kernels(KernelTable &table);
void register_test_kernels(KernelTable &table);

}  // namespace sluice
