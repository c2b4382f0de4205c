// SPDX-License-Identifier: Apache-2.0
// Grouping nodes, trying points, choosing.
#include "runtime/tuning/tuner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "weights_io/error.h"

namespace sluice::tuning {
namespace {

constexpr double kStartSeconds = 60;  // of a child: it runs the network once
constexpr double kTryTimes = 100;     // a candidate that takes so many times as long as its measuring should hangs
constexpr double kConfirmSeconds = 0.8;
constexpr int kConfirmPairs = 15;
constexpr int kDriftRetries = 3;
constexpr double kHopeless = 0.85;  // of the shipped kernel's speed: another algorithm whose schedule is not searched
constexpr int kConfirmed = 3;       // best points that get fresh pairs

std::string attributes_text(const Node &node) {
  std::string text;
  for (const auto &[name, value] : node.attributes) text += name + "=" + value.text() + " ";
  return text;
}

}  // namespace

// A way to compute a node: an algorithm, its shipped parameters, what may be tried of them.
struct Tuner::Form {
  std::string algorithm;
  std::map<std::string, std::string> variant;
  Parameters shipped;
  std::vector<Factor> factors;
};

Tuner::Tuner(const Model &model, const ExecutionPlan &plan, const TensorMap &inputs, PointLog &log,
             const TunerOptions &options)
    : model_(model),
      plan_(plan),
      log_(log),
      options_(options),
      child_([this, &inputs,
              bench = &bench_] { *bench = std::make_unique<NodeBench>(model_, plan_, inputs, options_.threads); },
             [bench = &bench_](const std::string &request) {
               return to_line((*bench)->measure(request_from_line(request)));
             }) {}

void Tuner::say(const std::string &line) const {
  if (options_.report) options_.report(line);
}

std::vector<NodeGroup> Tuner::groups() const {
  std::vector<NodeGroup> all;
  std::map<std::string, size_t> index;
  std::set<std::string> unknown = options_.nodes;
  for (size_t s = 0; s < plan_.steps().size(); s++) {
    const PlannedStep &step = plan_.steps()[s];
    unknown.erase(step.node->name);
    if (step.layer == nullptr) continue;
    if (!options_.nodes.empty() && !options_.nodes.contains(step.node->name)) continue;
    if (!std::filesystem::exists(options_.workshop.tuning(step.node->op))) continue;
    const std::string kernel = step.layer->kernel("forward").symbol;
    std::string key = kernel + " " + attributes_text(*step.node);
    for (const auto *list : {&step.inputs, &step.outputs}) {
      for (const int tensor : *list) {
        const BufferView view = plan_.view(tensor, nullptr);
        key += fmt::format("{}/{} ", fmt::join(view.extents, ","), fmt::join(view.strides, ","));
      }
    }
    const auto [place, is_new] = index.emplace(key, all.size());
    if (is_new) all.push_back({{}, s, step.node->op, kernel, 0});
    all[place->second].nodes.push_back(step.node->name);
  }
  if (!unknown.empty())
    throw Error(ErrorCode::usage, fmt::format("--nodes: the graph has no {}", fmt::join(unknown, ", ")));
  return all;
}

std::vector<Tuner::Form> Tuner::forms(const NodeGroup &group) const {
  std::vector<Form> all;
  const PlannedStep &step = plan_.steps()[group.step];
  const Workshop &workshop = options_.workshop;
  const auto add = [&](const std::string &algorithm, const LayerNode &layer) {
    Form form{algorithm, layer.kernel("forward").variant, read_shipped(workshop.params(group.layer), workshop.isa), {}};
    form.factors = read_factors(workshop.tuning(group.layer), workshop.isa, form.shipped,
                                [&](const std::string &condition) { return layer.holds(condition); });
    all.push_back(form);
  };
  add("fastest", *step.layer);
  const auto said = step.node->attributes.find("algorithm");
  if (said == step.node->attributes.end() || said->second.text() != "fastest") return all;
  Node node = *step.node;
  node.attributes["algorithm"] = AttributeValue{{"direct"}};
  LayerNode direct(model_.graph(), node, step.layer->table(), "cpu");
  direct.infer_from(model_.weights());
  if (direct.kernel("forward").symbol != group.kernel) add("direct", direct);
  return all;
}

// Drift: once more, a few times; then it is the outcome.
Outcome Tuner::measured(const MeasureRequest &request) {
  Outcome outcome;
  for (int i = 0; i < kDriftRetries; i++) {
    const double limit = kStartSeconds + kTryTimes * request.seconds;
    const ChildServer::Reply reply = child_.ask(to_line(request), limit, options_.workshop.stopped);
    if (!reply.failure.empty()) return {{}, reply.failure};
    outcome.comparison = from_line(reply.text);
    if (!outcome.comparison.drifted) break;
  }
  return outcome;
}

Outcome Tuner::outcome(const Point &point, const NodeGroup &group, const Form &form, const BuiltCandidate &built) {
  Outcome result{{}, built.failure};
  if (result.failure.empty()) {
    MeasureRequest request;
    request.step = group.step;
    request.algorithm = form.algorithm;
    request.library = built.library;
    request.same_sums = form.algorithm == "fastest";
    if (point.fresh) request.seconds = kConfirmSeconds;
    if (point.fresh) request.fewest = kConfirmPairs;
    result = measured(request);
  }
  log_.add(point, result);
  if (!result.failure.empty()) say(fmt::format("  {}: skipped: {}", point.text(), result.failure));
  return result;
}

// Schedules that were not tried yet: a few are built together, then measured one after the other; until the time is
// over. What is known from an earlier run takes none.
void Tuner::try_points(const NodeGroup &group, const Form &form, const std::vector<Parameters> &schedules,
                       Clock::time_point end, TunedGroup &tuned) {
  const size_t batch = static_cast<size_t>(options_.workshop.jobs) * 2;
  std::vector<Point> points;
  points.reserve(schedules.size());
  for (const Parameters &schedule : schedules)
    points.push_back({group.nodes[0], form.algorithm, changed_from(form.shipped, schedule), false});
  for (size_t first = 0; first < points.size(); first += batch) {
    const size_t last = std::min(first + batch, points.size());
    std::vector<Candidate> candidates;
    std::vector<size_t> which;
    std::map<size_t, BuiltCandidate> built;
    for (size_t i = first; i < last; i++) {
      if (tried_.contains(points[i].text()) || log_.find(points[i])) continue;
      if (Clock::now() > end) return;
      if (points[i].schedule.empty()) continue;  // the shipped kernel is there
      candidates.push_back({group.layer, form.variant, points[i].schedule});
      which.push_back(i);
    }
    const std::vector<BuiltCandidate> made = build_candidates(options_.workshop, candidates);
    for (size_t k = 0; k < which.size(); k++) built[which[k]] = made[k];
    for (size_t i = first; i < last; i++) {
      if (tried_.contains(points[i].text())) continue;
      const auto known = log_.find(points[i]);
      const Outcome result = known ? *known : outcome(points[i], group, form, built[i]);
      tuned.points++;
      if (!result.failure.empty()) tuned.failed++;
      const bool counts = result.failure.empty() && !result.comparison.drifted;
      tried_[points[i].text()] = {points[i], counts ? result.comparison.ratio : 0};
    }
  }
}

// One factor after the other, each from the best point so far; or all combinations.
void Tuner::search(const NodeGroup &group, const Form &form, Clock::time_point end, TunedGroup &tuned) {
  if (options_.every_combination) return try_points(group, form, combinations(form.factors, form.shipped), end, tuned);
  const auto ratio_of = [&](const Parameters &schedule) {
    const Point point{group.nodes[0], form.algorithm, changed_from(form.shipped, schedule), false};
    const auto tried = tried_.find(point.text());
    return tried == tried_.end() ? 0 : tried->second.second;
  };
  Parameters best = form.shipped;
  for (const Factor &factor : form.factors) {
    std::vector<Parameters> schedules;
    for (const Parameters &alternative : factor.alternatives) {
      const Parameters schedule = with(best, alternative);
      if (schedule != best) schedules.push_back(schedule);
    }
    try_points(group, form, schedules, end, tuned);
    for (const Parameters &schedule : schedules) {
      if (ratio_of(schedule) > std::max(ratio_of(best), 1.0)) best = schedule;
    }
  }
}

// The best points with fresh pairs: the fastest of many is also the luckiest.
void Tuner::confirm(const NodeGroup &group, const std::vector<Form> &forms, TunedGroup &tuned) {
  std::vector<std::pair<Point, double>> best;
  for (const auto &entry : tried_) {
    if (entry.second.second >= kLeastGain) best.push_back(entry.second);
  }
  std::sort(best.begin(), best.end(), [](const auto &a, const auto &b) { return a.second > b.second; });
  if (best.size() > kConfirmed) best.resize(kConfirmed);
  for (auto &[point, ratio] : best) {
    const auto form = std::find_if(forms.begin(), forms.end(),
                                   [&, name = point.algorithm](const Form &one) { return one.algorithm == name; });
    point.fresh = true;
    auto result = log_.find(point);
    if (!result) {
      std::vector<BuiltCandidate> built(1);
      if (!point.schedule.empty())
        built = build_candidates(options_.workshop, {{group.layer, form->variant, point.schedule}});
      result = outcome(point, group, *form, built[0]);
    }
    if (!result->failure.empty() || !is_gain(result->comparison) || result->comparison.ratio <= tuned.ratio) continue;
    tuned.best = point;
    tuned.ratio = result->comparison.ratio;
    tuned.group.default_ms = result->comparison.first_ms;  // of the same minute
  }
}

TunedGroup Tuner::tune(const NodeGroup &group, Clock::time_point end) {
  TunedGroup tuned{group, {group.nodes[0], "fastest", {}, false}, 1, 0, 0};
  const std::vector<Form> all = forms(group);
  tried_.clear();
  tried_[tuned.best.text()] = {tuned.best, 1};
  for (const Form &form : all) {
    if (form.algorithm != "fastest") {
      try_points(group, form, {form.shipped}, end, tuned);
      const Point point{group.nodes[0], form.algorithm, {}, false};
      const auto shipped = tried_.find(point.text());
      if (shipped == tried_.end() || shipped->second.second < kHopeless) continue;
    }
    search(group, form, end, tuned);
  }
  confirm(group, all, tuned);
  return tuned;
}

std::vector<TunedGroup> Tuner::run() {
  options_.workshop.check();
  std::vector<NodeGroup> all = groups();
  double total = 0;
  for (NodeGroup &group : all) {
    options_.workshop.check(group.layer);
    const Point point{group.nodes[0], "fastest", {}, false};
    auto result = log_.find(point);
    if (!result) {
      result = measured({group.step, "fastest", {}, true, 0.2, 5});
      log_.add(point, *result);
    }
    if (!result->failure.empty())
      throw Error(ErrorCode::input_failed, fmt::format("node {}: {}", group.nodes[0], result->failure));
    group.default_ms = result->comparison.first_ms;
    total += group.default_ms * static_cast<double>(group.nodes.size());
  }
  const auto share = [](const NodeGroup &group) { return group.default_ms * static_cast<double>(group.nodes.size()); };
  std::sort(all.begin(), all.end(), [&](const NodeGroup &a, const NodeGroup &b) { return share(a) > share(b); });
  std::vector<TunedGroup> tuned;
  double left = total;
  const auto end = Clock::now() + std::chrono::duration<double>(options_.minutes * 60);
  for (const NodeGroup &group : all) {
    const std::chrono::duration<double> rest = end - Clock::now();
    const auto until = Clock::now() + rest * (share(group) / std::max(left, 1e-9));
    say(fmt::format("[{}/{}] {} ({}{} nodes, {:.2f} ms each)", tuned.size() + 1, all.size(), group.nodes[0],
                    group.nodes.size() > 1 ? "and others, " : "", group.nodes.size(), group.default_ms));
    tuned.push_back(tune(group, std::chrono::time_point_cast<Clock::duration>(until)));
    left -= share(group);
    const TunedGroup &last = tuned.back();
    say(fmt::format("  {} points, {} skipped; best: {:.3f} times as fast, {} {}", last.points, last.failed, last.ratio,
                    last.best.algorithm, parameters_text(last.best.schedule)));
  }
  return tuned;
}

std::vector<TunedNode> tuned_nodes(const ExecutionPlan &plan, const std::vector<TunedGroup> &groups) {
  std::vector<TunedNode> nodes;
  for (const PlannedStep &step : plan.steps()) {
    for (const TunedGroup &tuned : groups) {
      const auto &names = tuned.group.nodes;
      if (std::find(names.begin(), names.end(), step.node->name) == names.end()) continue;
      nodes.push_back({step.node->name, tuned.group.layer, tuned.group.kernel, tuned.group.default_ms,
                       tuned.group.default_ms / tuned.ratio, tuned.best.algorithm, tuned.best.schedule});
    }
  }
  return nodes;
}

}  // namespace sluice::tuning
