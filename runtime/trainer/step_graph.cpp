// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/step_graph.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "runtime/graph_node.h"
#include "runtime/graph_statements.h"
#include "runtime/graph_text.h"
#include "runtime/trainer/recipe_values.h"
#include "runtime/trainer/tangents.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr size_t kMaxNodes = 100'000;
constexpr double kLargestWeight = 1e12;
constexpr int64_t kMostPool = 10'000;  // samples
constexpr int64_t kMostRandom = 4096;  // of a sample, as Draws allows 65536 of all

// Heights and widths of pictures are open: they are padded to what the networks take.
GraphInput data_input(const DataTensor &tensor) {
  GraphInput input;
  input.name = tensor.name;
  input.shape = {{"n", 0}};
  for (const int64_t extent : tensor.shape) input.shape.push_back({"", extent});
  if (input.shape.size() == 4) input.shape[2] = {"h", 0}, input.shape[3] = {"w", 0};
  return input;
}

class StepComposer {
 public:
  StepComposer(const Recipe &recipe, const RecipeStep &step, const std::map<std::string, Graph> &networks)
      : recipe_(recipe), step_(step), networks_(networks), data_(recipe.data.kind->tensors()) {
    result_.graph.file = position_.file = recipe.file;
    result_.graph.model = recipe.name + "." + step.name;
  }

  StepGraph compose(const std::map<std::string, std::string> &composites) {
    position_.line = step_.line;
    composites_ = &composites;
    for_each_statement(step_.body, position_, {"train", &recipe_.parameters, &composites},
                       [this](const GraphStatement &statement) { run(statement); });
    position_ = {recipe_.file, step_.line, "step " + in_quotes(step_.name), ""};
    if (result_.objectives.empty()) position_.fail("there is no 'minimise'");
    for (const std::string &name : step_.trains) {
      if (!called_.contains(name)) position_.fail(fmt::format("it trains {}, which it does not call", in_quotes(name)));
    }
    result_.networks.assign(called_.begin(), called_.end());
    for (const GraphInput &input : result_.graph.inputs) {
      const DataTensor *tensor = find_data(input.name);
      if (tensor != nullptr && tensor->colour) result_.image_order = input.order;
    }
    return std::move(result_);
  }

 private:
  using Tokens = std::vector<std::string>;

  void run(const GraphStatement &statement) {
    const Tokens &tokens = statement.tokens;
    if (tokens[0] == "call") return call(tokens);
    if (tokens[0] == "minimise") return minimise(tokens);
    if (tokens[0] == "random") return random(tokens);
    if (tokens[0] == "penalty") return penalty(tokens);
    if (tokens[0] == "pool") return pool(tokens);
    static const std::string reserved[] = {"model", "param", "input", "output", "loss"};
    if (std::find(std::begin(reserved), std::end(reserved), tokens[0]) != std::end(reserved))
      position_.fail(fmt::format("a step has no '{}' lines", tokens[0]));
    Node node = read_node(tokens, statement.parameters, position_);
    check_structural(node, position_);
    for (std::string &input : node.inputs) input = read(input);
    if (!names_.insert(node.name).second) position_.fail("a node of this name is already there");
    for (const std::string &output : node.outputs) define(output, output);
    add(std::move(node));
  }

  void minimise(const Tokens &tokens) {
    Objective objective;
    const std::string name = take_name(tokens, "minimise", position_);
    RecipeValues values(tokens, 2, recipe_.parameters, position_);
    objective.weight = values.real("weight", 1, -kLargestWeight, kLargestWeight);
    values.finish();
    objective.tensor = read(name);
    check_new(objective);
    result_.graph.outputs.push_back({objective.tensor, objective.tensor, {}, 1, 0, "", position_.line});
    result_.objectives.push_back(std::move(objective));
  }

  void check_new(const Objective &objective) const {
    for (const Objective &other : result_.objectives) {
      if (other.tensor == objective.tensor) position_.fail("already minimised");
    }
  }

  void random(const Tokens &tokens) {
    RandomInput random;
    random.name = take_name(tokens, "random", position_);
    const std::string kind = tokens.size() < 3 ? "" : tokens[2];
    if (kind != "normal" && kind != "uniform") position_.fail("random numbers are normal or uniform");
    RecipeValues values(tokens, 3, recipe_.parameters, position_);
    random.normal = kind == "normal";
    random.width = values.integer("width", 1, 1, kMostRandom);
    values.finish();
    define(random.name, random.name);
    GraphInput input;
    input.name = random.name;
    input.shape = {{"n", 0}, {"", random.width}};
    result_.graph.inputs.push_back(std::move(input));
    result_.random.push_back(std::move(random));
  }

