// SPDX-License-Identifier: Apache-2.0
// Speed and memory of a whole network, and where its time goes.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>

#include "bench/fma_peak.h"
#include "bench/measurement.h"
#include "bench/network.h"
#include "bench/options.h"
#include "bench/work.h"
#include "runtime/expression.h"
#include "runtime/graph_file.h"
#include "runtime/input_shapes.h"
#include "runtime/kernel_table.h"
#include "weights_io/error.h"
#include "weights_io/safetensors.h"

namespace sluice::bench {
namespace {

constexpr uint32_t kSeed = 1;
constexpr double kMega = 1e6, kCopySeconds = 0.1;

struct ModelOptions : Options {
  std::string graph = SLUICE_SOURCE_DIR "/models/deepfill2.graph";
  std::string weights, input, output, device = "cpu";
  std::vector<std::string> sizes{"256", "512"}, settings, outputs;
  bool per_node = false, copy_rate = false, no_prepack = false;
};

struct Size {
  int64_t height = 0, width = 0;
};

// "352x1216", or one number for a square.
Size parse_size(const std::string &text) {
  const size_t cross = text.find('x');
  const std::string width = cross == std::string::npos ? text : text.substr(cross + 1);
  const Size size = {as_integer(text.substr(0, cross)).value_or(0), as_integer(width).value_or(0)};
  if (size.height > 0 && size.width > 0) return size;
  throw Error(ErrorCode::usage, fmt::format("--sizes: expected HxW or one number, got '{}'", text));
}

// Height and width of every input whose own are symbols; the batch is 1.
Shapes shapes_at(const Graph &graph, const Size &size) {
  Shapes shapes;
  for (const GraphInput &input : graph.inputs) {
    if (input.value) continue;
    std::vector<int64_t> &shape = shapes[input.name];
    for (size_t d = 0; d < input.shape.size(); d++) {
      const Dimension &dimension = input.shape[d];
      const int64_t side = d + 1 == input.shape.size() ? size.width : size.height;
      shape.push_back(!dimension.symbol.empty() ? (d == 0 ? 1 : side) : dimension.extent);
    }
  }
  return shapes;
}

Network make_network(const ModelOptions &options, const Size &size) {
  const Archive weights = options.weights.empty() ? Archive{} : read_safetensors(options.weights);
  LoadOptions load;
  load.device = options.device;
  load.keep_weights = false;  // as the programs do
  load.prepack = !options.no_prepack;
  for (const auto &[key, value] : weights.metadata) {
    if (key.starts_with("param.")) load.parameters[key.substr(6)] = value;
  }
  for (const std::string &setting : options.settings) {
    const size_t equals = setting.find('=');
    if (equals == std::string::npos) throw Error(ErrorCode::usage, "--set: expected NAME=VALUE, got '" + setting + "'");
    load.parameters[setting.substr(0, equals)] = setting.substr(equals + 1);
  }
  const Graph graph = read_graph(options.graph, parse_options(load));
  const Shapes shapes = shapes_at(graph, size);
  return Network(graph, options.weights.empty() ? random_weights(graph, shapes, kSeed) : weights.tensors,
                 options.input.empty() ? random_inputs(graph, shapes, kSeed) : read_safetensors(options.input).tensors,
                 load);
}

// Seconds of every step of a plan, one sample a run.
class StepTimer {
 public:
  explicit StepTimer(size_t steps) : samples_(steps) {}

  RunOptions observe(const RunOptions &given) {
    RunOptions options = given;
    options.progress = [this](int done, int, const std::string &) {
      const auto now = std::chrono::steady_clock::now();
      if (done > 0)
        samples_[static_cast<size_t>(done) - 1].push_back(std::chrono::duration<double>(now - before_).count());
      before_ = now;
    };
    return options;
  }

  std::vector<double> medians() const {
    std::vector<double> seconds;
    for (const auto &of_step : samples_) seconds.push_back(median(of_step));
    return seconds;
  }

