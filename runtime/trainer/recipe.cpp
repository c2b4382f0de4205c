// SPDX-License-Identifier: Apache-2.0
// Lines of a recipe to a Recipe. The graph lines of a step are kept as they are: step_graph.cpp reads them.
#include "runtime/trainer/recipe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <span>

#include "runtime/expression.h"
#include "runtime/graph_scope.h"
#include "runtime/graph_text.h"
#include "runtime/trainer/recipe_values.h"
#include "runtime/training/learning_rate.h"
#include "weights_io/atomic_file.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr size_t kMaxFile = 1u << 20;  // bytes
constexpr int64_t kMany = int64_t{1} << 40, kMostSide = 8192, kMostBatch = 4096, kMostPieces = 100, kMostUpdates = 1000;
constexpr size_t kMostParts = 100;  // networks, steps
const std::vector<std::string> kStatements = {"recipe",  "param",      "network", "data",     "mask", "step",
                                              "average", "checkpoint", "sample",  "validate", "log",  "run"};

class RecipeParser {
 public:
  RecipeParser(const std::string &text, const std::string &file, const GraphSettings &overrides)
      : overrides_(overrides) {
    recipe_.text = text;
    recipe_.file = position_.file = file;
  }

  Recipe parse() {
    for_each_line(recipe_.text, position_, [&](const Tokens &tokens, const std::string &text) {
      step_open_ ? step_line(tokens, text) : statement(tokens);
    });
    position_ = {recipe_.file, 0, "", ""};
    if (step_open_) position_.fail(fmt::format("step '{}' has no 'end'", recipe_.steps.back().name));
    check_whole();
    return std::move(recipe_);
  }

 private:
  using Tokens = std::vector<std::string>;

  [[noreturn]] void fail(const std::string &message, ErrorCode code = ErrorCode::bad_file) const {
    position_.fail(message, code);
  }

  void statement(const Tokens &tokens) {
    const std::string &word = tokens[0];
    if (std::find(kStatements.begin(), kStatements.end(), word) == kStatements.end())
      fail(fmt::format("unknown statement {}{}", in_quotes(word), suggestion(word, kStatements)));
    if (word == "param") return param(tokens);
    if (word == "network") return network(tokens);
    if (word == "mask") return mask(tokens);
    if (word == "step") return step(tokens);
    if (!seen_.insert(word).second) fail(fmt::format("'{}' twice", word));
    if (word == "recipe") {
      recipe_.name = take_name(tokens, "recipe", position_);
      if (tokens.size() > 2) fail("only a name stands after 'recipe'");
      return;
    }
    if (word == "data") return data(tokens);
    settings(tokens);
  }

  void param(const Tokens &tokens) {
    if (tokens.size() != 2) fail("a parameter is written 'param NAME=default'");
    const size_t equals = tokens[1].find('=');
    const std::string name = take_name({tokens[0], tokens[1].substr(0, equals)}, "param", position_);
    if (equals == std::string::npos || equals + 1 == tokens[1].size()) fail("the default is missing");
    if (!recipe_.networks.empty() || !seen_.empty() != seen_.contains("recipe") || seen_.size() > 1)
      fail("parameters stand before everything but 'recipe'");
    const auto given = overrides_.find(name);
    const bool replaced = given != overrides_.end();
    const std::string value = graph_value(replaced ? given->second : tokens[1].substr(equals + 1), &recipe_.parameters,
                                          position_, replaced ? ErrorCode::usage : ErrorCode::bad_file);
    if (!recipe_.parameters.emplace(name, value).second) fail("already defined");
  }

  void network(const Tokens &tokens) {
    static const std::string rules[] = {"glorot", "kaiming", "guidenet"};
    RecipeNetwork network;
    network.name = take_name(tokens, "network", position_);
    network.line = position_.line;
    if (!is_graph_key(network.name)) fail("a network is called by small letters, digits and '_'");
    if (find_network(network.name) != nullptr) fail("already defined");
    if (recipe_.networks.size() == kMostParts) fail(fmt::format("more than {} networks", kMostParts));
    RecipeValues values(tokens, 2, recipe_.parameters, position_);
    network.graph = values.text("graph");
    if (network.graph.empty()) fail("graph=NAME or graph=FILE is missing");
    network.initial = values.word("initial", network.initial, rules);
    network.gain = values.real("gain", network.gain, 1e-6, 1e6);
    network.weights = values.text("weights");
    network.parameters = values.rest();
    recipe_.networks.push_back(std::move(network));
  }