  void pool(const Tokens &tokens) {
    const GraphPosition here = position_;
    PicturePool pool;
    pool.name = take_name(tokens, "pool", position_);
    if (tokens.size() < 4 || tokens[2] != "from") position_.fail("a pool is written 'pool NAME from TENSOR'");
    const std::string tensor = read(tokens[3]);
    RecipeValues values(tokens, 4, recipe_.parameters, position_);
    pool.size = values.integer("size", pool.size, 1, kMostPool);
    values.finish();
    check_constant(tensor);
    add_line(fmt::format("activation {} from {} activation=none", pool.name, tensor));
    position_ = here;
    result_.pools.push_back(std::move(pool));
  }

  // The nodes of the derivative of the score along a direction, which the step finds on the way.
  void penalty(const Tokens &tokens) {
    GradientPenalty penalty;
    const GraphPosition here = position_;
    penalty.name = take_name(tokens, "penalty", position_);
    if (tokens.size() < 4 || tokens[2] != "from")
      position_.fail("a penalty is written 'penalty NAME from SCORE at=TENSOR'");
    RecipeValues values(tokens, 4, recipe_.parameters, position_);
    penalty.of = read(tokens[3]);
    const std::string at = values.text("at");
    if (at.empty()) position_.fail("at=TENSOR is missing: where the gradient is taken");
    penalty.at = read(at);
    penalty.centre = values.real("centre", 0, 0, kLargestWeight);
    penalty.weight = values.real("weight", 1, 0, kLargestWeight);
    values.finish();
    check_constant(penalty.at);
    const std::string where = fmt::format("{}:{}: {}", position_.file, position_.line, position_.subject);
    penalty.direction = penalty.name + ".direction";
    add_line(fmt::format("activation {} from {} activation=none", penalty.direction, penalty.at));
    const TangentLines derivative =
        tangent_lines(result_.graph, penalty.of, penalty.at, penalty.direction, penalty.name, *composites_, where);
    for (const std::string &line : derivative.lines) add_line(line);
    position_ = here;
    penalty.tangent = derivative.tangent;
    result_.graph.outputs.push_back({penalty.name, penalty.tangent, {}, 1, 0, "", position_.line});
    const Objective objective{penalty.name, penalty.weight, true};
    check_new(objective);
    result_.objectives.push_back(objective);
    result_.penalties.push_back(std::move(penalty));
  }

  // A node of the step's own making.
  void add_line(const std::string &line) {
    GraphPosition position = position_;
    for_each_statement(line, position, {"train", &recipe_.parameters, composites_, "training"},
                       [this](const GraphStatement &statement) { run(statement); });
  }

  // What the step writes to on the way has no gradient to hand on.
  void check_constant(const std::string &tensor) const {
    Tokens prefixes;
    for (const std::string &name : step_.trains) prefixes.push_back(name + ".");
    const Tokens learned = tensors_behind(result_.graph, {}, prefixes);
    if (std::find(learned.begin(), learned.end(), tensor) != learned.end())
      position_.fail(fmt::format("{} depends on what step {} trains; it has to be constant", in_quotes(tensor),
                                 in_quotes(step_.name)));
  }

  // ---- a network's nodes under names of their own

  void call(const Tokens &tokens) {
    const std::string network = take_name(tokens, "call", position_);
    const auto found = networks_.find(network);
    if (found == networks_.end()) {
      Tokens known;
      for (const auto &[name, graph] : networks_) known.push_back(name);
      position_.fail(fmt::format("there is no such network{}", suggestion(network, known)));
    }
    const bool bound = tokens.size() > 3 && tokens[2] == "from";
    RecipeValues values(tokens, bound ? 4 : 2, recipe_.parameters, position_);
    const std::string name = values.text("as", network);
    if (values.boolean("still", false)) result_.still.push_back(network);
    values.finish();
    if (!is_graph_name(name)) position_.fail("bad name " + in_quotes(name));
    if (!names_.insert(name).second)
      position_.fail(fmt::format("{} is already there; give the call another name, as=NAME", in_quotes(name)));
    called_.insert(network);
    const Graph &graph = found->second;
    result_.graph.multiple = std::lcm(result_.graph.multiple, graph.multiple);
    std::map<std::string, std::string> own = bind_inputs(graph, name, bound ? split_at(tokens[3], ',') : Tokens());
    for (const Node &node : graph.nodes) add_renamed(node, network, name, own);
    for (const GraphOutput &output : graph.outputs) {
      const std::string alias = name + "." + output.name;
      if (!tensors_.contains(alias)) define(alias, own.at(output.from));
    }
  }

