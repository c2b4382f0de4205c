// SPDX-License-Identifier: Apache-2.0
// Schedules of single layers side by side: the shipped one, what a tuning finds, Halide's autoschedulers. One line of
// JSON a layer; bench/schedules.py makes tables and a figure of them.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "bench/estimates.h"
#include "bench/fma_peak.h"
#include "bench/layer_rows.h"
#include "bench/work.h"
#include "runtime/kernel_call.h"
#include "runtime/tuning/tuner.h"
#include "weights_io/error.h"

namespace sluice::bench {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr double kPeakSeconds = 0.3, kMeasureSeconds = 0.5, kLongest = 300;
constexpr int kPairs = 9;

struct ScheduleOptions {
  std::string shapes = SLUICE_SOURCE_DIR "/bench/layer_shapes.txt",
              work_formulas = SLUICE_SOURCE_DIR "/bench/layer_work.txt";
  std::string generators, schedules = SLUICE_SOURCE_DIR "/schedules", plugins, work = "schedule-bench";
  std::vector<std::string> rows, autoschedulers{"Mullapudi2016", "Adams2019/beam_size=1", "Li2018"};
  int threads = 0;
  double minutes = 1;  // of tuning, a row
};

// A row's network, planned.
struct Subject {
  LayerNetwork network;
  std::unique_ptr<Model> model;
  std::unique_ptr<ExecutionPlan> plan;
  const PlannedStep *step = nullptr;  // of the one layer
  size_t number = 0;
};

// Null where the row is no single layer that has something to tune.
std::unique_ptr<Subject> make_subject(const LayerRow &row, const tuning::Workshop &workshop) {
  auto subject = std::make_unique<Subject>();
  subject->network = make_layer(row, parse_options(LoadOptions{}));
  subject->model = std::make_unique<Model>(subject->network.graph, subject->network.weights);
  PlanOptions keep;
  keep.keep_all = true;
  subject->plan = std::make_unique<ExecutionPlan>(subject->model->plan_for(subject->network.inputs, keep));
  for (size_t i = 0; i < subject->plan->steps().size(); i++) {
    const PlannedStep &step = subject->plan->steps()[i];
    if (step.layer == nullptr || !fs::exists(workshop.tuning(step.node->op))) continue;
    if (subject->step != nullptr) return nullptr;
    subject->step = &step;
    subject->number = i;
  }
  return subject->step == nullptr ? nullptr : std::move(subject);
}

// Measures beside the node's own kernel, in a child of its own; null and a reason where there is nothing to measure.
class Judge {
 public:
  Judge(const Subject &subject, int threads)
      : child_(
            [this, &subject, threads] {
              bench_ =
                  std::make_unique<tuning::NodeBench>(*subject.model, *subject.plan, subject.network.inputs, threads);
            },
            [this, threads](const std::string &request) {
              if (request == "peak") return std::to_string(fma_peak_gflops(threads, kPeakSeconds));
              return to_line(bench_->measure(tuning::request_from_line(request)));
            }) {}

  double peak() { return std::stod(child_.ask("peak", kLongest).text); }

  Json ratio_of(const tuning::MeasureRequest &request) {
    const auto reply = child_.ask(to_line(request), kLongest);
    if (!reply.failure.empty()) return {{"failure", reply.failure}};
    const tuning::Comparison comparison = tuning::from_line(reply.text);
    return {{"default_ms", comparison.first_ms}, {"ratio", comparison.ratio}, {"drifted", comparison.drifted}};
  }

