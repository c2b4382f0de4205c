// SPDX-License-Identifier: Apache-2.0
// Reading, writing and refusing tuning files.
#include "runtime/tuning/tuning_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <set>
#include <span>
#include <sstream>

#include "weights_io/atomic_file.h"
#include "weights_io/error.h"

namespace sluice::tuning {
namespace {

constexpr const char *kFormat = "1";
constexpr size_t kMostBytes = size_t{1} << 20;
constexpr int kMostParameter = 1 << 20;

[[noreturn]] void refuse(const std::string &where, const std::string &what) {
  throw Error(ErrorCode::bad_file, where + ": " + what);
}

double parse_milliseconds(const std::string &text, const std::string &where) {
  std::istringstream stream(text);
  double value = -1;
  if (!(stream >> value) || !stream.eof() || !(value >= 0 && value < 1e9))
    refuse(where, fmt::format("expected milliseconds, got '{}'", text));
  return value;
}

int parse_number(const std::string &text, const std::string &where) {
  std::istringstream stream(text);
  int value = 0;
  if (!(stream >> value) || !stream.eof() || value < 1 || value > kMostParameter)
    refuse(where, fmt::format("expected a whole number from 1 to {}, got '{}'", kMostParameter, text));
  return value;
}

// `node NAME key=value...`
TunedNode parse_node(std::istringstream &words, const std::string &where) {
  TunedNode node;
  if (!(words >> node.node)) refuse(where, "a node without a name");
  std::set<std::string> said;
  const std::map<std::string, std::function<void(const std::string &)>> known{
      {"layer", [&](const std::string &text) { node.layer = text; }},
      {"kernel", [&](const std::string &text) { node.kernel = text; }},
      {"default_ms", [&](const std::string &text) { node.default_ms = parse_milliseconds(text, where); }},
      {"tuned_ms", [&](const std::string &text) { node.tuned_ms = parse_milliseconds(text, where); }},
      {"algorithm",
       [&](const std::string &text) {
         if (text != "fastest" && text != "direct")
           refuse(where, fmt::format("algorithm is fastest or direct, got '{}'", text));
         node.algorithm = text;
       }},
      {"schedule", [&](const std::string &text) { node.schedule = parse_parameters(text, where); }}};
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    const auto key = known.find(word.substr(0, equals));
    if (equals == std::string::npos || key == known.end()) refuse(where, fmt::format("unknown word '{}'", word));
    if (!said.insert(key->first).second) refuse(where, fmt::format("{} is said twice", key->first));
    key->second(word.substr(equals + 1));
  }
  if (said.size() != known.size())
    refuse(where,
           fmt::format("node {}: expected layer, kernel, default_ms, tuned_ms, algorithm and schedule", node.node));
  return node;
}

// `key rest of the line`
void parse_head(Tuning &tuning, const std::string &key, const std::string &value, const std::string &where) {
  if (value.empty()) refuse(where, fmt::format("'{}' without a value", key));
  if (key == "version") {
    tuning.version = value;
  } else if (key == "isa") {
    tuning.isa = value;
  } else if (key == "processor") {
    tuning.processor = value;
  } else if (key == "size") {
    tuning.size = value;
  } else if (key == "threads") {
    tuning.threads = parse_number(value, where);
  } else {
    refuse(where, fmt::format("expected version, isa, processor, size, threads or node, got '{}'", key));
  }
}

std::string read_text(const std::filesystem::path &path) {
  const std::vector<std::byte> bytes = read_file(path, kMostBytes);
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

}  // namespace

const TunedNode *Tuning::find(const std::string &name) const {
  const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const TunedNode &one) { return one.node == name; });
  return found == nodes.end() ? nullptr : &*found;
}

std::string sluice_version() { return SLUICE_VERSION; }

std::string processor_name() {
  std::ifstream stream("/proc/cpuinfo");
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with("model name")) return line.substr(std::min(line.find(':') + 2, line.size()));
  }
  return "unknown";
}

