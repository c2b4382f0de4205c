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
  std::vector<Axis> axes;      // innermost first
  bool zero_outside = false;   // forward reads past the spatial edge and finds zeros there (padding)
  bool zero_channels = false;  // ... and past the last channel (vectors that are not full)
  bool differentiable = true;  // has a gradient
  std::string when;            // parameters only: exists only if this attribute is `true`

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
  Port only_when(const std::string &attribute) const {
    Port port = *this;
    port.when = attribute;
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
    shape,    // tells the extent of a parameter, no kernel argument
    integer,  // run-time kernel arguments
    real,
    note  // says how other values came to be; checked, no effect
  };
  std::string name;
  Kind kind = Kind::integer;
  std::string fallback;                      // value when absent; empty: taken from the weights, else an error
  std::vector<std::string> parts;            // kernel arguments set by this attribute; empty: one of the same name
  std::map<std::string, std::string> words;  // value word -> the argument it sets to 1, e.g. same -> padding_same
  std::vector<std::string> built;            // values a variant may take
};

// A port as a definition sees it: something to index, and the run-time extent of each axis.
struct Operand {
  Halide::Func func;
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
  int lanes = 8;  // vector width the packed parameters are laid out for

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
  Stages stages;                                // forward stages, by the names the layer gave them
  Stages gradients;                             // backward only: "grad_<port>", and "adjoint_<stage>" for every stage
  std::map<std::string, std::string> variants;  // the variant attributes this kernel is built for
  std::map<std::string, int> tuning;            // schedules/<device>/<layer>.params, for this target and direction
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

std::string describe(const std::string &layer, const std::string &summary, const std::vector<Port> &inputs,
                     const std::vector<Port> &parameters, const std::vector<Port> &outputs,
                     const std::vector<Attribute> &attributes);

#define SLUICE_SCHEDULE(device, layer, direction)                                                              \
  static void device##_##layer##_##direction(sluice::Plan &plan);                                              \
  static sluice::RegisterSchedule register_##device##_##layer##_##direction(#device "/" #layer "/" #direction, \
                                                                            device##_##layer##_##direction);   \
  static void device##_##layer##_##direction(sluice::Plan &plan)

}  // namespace sluice
