// SPDX-License-Identifier: Apache-2.0
// Command lines and context lines that the benchmark programs share.
#pragma once
#include <CLI/CLI.hpp>

#include <functional>
#include <string>

namespace sluice::bench {

struct Options {
  int threads = 0;  // 0: one per processor
  int runs = 0;
  std::string work = SLUICE_SOURCE_DIR "/bench/layer_work.txt";
};

// --sluice_threads, --runs, --work; `runs`: the default.
void add_options(CLI::App &app, Options &options, int runs);

// Parses with `app`; what it does not know goes to Google Benchmark. Then `body`, Google Benchmark's end, and errors as
// one line on stderr. Returns the exit status.
int run_program(CLI::App &app, int argc, char **argv, Options &options, const std::function<void()> &body);

// Processor, kernel set, threads, FMA peak: to the head of Google Benchmark's report.
void describe_machine(const Options &options);

}  // namespace sluice::bench
