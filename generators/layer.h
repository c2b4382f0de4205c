// SPDX-License-Identifier: Apache-2.0
// What a layer is: its ports, its attributes, and its mathematics as named stages. How stages are computed lives in
// schedules/<device>/<layer>.cpp, which finds them by name.
//
// Axes. Halide names the innermost dimension first: a tensor [n h w c] is Func(c, x, y, n); a weight [o i kh kw] is
// Func(kx, ky, i, o). Every axis starts at 0.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "Halide.h"

namespace sluice {

// A dimension of a port. `extent` is written for parameters only: an expression over attributes and axes of input
// ports ("channels", "kernel_h", "input.c"), from which the runtime knows the shape a weight should have.
struct Axis {
  std::string name;
  std::string extent;
};

struct Port {
  std::string name;
  std::vector<Axis> axes;             // innermost first
  bool zero_outside = false;          // forward reads past the spatial edge and finds zeros there (padding)
  bool zero_channels = false;         // ... and past the last channel (vectors that are not full)
  bool differentiable = true;         // has a gradient
  std::string when;                   // exists only then: "attribute=value|value" or "attribute!=value"
  float neutral = 0;                  // the value a port that doesn't exist has throughout
  std::string renamed_when, renamed;  // parameters only: called `renamed` in files when this holds
  std::string norm_name;  // parameters of a norm: called PREFIX + this in files when a node says norm_weights=PREFIX
  bool optional = false;  // inputs only: a node may leave it out (the last ones first)
  bool batch_as_row = false;  // a tensor [n c] is a row of n pixels, not n pictures of one
  bool whole = false;         // not cut into slices when the node has groups

  Port padded() const {
    Port port = *this;
    port.zero_outside = true;
    return port;
  }
  Port padded_channels() const {
    Port port = padded();
    port.zero_channels = true;
    return port;
  }
  Port constant() const {
    Port port = *this;
    port.differentiable = false;
    return port;
  }
  Port only_when(const std::string &condition, float otherwise = 0) const {
    Port port = *this;
    port.when = condition;
    port.neutral = otherwise;
    return port;
  }
  Port called(const std::string &other, const std::string &condition) const {
    Port port = *this;
    port.renamed = other;
    port.renamed_when = condition;
    return port;
  }
  Port of_norm(const std::string &other) const {
    Port port = *this;
    port.norm_name = other;
    return port;
  }
  Port optionally(float otherwise) const {
    Port port = *this;
    port.optional = true;
    port.neutral = otherwise;
    return port;
  }
  Port rows() const {
    Port port = *this;
    port.batch_as_row = true;
    return port;
  }
  Port unsliced() const {
    Port port = *this;
    port.whole = true;
    return port;
  }
};

inline Port port(const std::string &name, const std::vector<Axis> &axes) {
  Port made;
  made.name = name;
  made.axes = axes;
  return made;
}
inline Port tensor(const std::string &name) { return port(name, {{"c", ""}, {"x", ""}, {"y", ""}, {"n", ""}}); }

// A word of a graph line, `name=value`. A list value sets `parts` in order; a single value sets all of them.
struct Attribute {
  enum class Kind {
    variant,  // build time: selects a kernel
    derived,  // likewise, but follows from others: the first of `fallback`, "plain: a=1 b=zeros; other:", that holds
    shape,    // tells the extent of a parameter, no kernel argument
    groups,   // the node is that many calls on equal slices of the channels
    integer,  // run-time kernel arguments
    real,
    note  // says how other values came to be; checked, no effect
  };
  std::string name;
  Kind kind = Kind::integer;
  std::string fallback;                      // value when absent; empty: taken from the weights, else an error
  std::vector<std::string> parts;            // kernel arguments set by this attribute; empty: one of the same name
  std::map<std::string, std::string> words;  // value word -> the argument it sets to 1, e.g. same -> padding_same
  // Values a variant may take. Words joined by '+' share a kernel, which gets the number of the word in its argument
  // <name>_kind.
  std::vector<std::string> built;
};

// "relu" of "none+relu+leaky_relu": does a kernel built for `value` serve `word`?
bool serves(const std::string &value, const std::string &word);

// A port as a definition sees it: something to index, and the run-time extent of each axis.
struct Operand {
  Halide::Func func;
  Halide::Func stored;  // an input without the zeros around it
  std::map<std::string, Halide::Expr> extent;

