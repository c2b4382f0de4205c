// SPDX-License-Identifier: Apache-2.0
// Speed of single layers at the shapes of bench/layer_shapes.txt, as a share of the FMA peak measured beside each run,
// and in bytes moved per second.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fstream>
#include <memory>
#include <sstream>

#include "bench/fma_peak.h"
#include "bench/measurement.h"
#include "bench/network.h"
#include "bench/options.h"
#include "bench/work.h"
#include "runtime/graph_file.h"
#include "weights_io/error.h"

namespace sluice::bench {
namespace {

constexpr uint32_t kSeed = 1;
constexpr int kWarmUps = 2;
constexpr double kCopySeconds = 0.05;

struct Row {
  std::string name, op, attributes;
  std::vector<std::vector<int64_t>> inputs;  // n c h w, or whatever rank the port has
};

std::vector<int64_t> parse_shape(const std::string &text) {
  std::vector<int64_t> shape;
  std::istringstream stream(text);
  for (std::string item; std::getline(stream, item, ',');) shape.push_back(std::stoll(item));
  return shape;
}

std::vector<Row> read_rows(const std::string &file) {
  std::ifstream stream(file);
  if (!stream) throw Error(ErrorCode::not_found, fmt::format("{}: can't be opened", file));
  std::vector<Row> rows;
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    Row row;
    std::string inputs;
    if (!(words >> row.name)) continue;
    if (!(words >> inputs >> row.op))
      throw Error(ErrorCode::bad_file, fmt::format("{}: row {} is cut short", file, row.name));
    std::istringstream ports(inputs);
    for (std::string port; std::getline(ports, port, ';');) row.inputs.push_back(parse_shape(port));
    std::getline(words, row.attributes);
    rows.push_back(row);
  }
  return rows;
}

std::unique_ptr<Network> make_network(const Row &row) {
  const KernelTable &table = KernelTable::linked();
  std::vector<std::string> from, to{"out0"};
  if (!table.composites().contains(row.op)) {  // those have one output
    const LayerSchema &schema = table.schema(row.op);
    if (schema.inputs.size() < row.inputs.size()) {
      throw Error(ErrorCode::bad_file, fmt::format("row {}: {} has {} inputs", row.name, row.op, schema.inputs.size()));
    }
    for (size_t i = 1; i < schema.outputs.size(); i++) to.push_back(fmt::format("out{}", i));
  }
  std::string text = "model bench\n";
  Shapes shapes;
  for (const std::vector<int64_t> &shape : row.inputs) {
    from.push_back(fmt::format("in{}", from.size()));
    shapes[from.back()] = shape;
    text += fmt::format("input {} [{}]\n", from.back(), fmt::join(shape, " "));
  }
  text += fmt::format("{} node from {} to {} {}\noutput {}\n", row.op, fmt::join(from, ","), fmt::join(to, ","),
                      row.attributes, to[0]);
  const Graph graph = parse_graph(text, row.name, parse_options(LoadOptions{}));
  return std::make_unique<Network>(graph, random_weights(graph, shapes, kSeed), random_inputs(graph, shapes, kSeed));
}

void measure_row(benchmark::State &state, const Row &row, const Options &options, CopyRate &copy) {
  const auto network = make_network(row);
  const Work work = WorkFormulas(options.work).of(network->plan());
  const double copied_before = copy.gigabytes(kCopySeconds);
  for (int i = 0; i < kWarmUps; i++) network->run();
  Measurement measurement(options.threads);
  for ([[maybe_unused]] auto unused : state) {
    state.SetIterationTime(measurement.take([&] { network->run(); }));
  }
  state.counters["best_ms"] = measurement.best_seconds() * 1e3;
  state.counters["median_ms"] = measurement.median_seconds() * 1e3;
  state.counters["GFLOP/s"] = work.direct_gflop / measurement.median_seconds();
  state.counters["peak_GFLOP/s"] = measurement.median_peak();
  state.counters["peak_share_%"] = 100 * measurement.median_share(work.reduced_gflop);
  // Layers without many multiply-adds are as fast as memory: compare with the copy before and after.
  const double moved = 1e-9 * static_cast<double>(network->moved_bytes()) / measurement.median_seconds();
  const double copied = (copied_before + copy.gigabytes(kCopySeconds)) / 2;
  state.counters["GB/s"] = moved;
  state.counters["copy_GB/s"] = copied;
  state.counters["copy_share_%"] = 100 * moved / copied;
  state.counters["threads"] = options.threads;
}

void run_all(const Options &options, const std::string &shapes) {
  describe_machine(options);
  CopyRate copy(options.threads);
  for (const Row &row : read_rows(shapes)) {
    benchmark::RegisterBenchmark(
        row.name.c_str(), [row, options, &copy](benchmark::State &state) { measure_row(state, row, options, copy); })
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