  // The network's name of an input -> the tensor it reads here.
  std::map<std::string, std::string> bind_inputs(const Graph &graph, const std::string &name, const Tokens &given) {
    std::map<std::string, std::string> own;
    Tokens wanted;
    size_t next = 0;
    for (const GraphInput &input : graph.inputs) {
      if (input.value) {  // a constant: each call makes it
        GraphInput constant = input;
        constant.name = own[input.name] = name + "." + input.name;
        define(constant.name, constant.name);
        result_.graph.inputs.push_back(std::move(constant));
        continue;
      }
      wanted.push_back(input.name);
      const std::string source = given.empty() ? input.name : next < given.size() ? given[next++] : "";
      if (!source.empty()) own[input.name] = read(source, &input);
    }
    if (!given.empty() && given.size() != wanted.size()) {
      position_.fail(
          fmt::format("model {} reads {}, got {} tensors", graph.model, fmt::join(wanted, ","), given.size()));
    }
    return own;
  }

  void add_renamed(const Node &node, const std::string &network, const std::string &name,
                   std::map<std::string, std::string> &own) {
    Node renamed = node;
    renamed.name = name + "." + node.name;
    for (std::string &input : renamed.inputs) input = own.at(input);
    for (std::string &output : renamed.outputs) {
      own[output] = fmt::format("{}.{}", name, output);
      output = own[output];
      define(output, output);
    }
    renamed.weights = network + "." + node.weights;
    if (!node.norm_weights.empty()) renamed.norm_weights = network + "." + node.norm_weights;
    names_.insert(renamed.name);
    add(std::move(renamed));
  }

  // ---- tensors

  void add(Node node) {
    if (result_.graph.nodes.size() == kMaxNodes) position_.fail(fmt::format("more than {} nodes", kMaxNodes));
    result_.graph.nodes.push_back(std::move(node));
  }

  const DataTensor *find_data(const std::string &name) const {
    const auto found =
        std::find_if(data_.begin(), data_.end(), [&](const auto &tensor) { return tensor.name == name; });
    return found == data_.end() ? nullptr : &*found;
  }

  void define(const std::string &visible, const std::string &tensor) {
    if (find_data(visible) != nullptr) position_.fail(in_quotes(visible) + " is a tensor of the data");
    if (!tensors_.emplace(visible, tensor).second)
      position_.fail(fmt::format("tensor {} is already made", in_quotes(visible)));
  }

  void check_fit(const DataTensor &tensor, const GraphInput &given, const GraphInput &reader) const {
    const auto refuse = [&](const std::string &what) {
      position_.fail(
          fmt::format("{} has {}, not what input {} takes", in_quotes(tensor.name), what, in_quotes(reader.name)));
    };
    if (reader.shape.size() != given.shape.size()) refuse(fmt::format("{} dimensions", given.shape.size()));
    for (size_t d = 1; d < reader.shape.size(); d++) {
      const Dimension &wanted = reader.shape[d];
      if (!wanted.symbol.empty() || wanted.extent == tensor.shape[d - 1]) continue;
      refuse(d == 1 ? fmt::format("{} channels", tensor.shape[0])
                    : fmt::format("an extent of {} in dimension {}", tensor.shape[d - 1], d));
    }
  }

  // The tensor behind a name. One of the data is an input of the graph, in the units that its first reader states.
  std::string read(const std::string &name, const GraphInput *reader = nullptr) {
    const auto found = tensors_.find(name);
    if (found != tensors_.end()) return found->second;
    const DataTensor *tensor = find_data(name);
    if (tensor == nullptr) {
      Tokens known;
      for (const DataTensor &one : data_) known.push_back(one.name);
      for (const auto &[made, unused] : tensors_) known.push_back(made);
      position_.fail(fmt::format("no line above makes tensor {}{}", in_quotes(name), suggestion(name, known)));
    }
    GraphInput input = data_input(*tensor);
    if (reader != nullptr) {
      check_fit(*tensor, input, *reader);
      input.scale = reader->scale, input.offset = reader->offset, input.order = reader->order;
    }
    auto &inputs = result_.graph.inputs;
    const auto known = std::find_if(inputs.begin(), inputs.end(), [&](const auto &one) { return one.name == name; });
    if (known == inputs.end()) {
      inputs.push_back(std::move(input));
    } else if (reader != nullptr &&
               (known->scale != input.scale || known->offset != input.offset || known->order != input.order)) {
      position_.fail(fmt::format("{} was read above in other units (scale={} offset={} order={}) than input {} has",
                                 in_quotes(name), known->scale, known->offset, known->order, in_quotes(reader->name)));
    }
    return name;
  }

  const Recipe &recipe_;
  const RecipeStep &step_;
  const std::map<std::string, Graph> &networks_;
  const std::vector<DataTensor> data_;
  GraphPosition position_;
  StepGraph result_;
  const std::map<std::string, std::string> *composites_ = nullptr;
  std::set<std::string> names_, called_;        // of nodes and calls; of networks
  std::map<std::string, std::string> tensors_;  // what a line may read -> the graph's tensor
};

}  // namespace

StepGraph compose_step(const Recipe &recipe, const RecipeStep &step, const std::map<std::string, Graph> &networks,
                       const std::map<std::string, std::string> &composites) {
  return StepComposer(recipe, step, networks).compose(composites);
}

}  // namespace sluice
