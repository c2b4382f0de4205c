// SPDX-License-Identifier: Apache-2.0
// sluice inspect: what is in a weights file, in a graph, in the program.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>

#include "apps/commands.h"
#include "apps/console.h"
#include "apps/inspect_gates.h"
#include "apps/inspect_graph.h"
#include "apps/model_files.h"
#include "runtime/expression.h"
#include "runtime/kernel_table.h"
#include "weights_io/error.h"
#include "weights_io/safetensors.h"

namespace sluice {
namespace {

struct InspectOptions {
  std::string file, weights, output, size = "512x512", mode = "eval";
  std::vector<std::string> settings, gates;  // gates: picture and mask, or empty
  int64_t frames = 8;
  bool kernels = false, gate_table = false, json = false;
};

constexpr int64_t kMaxSide = 65'500;

struct ValueRange {
  double least = std::numeric_limits<double>::infinity(), most = -least;
  int64_t non_finite = 0;

  void add(double value) {
    if (std::isfinite(value)) {
      least = std::min(least, value);
      most = std::max(most, value);
    } else {
      non_finite++;
    }
  }
};

template <typename T, typename Convert>
ValueRange range_as(const StoredTensor &tensor, Convert convert) {
  ValueRange range;
  for (size_t at = 0; at + sizeof(T) <= tensor.bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, tensor.bytes.data() + at, sizeof(T));
    range.add(convert(value));
  }
  return range;
}

ValueRange range_of(const StoredTensor &tensor) {
  const auto plain = [](auto value) { return static_cast<double>(value); };
  const auto f16 = [](uint16_t bits) { return static_cast<double>(std::bit_cast<float>(f32_bits_from_f16(bits))); };
  const auto bf16 = [](uint16_t bits) { return static_cast<double>(std::bit_cast<float>(f32_bits_from_bf16(bits))); };
  switch (tensor.dtype) {
    case DType::f64:
      return range_as<double>(tensor, plain);
    case DType::f32:
      return range_as<float>(tensor, plain);
    case DType::f16:
      return range_as<uint16_t>(tensor, f16);
    case DType::bf16:
      return range_as<uint16_t>(tensor, bf16);
    case DType::i64:
      return range_as<int64_t>(tensor, plain);
    case DType::i32:
      return range_as<int32_t>(tensor, plain);
    case DType::i16:
      return range_as<int16_t>(tensor, plain);
    case DType::i8:
      return range_as<int8_t>(tensor, plain);
    case DType::u8:
    case DType::boolean:
      return range_as<uint8_t>(tensor, plain);
  }
  return {};
}

Json describe_tensor(const std::string &tensor, const StoredTensor &stored) {
  const ValueRange range = range_of(stored);
  Json item = {
      {"name", tensor}, {"dtype", name(stored.dtype)}, {"shape", stored.shape}, {"min", nullptr}, {"max", nullptr}};
  if (range.least <= range.most) {
    item["min"] = range.least;
    item["max"] = range.most;
  }
  item["non_finite"] = range.non_finite;
  return item;
}

void inspect_weights(const InspectOptions &options) {
  const Archive archive = read_safetensors(options.file);
  Json result = {{"file", options.file}, {"metadata", Json::object()}, {"tensors", Json::array()}};
  for (const auto &[key, value] : archive.metadata) result["metadata"][key] = value;
  int64_t parameters = 0;
  for (const auto &[tensor, stored] : archive.tensors) {
    check_interrupted();
    result["tensors"].push_back(describe_tensor(tensor, stored));
    parameters += stored.elements();
  }
  result["parameter_count"] = parameters;
  if (options.json) return print_json(result);
  for (const auto &[key, value] : archive.metadata) {
    if (!key.starts_with("crc32.")) print_line(fmt::format("{}: {}", printable(key), printable(value)));
  }
  for (const Json &tensor : result["tensors"]) {
    const std::string range = tensor["min"].is_null() ? "no finite values"
                                                      : fmt::format("{:.6g} .. {:.6g}", tensor["min"].get<double>(),
                                                                    tensor["max"].get<double>());
    print_line(fmt::format("{} {} {} {} non-finite={}", printable(tensor["name"].get<std::string>()),
                           tensor["dtype"].get<std::string>(), shape_text(tensor["shape"].get<std::vector<int64_t>>()),
                           range, tensor["non_finite"].get<int64_t>()));
  }
  print_line(fmt::format("{} tensors, {} parameters", archive.tensors.size(), parameters));
}

void list_kernels(const InspectOptions &options) {
  for (const Kernel &kernel : KernelTable::linked().kernels()) {
    if (options.json) {
      Json variant = Json::object();
      for (const auto &[key, value] : kernel.variant) variant[key] = value;
      print_json({{"symbol", kernel.symbol},
                  {"layer", kernel.layer},
                  {"direction", kernel.direction},
                  {"device", kernel.device},
                  {"variant", variant}});
    } else {
      print_line(kernel.symbol);
    }
  }
}

// "HxW"
std::pair<int64_t, int64_t> parse_size(const std::string &text) {
  const size_t cross = text.find('x');
  if (cross != std::string::npos) {
    const auto height = as_integer(text.substr(0, cross)), width = as_integer(text.substr(cross + 1));
    const auto fits = [](const std::optional<int64_t> &side) { return side && *side > 0 && *side <= kMaxSide; };
    if (fits(height) && fits(width)) return {*height, *width};
  }
  throw Error(ErrorCode::usage, fmt::format("--size: expected HxW, sides of 1 to {}, got '{}'", kMaxSide, text));
}

// A weights file has its header, which begins with a brace, behind eight bytes of length; graph files are text.
bool is_weights_file(const std::string &file) {
  if (file.ends_with(".safetensors")) return true;
  if (is_model_name(file) || file.ends_with(".graph")) return false;
  std::ifstream stream(file, std::ios::binary);
  char start[9] = {};
  return stream.read(start, sizeof start) && start[8] == '{' && start[7] == '\0';
}

void inspect_graph(const InspectOptions &options) {
  GraphQuestion question;
  std::tie(question.height, question.width) = parse_size(options.size);
  question.parameters = parse_settings(options.settings);
  question.graph = find_graph(options.file);
  question.weights = options.weights;
  question.frames = options.frames;
  question.mode = options.mode;
  question.kernels = options.kernels;
  const Json graph = describe_graph(question);
  if (options.json) {
    print_json(graph);
  } else {
    print_graph(graph);
  }
}

void inspect_model_gates(const InspectOptions &options) {
  if (options.file.empty() || is_weights_file(options.file)) {
    throw Error(ErrorCode::usage, "inspect: --gates and --gate-table are about a GRAPH");
  }
  GateQuestion question;
  question.model.model = options.file;
  question.model.weights = options.weights;
  question.model.settings = options.settings;
  question.model.mode = options.mode;
  question.output = options.output;
  question.json = options.json;
  if (options.gate_table) return inspect_gate_table(question);
  inspect_gates(question, options.gates.at(0), options.gates.at(1));
}

void run_inspect(const InspectOptions &options) {
  if (options.gate_table || !options.gates.empty()) {
    inspect_model_gates(options);
  } else if (!options.output.empty()) {
    throw Error(ErrorCode::usage, "inspect: --output is for --gates and --gate-table");
  } else if (options.file.empty()) {
    if (!options.kernels) throw Error(ErrorCode::usage, "inspect: give a FILE, a GRAPH, or --kernels");
    list_kernels(options);
  } else if (is_weights_file(options.file)) {
    inspect_weights(options);
  } else {
    inspect_graph(options);
  }
}

}  // namespace