  void data(const Tokens &tokens) {
    const std::vector<std::string> kinds = data_kind_names();
    const std::string name = tokens.size() < 2 ? "" : tokens[1];
    RecipeData &data = recipe_.data;
    RecipeValues values(tokens, std::min<size_t>(2, tokens.size()), recipe_.parameters, position_);
    const auto size = values.two("size", {data.height, data.width}, 8, kMostSide);
    data.height = static_cast<int>(size.first), data.width = static_cast<int>(size.second);
    data.batch = values.integer("batch", data.batch, 1, kMostBatch);
    data.threads = static_cast<int>(values.integer("threads", data.threads, 1, 64));
    data.kind = read_data_kind(name, {data.width, data.height}, values);
    if (data.kind == nullptr)
      fail(fmt::format("a kind of data is {}, got {}{}", fmt::join(kinds, ", "), in_quotes(name),
                       suggestion(name, kinds)));
    values.finish();
  }

  void mask(const Tokens &tokens) {
    const std::string kind = tokens.size() < 2 ? "" : tokens[1];
    RecipeValues values(tokens, std::min<size_t>(2, tokens.size()), recipe_.parameters, position_);
    if (kind == "brush") {
      if (recipe_.masks.brush) fail("'mask brush' twice");
      BrushOptions brush;
      brush.strokes = values.range("strokes", brush.strokes, 1, kMostPieces);
      brush.vertices = values.range("vertices", brush.vertices, 1, kMostPieces);
      brush.width = values.range("width", brush.width, 1, kMostSide);
      recipe_.masks.brush = brush;
    } else if (kind == "rectangle") {
      if (recipe_.masks.rectangle) fail("'mask rectangle' twice");
      RectangleOptions rectangle;
      rectangle.size = values.two("size", rectangle.size, 1, kMostSide);
      rectangle.delta = values.two("delta", rectangle.delta, 0, kMostSide);
      rectangle.margin = values.two("margin", rectangle.margin, 0, kMostSide);
      recipe_.masks.rectangle = rectangle;
    } else {
      fail("a mask is 'mask brush ...' or 'mask rectangle ...'");
    }
    values.finish();
  }

  void settings(const Tokens &tokens) {
    const std::string &word = tokens[0];
    RecipeValues values(tokens, 1, recipe_.parameters, position_);
    if (word == "average") {
      recipe_.average_decay = values.real("decay", 0.999, 0, 0.9999999);
    } else if (word == "checkpoint") {
      recipe_.checkpoint_every = values.integer("every", recipe_.checkpoint_every, 1, kMany);
      recipe_.checkpoint_keep = values.integer("keep", recipe_.checkpoint_keep, 2, 1000);
    } else if (word == "log") {
      recipe_.log_every = values.integer("every", recipe_.log_every, 1, kMany);
    } else if (word == "validate") {
      recipe_.validate_every = values.integer("every", recipe_.checkpoint_every, 1, kMany);
      recipe_.validate_batches = values.integer("batches", recipe_.validate_batches, 1, 1000);
    } else if (word == "sample") {
      recipe_.sample.every = values.integer("every", recipe_.checkpoint_every, 1, kMany);
      recipe_.sample.count = values.integer("count", recipe_.sample.count, 1, 64);
      recipe_.sample.network = values.text("network");
      recipe_.sample.output = values.text("output");
      if (recipe_.sample.network.empty() || recipe_.sample.output.empty()) fail("network= and output= are needed");
    } else {
      recipe_.run_steps = values.integer("steps", recipe_.run_steps, 1, kMany);
      recipe_.seed = static_cast<uint64_t>(values.integer("seed", 1, 0, INT64_MAX));
      recipe_.most_skips = values.integer("skips", recipe_.most_skips, 0, 1000);
    }
    values.finish();
  }

  // ---- steps

  void step(const Tokens &tokens) {
    RecipeStep step;
    step.name = take_name(tokens, "step", position_);
    step.line = position_.line;
    if (std::any_of(recipe_.steps.begin(), recipe_.steps.end(), [&](const auto &s) { return s.name == step.name; }))
      fail("already defined");
    if (recipe_.steps.size() == kMostParts) fail(fmt::format("more than {} steps", kMostParts));
    RecipeValues values(tokens, 2, recipe_.parameters, position_);
    step.trains = split_at(values.text("trains"), ',');
    step.updates = values.integer("updates", 1, 1, kMostUpdates);
    values.finish();
    for (const std::string &name : step.trains) check_network(name, "trains");
    recipe_.steps.push_back(std::move(step));
    step_open_ = true;
    step_seen_.clear();
  }

