// SPDX-License-Identifier: Apache-2.0
// sluice tune: the fastest schedules for a graph on this machine, into a tuning file (docs/tuning.md).
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <thread>
#include <tuple>

#include "apps/commands.h"
#include "apps/console.h"
#include "apps/model_files.h"
#include "runtime/input_shapes.h"
#include "runtime/tuning/random_tensors.h"
#include "runtime/tuning/tuner.h"
#include "weights_io/error.h"
#include "weights_io/safetensors.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kSeed = 1;

struct TuneOptions {
  std::string graph, weights, output, size = "512x512", work, generators, schedules, compiler;
  std::vector<std::string> settings, nodes;
  int64_t frames = 8;
  int threads = 0, jobs = 0;
  double minutes = 30;
  bool every_combination = false, json = false;
};

int processors() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

// Beside the folder of the program, in a build tree.
fs::path generator_folder(const std::string &said) {
  if (!said.empty()) return fs::absolute(said);
  return fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "generators";
}

// Of the source that the program was built from.
fs::path schedule_folder(const std::string &said) {
  if (!said.empty()) return fs::absolute(said);
  const std::vector<fs::path> known = folders_of_program("schedules");
  const auto there = std::find_if(known.begin(), known.end(), [](const fs::path &one) { return fs::exists(one); });
  return there != known.end() ? *there : known.at(0);
}

tuning::Workshop make_workshop(const TuneOptions &options, const fs::path &work) {
  tuning::Workshop workshop;
  workshop.generators = generator_folder(options.generators);
  workshop.schedules = schedule_folder(options.schedules);
  workshop.work = work;
  const char *compiler = std::getenv("CC");
  workshop.compiler = !options.compiler.empty() ? options.compiler : compiler != nullptr ? compiler : "cc";
  workshop.isa = kernel_isa();
  workshop.jobs = options.jobs > 0 ? options.jobs : processors();
  workshop.stopped = [] { return interrupt_flag().load(); };
  return workshop;
}

// Random weights where none are given: the time does not depend on them.
struct TuneSubject {
  std::unique_ptr<Model> model;
  TensorMap inputs;
};

TuneSubject load_subject(const TuneOptions &options) {
  Archive archive;
  if (!options.weights.empty()) archive = read_safetensors(options.weights);
  LoadOptions load;
  load.parameters = parse_settings(options.settings);
  for (const auto &[key, value] : archive.metadata) {
    if (key.starts_with("param.")) load.parameters.emplace(key.substr(6), value);
  }
  Graph graph = read_graph(find_graph(options.graph), parse_options(load));
  OpenExtents open;
  std::tie(open.height, open.width) = parse_size(options.size);
  open.frames = options.frames;
  Shapes shapes = nominal_shapes(graph, open);
  for (const GraphInput &input : graph.inputs) {
    if (input.value) shapes.erase(input.name);
  }
  TuneSubject subject;
  TensorMap weights = options.weights.empty() ? random_weights(graph, shapes, kSeed) : std::move(archive.tensors);
  subject.inputs = random_inputs(graph, shapes, kSeed);
  subject.model = std::make_unique<Model>(std::move(graph), std::move(weights), load);
  return subject;
}

// What a state must be of to go on there.
std::string run_line(const TuneOptions &options, const tuning::Tuning &tuning, const Model &model) {
  std::string line =
      fmt::format("sluice-tuning-state 1, version {}, {}, {}, {} threads, graph {} at {}x{}", tuning.version,
                  tuning.isa, tuning.processor, tuning.threads, model.graph().model, options.size, options.frames);
  for (const auto &[name, value] : model.graph().parameters) line += fmt::format(" {}={}", name, value);
  return line;
}

void print_table(const std::vector<tuning::TunedGroup> &groups) {
  print_line(fmt::format("{:<28} {:>5} {:>10} {:>10} {:>6}  {}", "node (and so many like it)", "count", "default ms",
                         "tuned ms", "ratio", "kernel: what was chosen"));
  double before = 0, after = 0;
  for (const tuning::TunedGroup &tuned : groups) {
    const double count = static_cast<double>(tuned.group.nodes.size());
    before += tuned.group.default_ms * count;
    after += tuned.group.default_ms / tuned.ratio * count;
    const bool is_default = tuned.best.schedule.empty() && tuned.best.algorithm == "fastest";
    print_line(fmt::format(
        "{:<28} {:>5} {:>10.3f} {:>10.3f} {:>6.3f}  {}: {}", tuned.group.nodes[0], tuned.group.nodes.size(),
        tuned.group.default_ms, tuned.group.default_ms / tuned.ratio, tuned.ratio, tuned.group.kernel,
        is_default ? "as shipped"
                   : fmt::format("{} {}", tuned.best.algorithm, tuning::parameters_text(tuned.best.schedule))));
  }
  print_line(fmt::format("all: {:.3f} ms by default, {:.3f} tuned, ratio {:.3f}", before, after,
                         after > 0 ? before / after : 1));
}

