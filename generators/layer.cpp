// SPDX-License-Identifier: Apache-2.0
// Lookups by name behind layer.h, and the JSON a layer describes itself with.
#include "layer.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace sluice {
namespace {

template <typename Map>
std::string keys_of(const Map &map) {
  std::string keys;
  for (const auto &entry : map) keys += " " + entry.first;
  return keys;
}

std::string quoted(const std::string &text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

template <typename Items, typename Write>
std::string json_list(const Items &items, Write write) {
  std::string out = "[";
  for (const auto &item : items) out += (out.size() > 1 ? ", " : "") + write(item);
  return out + "]";
}

const char *truth(bool value) { return value ? "true" : "false"; }

std::string json_ports(const std::vector<Port> &ports) {
  return json_list(ports, [](const Port &port) {
    const std::string axes = json_list(
        port.axes, [](const Axis &axis) { return "[" + quoted(axis.name) + ", " + quoted(axis.extent) + "]"; });
    return "{\"name\": " + quoted(port.name) + ", \"axes\": " + axes +
           ", \"differentiable\": " + truth(port.differentiable) + ", \"when\": " + quoted(port.when) +
           ", \"neutral\": " + std::to_string(port.neutral) + ", \"renamed_when\": " + quoted(port.renamed_when) +
           ", \"renamed\": " + quoted(port.renamed) + ", \"optional\": " + truth(port.optional) +
           ", \"batch_as_row\": " + truth(port.batch_as_row) + ", \"whole\": " + truth(port.whole) +
           ", \"norm_name\": " + quoted(port.norm_name) + "}";
  });
}

std::string json_attribute(const Attribute &attribute) {
  static const char *const kinds[] = {"variant", "derived", "shape", "groups", "integer", "real", "note"};
  const std::vector<std::string> self{attribute.name};
  const std::vector<std::string> &parts = attribute.parts.empty() ? self : attribute.parts;
  return "{\"name\": " + quoted(attribute.name) + ", \"kind\": " + quoted(kinds[static_cast<int>(attribute.kind)]) +
         ", \"fallback\": " + quoted(attribute.fallback) + ", \"parts\": " + json_list(parts, quoted) +
         ", \"words\": " +
         json_list(attribute.words,
                   [](const auto &word) { return "[" + quoted(word.first) + ", " + quoted(word.second) + "]"; }) +
         ", \"built\": " + json_list(attribute.built, quoted) + "}";
}

// The rows of schedules/<device>/<layer>.params for this target: `isa direction name value`, isa `any` always applies.
std::map<std::string, int> read_tuning(const std::string &path, const std::string &direction,
                                       const Halide::Target &target) {
  const bool is_neon = target.arch == Halide::Target::ARM;
  const std::string isa = is_neon ? "neon" : target.has_feature(Halide::Target::AVX512_Skylake) ? "avx512" : "avx2";
  std::map<std::string, int> tuning;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string row_isa, row_direction, name;
    int value = 0;
    if (!(words >> row_isa)) continue;
    if (!(words >> row_direction >> name >> value))
      throw std::runtime_error(path + ": expected `isa direction name value`, got: " + line);
    // NEON has as many registers as AVX-512; its own rows, where there are some, come after those.
    const bool applies = row_isa == isa || row_isa == "any" || (is_neon && row_isa == "avx512");
    if (applies && row_direction == direction) tuning[name] = value;
  }
  return tuning;
}

}  // namespace

const Operand &Context::operator[](const std::string &port) const {
  const auto found = operands_.find(port);
  if (found == operands_.end()) throw std::runtime_error("no port '" + port + "'; known:" + keys_of(operands_));
  return found->second;
}

Halide::Expr Context::scalar(const std::string &name) const {
  const auto found = scalars_.find(name);
  if (found == scalars_.end()) throw std::runtime_error("no scalar '" + name + "'; known:" + keys_of(scalars_));
  return found->second;
}

Halide::Func &Stages::operator[](const std::string &name) {
  const auto found = funcs_.find(name);
  if (found == funcs_.end()) throw std::runtime_error("no stage '" + name + "'; known:" + keys_of(funcs_));
  return found->second;
}

int Plan::tuned(const std::string &name) const {
  const auto found = tuning.find(name);
  if (found == tuning.end())
    throw std::runtime_error("no schedule parameter '" + name + "' in the .params file; known:" + keys_of(tuning));
  return found->second;
}

std::map<std::string, Schedule> &schedules() {
  static std::map<std::string, Schedule> all;
  return all;
}

std::map<std::string, std::function<std::string()>> &descriptions() {
  static std::map<std::string, std::function<std::string()>> all;
  return all;
}

void apply_schedule(const std::string &layer, const std::string &direction, Plan &plan, const std::string &folder) {
  const std::string device = plan.target.has_gpu_feature() ? "cuda" : "cpu";
  const std::string key = device + "/" + layer + "/" + direction;
  const auto found = schedules().find(key);
  if (found == schedules().end()) {
    throw std::runtime_error("no schedule " + key + ": write it in schedules/" + device + "/" + layer +
                             ".cpp; known:" + keys_of(schedules()));
  }
  plan.tuning = read_tuning(folder + "/" + device + "/" + layer + ".params", direction, plan.target);
  found->second(plan);
}

bool serves(const std::string &value, const std::string &word) {
  return ("+" + value + "+").find("+" + word + "+") != std::string::npos;
}

std::string describe(const Description &layer) {
  return "{\"layer\": " + quoted(layer.layer) + ",\n \"summary\": " + quoted(layer.summary) +
         ",\n \"inputs\": " + json_ports(layer.inputs) + ",\n \"parameters\": " + json_ports(layer.parameters) +
         ",\n \"state\": " + json_ports(layer.state) + ",\n \"outputs\": " + json_ports(layer.outputs) +
         ",\n \"attributes\": " + json_list(layer.attributes, json_attribute) +
         ",\n \"update_when\": " + quoted(layer.update_when) + ", \"linear_when\": " + quoted(layer.linear_when) +
         ", \"any_rank\": " + truth(layer.any_rank) + "}\n";
}

}  // namespace sluice
