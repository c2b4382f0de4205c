// SPDX-License-Identifier: Apache-2.0
// Options of ours before those of Google Benchmark.
#include "bench/options.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <thread>
#include <vector>

#include "bench/fma_peak.h"
#include "runtime/kernel_call.h"
#include "weights_io/error.h"

namespace sluice::bench {
namespace {

std::string processor_name() {
  std::ifstream stream("/proc/cpuinfo");
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with("model name")) return line.substr(std::min(line.find(':') + 2, line.size()));
  }
  return "unknown";
}

}  // namespace

void add_options(CLI::App &app, Options &options, int runs) {
  options.runs = runs;
  app.allow_extras();
  app.footer("Options of Google Benchmark (--benchmark_filter=..., --benchmark_format=json, ...) are taken as well.");
  app.add_option("--sluice_threads", options.threads, "threads of the kernels and of the peak; 0: one per processor");
  app.add_option("--runs", options.runs, "timed runs of a row")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--work", options.work, "file with the multiply-adds of the layers");
}

int run_program(CLI::App &app, int argc, char **argv, Options &options, const std::function<void()> &body) {
  try {
    app.parse(argc, argv);
    std::vector<std::string> extras = app.remaining();
    std::vector<char *> rest{argv[0]};
    for (std::string &extra : extras) rest.push_back(extra.data());
    int count = static_cast<int>(rest.size());
    rest.push_back(nullptr);
    benchmark::Initialize(&count, rest.data());
    if (benchmark::ReportUnrecognizedArguments(count, rest.data())) return static_cast<int>(ErrorCode::usage);
    if (options.threads <= 0) options.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    set_threads(options.threads);
    body();
    benchmark::Shutdown();
    return 0;
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ErrorCode::usage);
  } catch (const Error &error) {
    fmt::print(stderr, "{}: {}\n", app.get_name(), error.what());
    return static_cast<int>(error.code());
  }
}

void describe_machine(const Options &options) {
  constexpr double kSeconds = 0.3;
  benchmark::AddCustomContext("processor", processor_name());
  benchmark::AddCustomContext("kernels", kernel_isa());
  benchmark::AddCustomContext("threads", std::to_string(options.threads));
  benchmark::AddCustomContext("FMA peak, GFLOP/s", fmt::format("{:.0f}", fma_peak_gflops(options.threads, kSeconds)));
}

}  // namespace sluice::bench