void print_json_rows(const std::vector<tuning::TunedGroup> &groups) {
  for (const tuning::TunedGroup &tuned : groups) {
    Json schedule = Json::object();
    for (const auto &[name, value] : tuned.best.schedule) schedule[name] = value;
    print_json({{"nodes", tuned.group.nodes},
                {"layer", tuned.group.layer},
                {"kernel", tuned.group.kernel},
                {"default_ms", tuned.group.default_ms},
                {"tuned_ms", tuned.group.default_ms / tuned.ratio},
                {"ratio", tuned.ratio},
                {"algorithm", tuned.best.algorithm},
                {"schedule", schedule},
                {"points", tuned.points},
                {"skipped", tuned.failed}});
  }
}

void tune_graph(const TuneOptions &options) {
  set_threads(1);  // of this process, which makes no other threads: the child that measures is forked from it
  const TuneSubject subject = load_subject(options);
  const fs::path graph = find_graph(options.graph);
  tuning::Tuning result;
  result.version = tuning::sluice_version();
  result.isa = kernel_isa();
  result.processor = tuning::processor_name();
  result.size = options.size;
  result.threads = options.threads > 0 ? options.threads : processors();
  const fs::path output = options.output.empty() ? fs::path(graph.stem().string() + "." + result.isa + ".tuning")
                                                 : fs::path(options.output);
  check_output_folder(output);
  const fs::path work = fs::absolute(options.work.empty() ? output.string() + ".work" : options.work);
  fs::create_directories(work);

  PlanOptions keep;
  keep.keep_all = true;
  const ExecutionPlan plan = subject.model->plan_for(subject.inputs, keep);
  tuning::PointLog log(work / "points", run_line(options, result, *subject.model));
  tuning::TunerOptions tuner_options;
  tuner_options.workshop = make_workshop(options, work);
  tuner_options.minutes = options.minutes;
  tuner_options.threads = result.threads;
  tuner_options.every_combination = options.every_combination;
  tuner_options.nodes = {options.nodes.begin(), options.nodes.end()};
  tuner_options.report = [](const std::string &line) { print_message(line); };
  tuning::Tuner tuner(*subject.model, plan, subject.inputs, log, tuner_options);
  const std::vector<tuning::TunedGroup> groups = tuner.run();
  result.nodes = tuning::tuned_nodes(plan, groups);
  tuning::write_tuning(output, result);
  if (options.work.empty()) fs::remove_all(work);
  options.json ? print_json_rows(groups) : print_table(groups);
}

}  // namespace

void add_tune_command(CLI::App &program) {
  CLI::App *command = program.add_subcommand("tune", "Find the fastest schedules for a graph on this machine");
  const auto options = std::make_shared<TuneOptions>();
  command->add_option("GRAPH", options->graph, "Graph file or model name")->required();
  command->add_option("-o,--output", options->output, "Tuning file; default: <graph>.<avx2 or avx512>.tuning here");
  command->add_option("--minutes", options->minutes, "For the whole search, spread by the nodes' shares of the time")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--threads", options->threads, "Threads of the kernels; 0, the default: one a processor")
      ->check(CLI::Range(0, 256));
  command->add_option("--size", options->size, "Height and width of the pictures, HxW")->capture_default_str();
  command->add_option("--frames", options->frames, "Frames of clips")->check(CLI::PositiveNumber);
  command->add_option("--weights", options->weights, "Weights, for the graph's parameters; without: random ones");
  add_set_option(*command, options->settings);
  command->add_option("--nodes", options->nodes, "Only these nodes, with commas; may be repeated")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_flag("--every-combination", options->every_combination,
                    "Try all combinations of parameters, not one parameter after the other");
  command->add_option(
      "--work", options->work,
      "Folder of candidates and of what was measured, kept; default: beside the output until it is done");
  command->add_option("--generators", options->generators, "Folder of the layers' generator executables");
  command->add_option("--schedules", options->schedules, "Folder of the schedules' parameters");
  command->add_option("--compiler", options->compiler, "Links candidates; default: $CC, then cc");
  command->add_option("--jobs", options->jobs, "Candidates compiled at a time; 0, the default: one a processor")
      ->check(CLI::Range(0, 256));
  command->add_flag("--json", options->json, "Print one JSON object for every group of nodes");
  command->callback([options] { tune_graph(*options); });
}

}  // namespace sluice