void add_inspect_command(CLI::App &program) {
  CLI::App *command = program.add_subcommand("inspect", "Say what is in a weights file or a graph");
  const auto options = std::make_shared<InspectOptions>();
  command->add_option("FILE", options->file, "Weights file, graph file or model name");
  command->add_option("--weights", options->weights,
                      "Weights of the graph; without them shapes come from its attributes");
  command->add_option("--size", options->size,
                      "Height and width, where a graph leaves them open, HxW; default: 512x512");
  command->add_option("--frames", options->frames, "Frames of a clip, for a graph that leaves them open; default: 8")
      ->check(CLI::Range(int64_t{1}, kMaxSide));
  command->add_option("--mode", options->mode, "eval (stored statistics) or train (batch statistics, power steps)")
      ->check(CLI::IsMember({"eval", "train"}));
  add_set_option(*command, options->settings);
  CLI::Option *gates =
      command->add_option("--gates", options->gates, "IMAGE MASK: how far the gate of every layer is open");
  gates->type_name("IMAGE MASK")->expected(2);
  CLI::Option *table = command->add_flag("--gate-table", options->gate_table, "How far gates are open for every class");
  table->excludes(gates);
  command->add_option("-o,--output", options->output, "With --gates or --gate-table: a picture of them, .png or .jpg");
  command->add_flag("--kernels", options->kernels, "The kernels of every node, or without FILE all that are built");
  command->add_flag("--json", options->json, "Print JSON: one object, or one a kernel");
  command->callback([options] { run_inspect(*options); });
}

}  // namespace sluice