 private:
  std::chrono::steady_clock::time_point before_;
  std::vector<std::vector<double>> samples_;
};

// The steps, longest first.
std::string describe_steps(const Network &network, const WorkFormulas &formulas, const std::vector<double> &seconds,
                           double peak) {
  const double total = std::accumulate(seconds.begin(), seconds.end(), 0.0);
  std::vector<size_t> order(seconds.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return seconds[a] > seconds[b]; });
  std::string text = fmt::format("{:<20} {:<20} {:>15} {:>9} {:>7} {:>8} {:>12}\n", "node", "op", "output c h w", "ms",
                                 "% time", "GFLOP/s", "% FMA peak");
  for (const size_t i : order) {
    const PlannedStep &step = network.plan().steps()[i];
    const Extents &extents = network.plan().tensors()[static_cast<size_t>(step.outputs[0])].extents;
    const Work work = formulas.of(network.plan(), step);
    text += fmt::format("{:<20} {:<20} {:>15} {:>9.3f} {:>7.2f} {:>8.0f} {:>12.1f}\n", step.node->name, step.node->op,
                        fmt::format("{} {} {}", extents[0], extents[2], extents[1]), seconds[i] * 1e3,
                        100 * seconds[i] / total, work.direct_gflop / seconds[i],
                        100 * work.reduced_gflop / seconds[i] / peak);
  }
  return text;
}

// Adds the table of steps to `report`.
void measure_size(benchmark::State &state, const ModelOptions &options, const std::string &size, std::string &report) {
  const Network network = make_network(options, parse_size(size));
  const WorkFormulas formulas(options.work);
  const Work work = formulas.of(network.plan());
  RunOptions run;
  run.outputs = options.outputs;
  network.run(run);
  StepTimer timer(network.plan().steps().size());
  Measurement measurement(options.threads);
  for ([[maybe_unused]] auto unused : state) {
    state.SetIterationTime(measurement.take([&] { network.run(timer.observe(run)); }));
  }
  state.counters["best_ms"] = measurement.best_seconds() * 1e3;
  state.counters["median_ms"] = measurement.median_seconds() * 1e3;
  state.counters["GFLOP/s"] = work.direct_gflop / measurement.median_seconds();
  state.counters["peak_GFLOP/s"] = measurement.median_peak();
  state.counters["peak_share_%"] = 100 * measurement.median_share(work.reduced_gflop);
  state.counters["processors_used"] = measurement.processors_used();
  state.counters["GFLOP"] = work.direct_gflop;
  state.counters["reduced_GFLOP"] = work.reduced_gflop;
  state.counters["arena_MB"] = static_cast<double>(network.plan().arena_bytes()) / kMega;
  state.counters["packed_weights_MB"] = static_cast<double>(network.model().packed_bytes()) / kMega;
  state.counters["peak_memory_MB"] = peak_memory_mb();  // of the process so far
  state.counters["moved_MB"] = static_cast<double>(network.moved_bytes()) / kMega;
  state.counters["threads"] = options.threads;
  if (options.copy_rate) state.counters["copy_GB/s"] = CopyRate(options.threads).gigabytes(kCopySeconds);
  report += fmt::format("\n{} at {}, median ms of {} runs\n{}", network.model().graph().model, size, options.runs,
                        describe_steps(network, formulas, timer.medians(), measurement.median_peak()));
}

void run_all(const ModelOptions &options) {
  if (!options.output.empty()) {
    const Network network = make_network(options, parse_size(options.sizes.front()));
    RunOptions run;
    run.outputs = options.outputs;
    write_safetensors(options.output, Archive{network.model().run(read_safetensors(options.input).tensors, run), {}});
  }
  describe_machine(options);
  const std::string model = read_graph(options.graph, parse_options(LoadOptions{})).model;
  std::string report;
  for (const std::string &size : options.sizes) {
    benchmark::RegisterBenchmark(fmt::format("{}/{}", model, size).c_str(),
                                 [&](benchmark::State &state) { measure_size(state, options, size, report); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond)
        ->Iterations(options.runs);
  }
  benchmark::RunSpecifiedBenchmarks();
  if (options.per_node) fmt::print("{}", report);
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char **argv) {
  CLI::App app("Speed of a whole network", "model_bench");
  sluice::bench::ModelOptions options;
  sluice::bench::add_options(app, options, 7);
  app.add_option("--graph", options.graph, "graph file")->check(CLI::ExistingFile);
  app.add_option("--weights", options.weights, "safetensors; default: random")->check(CLI::ExistingFile);
  CLI::Option *input = app.add_option("--input", options.input, "safetensors with the inputs, of the first size")
                           ->check(CLI::ExistingFile);
  app.add_option("--output", options.output, "where the outputs for --input go (safetensors)")->needs(input);
  app.add_option("--outputs", options.outputs, "compute only these of the graph's outputs, and what they need")
      ->delimiter(',');
  app.add_option("--sizes", options.sizes, "heights and widths: 512 or 352x1216")->delimiter(',');
  app.add_option("--set", options.settings, "a parameter of the graph, NAME=VALUE");
  app.add_flag("--no-prepack", options.no_prepack, "weights are packed by each run, a layer's when its turn comes");
  app.add_option("--device", options.device,
                 "where to compute: cpu, cuda, ...; the time is then that of a run with its copies to and from there");
  app.add_flag("--copy_rate", options.copy_rate,
               "also measure how fast memory is copied; later sizes' peak memory counts it");
  app.add_flag("--per_node", options.per_node, "also print the time of every node, longest first");
  return sluice::bench::run_program(app, argc, argv, options, [&] { sluice::bench::run_all(options); });
}