 private:
  std::unique_ptr<tuning::NodeBench> bench_;
  tuning::ChildServer child_;
};

// The node summed directly, which is what an autoscheduler gets: of Winograd's filtering Halide's make nothing better.
std::unique_ptr<LayerNode> direct_form(const Subject &subject, Node &node) {
  const auto algorithm = node.attributes.find("algorithm");
  if (algorithm != node.attributes.end()) algorithm->second = AttributeValue{{"direct"}};
  auto layer = std::make_unique<LayerNode>(subject.model->graph(), node, subject.step->layer->table(), "cpu");
  layer->infer_from(subject.model->weights());
  return layer;
}

// By all autoschedulers, into `line`.
void add_autoscheduled(const ScheduleOptions &options, const Subject &subject, const tuning::Workshop &workshop,
                       Judge &judge, Json &line) {
  Node node = *subject.step->node;
  const std::unique_ptr<LayerNode> layer = direct_form(subject, node);
  CallSizes sizes = sizes_of(*subject.plan, *subject.step, *layer);
  const std::string form = node.attributes.contains("algorithm") ? "direct" : "fastest";  // some have no other
  for (const std::string &autoscheduler : options.autoschedulers) {
    const size_t slash = autoscheduler.find('/');
    const std::string name = autoscheduler.substr(0, slash);
    std::string file = name;
    std::transform(file.begin(), file.end(), file.begin(), [](char c) { return static_cast<char>(std::tolower(c)); });
    const fs::path plugin = fs::path(options.plugins) / ("libautoschedule_" + file + ".so");
    std::vector<std::string> words{"-p", plugin.string(), "autoscheduler=" + name,
                                   fmt::format("autoscheduler.parallelism={}", options.threads)};
    if (slash != std::string::npos) words.push_back("autoscheduler." + autoscheduler.substr(slash + 1));
    const tuning::BuiltCandidate built = build_autoscheduled(workshop, layer->kernel("forward"), sizes, words);
    line[name] = built.failure.empty()
                     ? judge.ratio_of({subject.number, form, built.library, false, kMeasureSeconds, kPairs})
                     : Json{{"failure", built.failure}};
  }
}

Json tuned(const ScheduleOptions &options, const Subject &subject, const tuning::Workshop &workshop,
           const std::string &row) {
  const fs::path state = workshop.work / (row + ".points");
  tuning::PointLog log(state, fmt::format("schedule_bench {} {} {}", row, workshop.isa, tuning::processor_name()));
  tuning::TunerOptions tuner_options;
  tuner_options.workshop = workshop;
  tuner_options.minutes = options.minutes;
  tuner_options.threads = options.threads;
  tuning::Tuner tuner(*subject.model, *subject.plan, subject.network.inputs, log, tuner_options);
  const tuning::TunedGroup group = tuner.run().at(0);
  return {{"default_ms", group.group.default_ms},
          {"ratio", group.ratio},
          {"chosen", group.best.algorithm + " " + tuning::parameters_text(group.best.schedule)}};
}

void measure_row(const ScheduleOptions &options, const tuning::Workshop &workshop, const LayerRow &row) {
  const std::unique_ptr<Subject> subject = make_subject(row, workshop);
  if (!subject) return;
  const Work work = WorkFormulas(options.work_formulas).of(*subject->plan);
  if (work.direct_gflop == 0) return;
  Judge judge(*subject, options.threads);
  Json line = {{"row", row.name},
               {"kernel", subject->step->layer->kernel("forward").symbol},
               {"gflop", work.direct_gflop},
               {"peak", judge.peak()}};
  line["default"] = judge.ratio_of({subject->number, "fastest", {}, true, kMeasureSeconds, kPairs});
  if (options.minutes > 0) line["tuned"] = tuned(options, *subject, workshop, row.name);
  add_autoscheduled(options, *subject, workshop, judge, line);
  line["peak_after"] = judge.peak();
  fmt::print("{}\n", line.dump());
  std::fflush(stdout);
}

void run_all(ScheduleOptions options) {
  if (options.threads == 0) options.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  set_threads(1);  // of this process: children are forked from it
  tuning::Workshop workshop;
  workshop.generators = fs::absolute(options.generators);
  workshop.schedules = fs::absolute(options.schedules);
  workshop.work = fs::absolute(options.work);
  workshop.isa = kernel_isa();
  workshop.jobs = options.threads;
  fs::create_directories(workshop.work);
  std::set<std::string> wanted(options.rows.begin(), options.rows.end());
  for (const LayerRow &row : read_rows(options.shapes)) {
    if (options.rows.empty() || wanted.erase(row.name) != 0) measure_row(options, workshop, row);
  }
  if (!wanted.empty()) throw Error(ErrorCode::usage, fmt::format("no row '{}' in {}", *wanted.begin(), options.shapes));
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char **argv) {
  CLI::App app("Schedules of single layers side by side", "schedule_bench");
  sluice::bench::ScheduleOptions options;
  app.add_option("--shapes", options.shapes, "file with the layers and their shapes");
  app.add_option("--rows", options.rows, "only these, with commas")->delimiter(',');
  app.add_option("--generators", options.generators, "folder of the generators")->required();
  app.add_option("--plugins", options.plugins, "folder of Halide's autoschedulers")->required();
  app.add_option("--autoschedulers", options.autoschedulers,
                 "which, with commas; a parameter of one behind a slash, Adams2019/beam_size=1")
      ->delimiter(',');
  app.add_option("--minutes", options.minutes, "of tuning, for every row; 0: none");
  app.add_option("--threads", options.threads, "0: one per processor");
  app.add_option("--work", options.work, "folder of candidates and of what was tuned; kept");
  try {
    app.parse(argc, argv);
    sluice::bench::run_all(options);
    return 0;
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(sluice::ErrorCode::usage);
  } catch (const std::exception &error) {
    fmt::print(stderr, "schedule_bench: {}\n", error.what());
    return 1;
  }
}
