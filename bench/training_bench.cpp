// SPDX-License-Identifier: Apache-2.0
// Speed of forward and backward passes, of single layers or of a network, as a share of the FMA peak measured beside
// each run: three times the multiply-adds of the forward direct sums, for forward, data gradient and weight gradient.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "bench/layer_rows.h"
#include "bench/measurement.h"
#include "bench/options.h"
#include "bench/work.h"
#include "runtime/expression.h"
#include "runtime/tensor_layout.h"
#include "runtime/training/gradients.h"
#include "runtime/training/training_pass.h"

namespace sluice::bench {
namespace {

constexpr uint32_t kSeed = 1;
constexpr int kDirections = 3;

struct TrainingOptions : Options {
  std::string shapes = SLUICE_SOURCE_DIR "/bench/layer_shapes.txt";
  std::string graph;
  int64_t size = 256;
  std::vector<std::string> outputs;
  bool plain = false;
};

LoadOptions load_options(const TrainingOptions &options) {
  LoadOptions load;
  load.mode = "train";
  if (!options.plain) load.purpose = "training";
  return load;
}

void measure(benchmark::State &state, const LayerNetwork &network, const TrainingOptions &options) {
  const Model model(network.graph, network.weights, load_options(options));
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const auto &[name, tensor] : network.inputs) shapes[name] = tensor.shape;
  PassOptions wanted;
  wanted.input_gradients = options.graph.empty();
  wanted.seeded = options.outputs;
  if (wanted.seeded.empty()) wanted.seeded.push_back(network.graph.outputs[0].name);
  TrainingPass pass(model, shapes, wanted);
  const double direct = kDirections * WorkFormulas(options.work).of(pass.plan()).direct_gflop;
  pass.forward(network.inputs);
  TensorMap seeds;
  for (const std::string &name : wanted.seeded) seeds[name] = read_output(pass.value(name));
  pass.backward(seeds);
  Measurement measurement(options.threads);
  std::vector<double> forward;
  for ([[maybe_unused]] auto unused : state) {
    state.SetIterationTime(measurement.take([&] {
      forward.push_back(seconds_of([&] { pass.forward(network.inputs); }));
      pass.backward(seeds);
    }));
  }
  state.counters["median_ms"] = measurement.median_seconds() * 1e3;
  state.counters["forward_ms"] = median(forward) * 1e3;
  state.counters["GFLOP/s"] = direct / measurement.median_seconds();
  state.counters["peak_GFLOP/s"] = measurement.median_peak();
  state.counters["peak_share_%"] = 100 * measurement.median_share(direct);
  state.counters["peak_memory_MB"] = peak_memory_mb();
  state.counters["arenas_MB"] = static_cast<double>(pass.arena_bytes()) * 1e-6;
}

// The network at height and width `size`, batch 1.
LayerNetwork make_graph(const TrainingOptions &options) {
  LayerNetwork network{read_graph(options.graph, parse_options(load_options(options))), {}, {}};
  Shapes shapes;
  for (const GraphInput &input : network.graph.inputs) {
    if (input.value) continue;
    for (const Dimension &dimension : input.shape) {
      const bool batch = shapes[input.name].empty();
      shapes[input.name].push_back(dimension.symbol.empty() ? dimension.extent : batch ? 1 : options.size);
    }
  }
  network.weights = random_weights(network.graph, shapes, kSeed);
  network.inputs = random_inputs(network.graph, shapes, kSeed);
  return network;
}

void add(const std::string &name, const TrainingOptions &options, const std::function<LayerNetwork()> &make) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [=, &options](benchmark::State &state) { measure(state, make(), options); })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond)
      ->Iterations(options.runs);
}

void run_all(const TrainingOptions &options) {
  register_training();
  describe_machine(options);
  if (!options.graph.empty()) {
    add(fmt::format("{}/{}", options.graph, options.size), options, [&] { return make_graph(options); });
  } else {
    for (const LayerRow &row : read_rows(options.shapes))
      add(row.name, options, [&options, row] { return make_layer(row, parse_options(load_options(options))); });
  }
  benchmark::RunSpecifiedBenchmarks();
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char **argv) {
  CLI::App app("Speed of forward and backward passes", "training_bench");
  sluice::bench::TrainingOptions options;
  sluice::bench::add_options(app, options, 10);
  app.add_option("--shapes", options.shapes, "file with the layers and their shapes");
  app.add_option("--graph", options.graph, "a network instead")->check(CLI::ExistingFile);
  app.add_option("--size", options.size, "height and width of its pictures")->check(CLI::PositiveNumber);
  app.add_option("--outputs", options.outputs, "tensors whose gradients are given; default: the first output")
      ->delimiter(',');
  app.add_flag("--plain", options.plain, "with the kernels that autodiff gives of every layer as it stands");
  return sluice::bench::run_program(app, argc, argv, options, [&] { sluice::bench::run_all(options); });
}