std::string parameters_text(const Parameters &parameters) {
  std::string text;
  for (const auto &[name, value] : parameters) text += fmt::format("{}{}:{}", text.empty() ? "" : ",", name, value);
  return text.empty() ? "-" : text;
}

Parameters parse_parameters(const std::string &text, const std::string &where) {
  Parameters parameters;
  if (text == "-") return parameters;
  std::istringstream items(text);
  for (std::string item; std::getline(items, item, ',');) {
    const size_t colon = item.find(':');
    if (colon == std::string::npos || colon == 0) refuse(where, fmt::format("expected name:value, got '{}'", item));
    const int value = parse_number(item.substr(colon + 1), where);
    if (!parameters.emplace(item.substr(0, colon), value).second)
      refuse(where, fmt::format("{} is said twice", item.substr(0, colon)));
  }
  if (parameters.empty()) refuse(where, "expected name:value,... or -");
  return parameters;
}

Tuning read_tuning(const std::filesystem::path &path) {
  Tuning tuning;
  std::istringstream lines(read_text(path));
  int number = 0;
  bool has_format = false;
  for (std::string line; std::getline(lines, line);) {
    number++;
    const std::string where = fmt::format("{}:{}", path.string(), number);
    std::istringstream words(line.substr(0, line.find('#')));
    std::string key;
    if (!(words >> key)) continue;
    if (!has_format) {
      std::string format;
      words >> format;
      if (key != "sluice-tuning") refuse(where, "not a tuning file: it does not begin with 'sluice-tuning'");
      if (format != kFormat) refuse(where, fmt::format("format {}, this Sluice reads {}: tune again", format, kFormat));
      has_format = true;
    } else if (key == "node") {
      tuning.nodes.push_back(parse_node(words, where));
      const std::string &name = tuning.nodes.back().node;
      if (tuning.find(name) != &tuning.nodes.back()) refuse(where, fmt::format("node {} is there twice", name));
    } else {
      std::string value;
      std::getline(words >> std::ws, value);
      parse_head(tuning, key, value, where);
    }
  }
  if (!has_format) refuse(path.string(), "not a tuning file: it is empty");
  if (tuning.version.empty() || tuning.isa.empty() || tuning.processor.empty() || tuning.threads == 0 ||
      tuning.size.empty())
    refuse(path.string(), "cut short: expected version, isa, processor, size and threads");
  return tuning;
}

void write_tuning(const std::filesystem::path &path, const Tuning &tuning) {
  std::string text = fmt::format("sluice-tuning {}\nversion {}\nisa {}\nprocessor {}\nsize {}\nthreads {}\n", kFormat,
                                 tuning.version, tuning.isa, tuning.processor, tuning.size, tuning.threads);
  for (const TunedNode &node : tuning.nodes) {
    text += fmt::format("node {} layer={} kernel={} default_ms={:.4f} tuned_ms={:.4f} algorithm={} schedule={}\n",
                        node.node, node.layer, node.kernel, node.default_ms, node.tuned_ms, node.algorithm,
                        parameters_text(node.schedule));
  }
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

void check_tuning(const std::filesystem::path &path, const Tuning &tuning, const std::string &isa,
                  const std::map<std::string, std::string> &kernels) {
  const std::string where = path.string();
  if (tuning.version != sluice_version())
    refuse(where, fmt::format("made by Sluice {}, this is {}: tune again", tuning.version, sluice_version()));
  if (tuning.isa != isa)
    refuse(where, fmt::format("made for processors with {} ({}), not for {}", tuning.isa, tuning.processor, isa));
  for (const TunedNode &node : tuning.nodes) {
    const auto kernel = kernels.find(node.node);
    if (kernel == kernels.end()) refuse(where, fmt::format("the graph has no node '{}'", node.node));
    if (kernel->second != node.kernel) {
      refuse(where, fmt::format("node {} was tuned against kernel {}, the graph now takes {}: tune again", node.node,
                                node.kernel, kernel->second));
    }
  }
}

}  // namespace sluice::tuning