  template <typename... Index>
  Halide::Expr operator()(Index... index) const {
    return func(index...);
  }
};

// Everything a definition may look at.
class Context {
 public:
  Halide::Type element = Halide::Float(32);
  int lanes = 8;          // vector width the packed parameters are laid out for
  bool backward = false;  // the definition is about to be differentiated
  bool device = false;    // for a GPU: runs ask its kernels for whole outputs

  void add(const std::string &port, const Operand &operand) { operands_[port] = operand; }
  void add_scalar(const std::string &name, const Halide::Expr &value) { scalars_[name] = value; }
  const Operand &operator[](const std::string &port) const;
  bool has(const std::string &port) const { return operands_.count(port) != 0; }
  Halide::Expr scalar(const std::string &name) const;
  Halide::Expr constant(double value) const { return Halide::Internal::make_const(element, value); }

 private:
  std::map<std::string, Operand> operands_;
  std::map<std::string, Halide::Expr> scalars_;
};

// Funcs by name. Asking for an unknown one stops the build and lists those that exist.
class Stages {
 public:
  Halide::Func &operator[](const std::string &name);
  Halide::Func &add(const std::string &name) { return funcs_.emplace(name, Halide::Func(name)).first->second; }
  void add(const std::string &name, const Halide::Func &func) { funcs_.emplace(name, func); }
  bool has(const std::string &name) const { return funcs_.count(name) != 0; }
  const std::map<std::string, Halide::Func> &all() const { return funcs_; }

 private:
  std::map<std::string, Halide::Func> funcs_;
};

// All a schedule may look at.
struct Plan {
  Stages stages;     // forward stages, by the names the layer gave them
  Stages gradients;  // backward only: "grad_<port>", "stored_<port>" where that is a copy, "adjoint_<stage>[_<update>]"
  std::map<std::string, std::string> variants;  // the variant attributes this kernel is built for
  std::map<std::string, int> tuning;            // schedules/<device>/<layer>.params, for this target and direction
  std::map<std::string, Halide::Expr> scalars;  // run-time arguments
  std::map<std::string, Halide::Expr> extents;  // of the inputs' axes, "input.c"
  Halide::Target target;

  int lanes() const { return target.natural_vector_size<float>(); }
  int tuned(const std::string &name) const;
};

using Schedule = std::function<void(Plan &)>;

// "cpu/<layer>/forward" -> schedule. Filled by SLUICE_SCHEDULE.
std::map<std::string, Schedule> &schedules();
void apply_schedule(const std::string &layer, const std::string &direction, Plan &plan, const std::string &folder);

// "<layer>" -> its schema as JSON, printed by the generator executable when called with --describe.
std::map<std::string, std::function<std::string()>> &descriptions();

struct RegisterSchedule {
  RegisterSchedule(const std::string &key, Schedule schedule) { schedules()[key] = std::move(schedule); }
};
struct RegisterDescription {
  RegisterDescription(const std::string &key, std::function<std::string()> text) {
    descriptions()[key] = std::move(text);
  }
};

inline std::vector<Port> joined(std::vector<Port> first, const std::vector<Port> &second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}
inline std::vector<Port> constants(std::vector<Port> ports) {
  for (Port &port : ports) port.differentiable = false;
  return ports;
}

inline int dimensions(const Port &port) { return static_cast<int>(port.axes.size()); }

// What a layer says of itself.
struct Description {
  std::string layer, summary;
  std::vector<Port> inputs, parameters, state, outputs;
  std::vector<Attribute> attributes;
  std::string update_when;  // the condition under which a run changes the node's state
  std::string linear_when;  // the nodes whose output is the layer's linear part
  bool any_rank = false;    // tensors n c l and n c t h w are taken like n c h w
};
std::string describe(const Description &layer);

#define SLUICE_SCHEDULE(device, layer, direction)                                                              \
  static void device##_##layer##_##direction(sluice::Plan &plan);                                              \
  static sluice::RegisterSchedule register_##device##_##layer##_##direction(#device "/" #layer "/" #direction, \
                                                                            device##_##layer##_##direction);   \
  static void device##_##layer##_##direction(sluice::Plan &plan)

}  // namespace sluice