  void step_line(const Tokens &tokens, const std::string &text) {
    RecipeStep &step = recipe_.steps.back();
    const std::string &word = tokens[0];
    if (word == "end") {
      if (tokens.size() > 1) fail("nothing stands behind 'end'");
      if (step.learning_rate.empty()) fail(fmt::format("step '{}' has no 'learning_rate'", step.name));
      step_open_ = false;
      return;
    }
    const bool setting = word == "optimizer" || word == "learning_rate" || word == "clip";
    if (setting && !step_seen_.insert(word).second) fail(fmt::format("'{}' twice", word));
    if (word == "optimizer") return optimizer(tokens, step);
    if (word == "learning_rate") return learning_rate(tokens, step);
    if (word == "clip") {
      RecipeValues values(tokens, 1, recipe_.parameters, position_);
      step.clip_norm = values.real("norm", 1, 1e-12, 1e12);
      return values.finish();
    }
    const auto lines = std::count(step.body.begin(), step.body.end(), '\n');
    step.body.append(static_cast<size_t>(position_.line - 1 - step.line - lines), '\n');
    step.body += text + '\n';
  }

  void optimizer(const Tokens &tokens, RecipeStep &step) {
    if (tokens.size() < 2 || !is_graph_key(tokens[1])) fail("a rule is missing after 'optimizer', such as adam");
    step.optimizer.rule = tokens[1];
    for (const auto &[key, text] : take_settings(tokens, 2, position_))
      step.optimizer.attributes[key] = graph_value(text, &recipe_.parameters, position_);
    const auto vectors = step.optimizer.attributes.extract("decay_vectors");
    if (vectors.empty()) return;
    if (vectors.mapped() != "true" && vectors.mapped() != "false") fail("decay_vectors is true or false");
    step.optimizer.decay_vectors = vectors.mapped() == "true";
  }

  // The text with its values evaluated: `cosine 1e-3 steps=1000` of `cosine rate steps=steps`.
  void learning_rate(const Tokens &tokens, RecipeStep &step) {
    if (tokens.size() < 2) fail("a rate is missing after 'learning_rate'");
    for (size_t i = 1; i < tokens.size(); i++) {
      const size_t equals = tokens[i].find('=');
      const size_t begin = equals == std::string::npos ? 0 : equals + 1;
      std::string token = tokens[i].substr(0, begin);
      for (const std::string &item : split_at(tokens[i].substr(begin), ','))
        token += (token.size() > begin ? "," : "") + graph_value(item, &recipe_.parameters, position_);
      step.learning_rate += (i == 1 ? "" : " ") + token;
    }
    try {
      LearningRate::parse(step.learning_rate);
    } catch (const Error &error) {
      fail(error.what());
    }
  }

  // ---- checks of the whole

  const RecipeNetwork *find_network(const std::string &name) const {
    for (const RecipeNetwork &network : recipe_.networks) {
      if (network.name == name) return &network;
    }
    return nullptr;
  }

  void check_network(const std::string &name, const char *key) const {
    if (find_network(name) != nullptr) return;
    std::vector<std::string> known;
    for (const RecipeNetwork &network : recipe_.networks) known.push_back(network.name);
    fail(fmt::format("{} names no network above: {}{}", key, in_quotes(name), suggestion(name, known)));
  }

  void check_whole() const {
    for (const auto &[name, value] : overrides_) {
      if (recipe_.parameters.contains(name)) continue;
      std::vector<std::string> known;
      for (const auto &[parameter, unused] : recipe_.parameters) known.push_back(parameter);
      fail(fmt::format("unknown parameter {}{}", in_quotes(name), suggestion(name, known)), ErrorCode::usage);
    }
    if (recipe_.name.empty()) fail("there is no 'recipe' line");
    if (recipe_.networks.empty()) fail("there is no 'network' line");
    if (recipe_.steps.empty()) fail("there is no 'step'");
    if (!seen_.contains("data")) fail("there is no 'data' line");
    const bool masks = recipe_.masks.brush || recipe_.masks.rectangle;
    if (recipe_.data.kind->has_masks() && !masks) fail("there is no 'mask' line");
    if (!recipe_.data.kind->has_masks() && masks) fail("this kind of data has no masks");
    if (recipe_.sample.every > 0) check_network(recipe_.sample.network, "sample");
    try {
      check_masks(recipe_.masks, recipe_.data.width, recipe_.data.height);
    } catch (const Error &error) {
      fail(error.what());
    }
  }

  const GraphSettings &overrides_;
  Recipe recipe_;
  GraphPosition position_;
  std::set<std::string> seen_, step_seen_;
  bool step_open_ = false;
};

}  // namespace

Recipe parse_recipe(const std::string &text, const std::string &file,
                    const std::map<std::string, std::string> &overrides) {
  return RecipeParser(text, file, overrides).parse();
}

Recipe read_recipe(const std::filesystem::path &path, const std::map<std::string, std::string> &overrides) {
  const std::vector<std::byte> bytes = read_file(path, kMaxFile);
  return parse_recipe(std::string(reinterpret_cast<const char *>(bytes.data()), bytes.size()), path.string(),
                      overrides);
}

}  // namespace sluice
