// SPDX-License-Identifier: Apache-2.0
// Speed of single layers at the shapes of bench/layer_shapes.txt, as a share of the FMA peak measured beside each run,
// and in bytes moved per second.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "bench/fma_peak.h"
#include "bench/layer_rows.h"
#include "bench/measurement.h"
#include "bench/network.h"
#include "bench/options.h"
#include "bench/work.h"

namespace sluice::bench {
namespace {

constexpr int kWarmUps = 2;

void measure_row(benchmark::State &state, const LayerRow &row, const Options &options) {
  const LayerNetwork layer = make_layer(row);
  const Network network(layer.graph, layer.weights, layer.inputs);
  const Work work = WorkFormulas(options.work).of(network.plan());
  for (int i = 0; i < kWarmUps; i++) network.run();
  Measurement measurement(options.threads);
  for ([[maybe_unused]] auto unused : state) {
    state.SetIterationTime(measurement.take([&] { network.run(); }));
  }
  state.counters["best_ms"] = measurement.best_seconds() * 1e3;
  state.counters["median_ms"] = measurement.median_seconds() * 1e3;
  state.counters["GFLOP/s"] = work.direct_gflop / measurement.median_seconds();
  state.counters["peak_GFLOP/s"] = measurement.median_peak();
  state.counters["peak_share_%"] = 100 * measurement.median_share(work.reduced_gflop);
  // Layers without many multiply-adds are as fast as memory: compare with the copy that is printed above.
  state.counters["GB/s"] = 1e-9 * static_cast<double>(network.moved_bytes()) / measurement.median_seconds();
  state.counters["threads"] = options.threads;
}

void run_all(const Options &options, const std::string &shapes) {
  constexpr int64_t kCopyBytes = int64_t{64} << 20;
  constexpr double kCopySeconds = 0.3;
  const double copied = copy_gigabytes(options.threads, kCopyBytes, kCopySeconds);
  describe_machine(options);
  benchmark::AddCustomContext("copy, GB/s", fmt::format("{:.1f}", copied));
  for (const LayerRow &row : read_rows(shapes)) {
    benchmark::RegisterBenchmark(row.name.c_str(),
                                 [row, options](benchmark::State &state) { measure_row(state, row, options); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond)
        ->Iterations(options.runs);
  }
  benchmark::RunSpecifiedBenchmarks();
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char **argv) {
  CLI::App app("Speed of single layers", "layer_bench");
  sluice::bench::Options options;
  sluice::bench::add_options(app, options, 20);
  std::string shapes = SLUICE_SOURCE_DIR "/bench/layer_shapes.txt";
  app.add_option("--shapes", shapes, "file with the layers and their shapes");
  return sluice::bench::run_program(app, argc, argv, options, [&] { sluice::bench::run_all(options, shapes); });
}
