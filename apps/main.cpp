// SPDX-License-Identifier: Apache-2.0
// The program: reads the command line, turns every error into one line and an exit code.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <new>

#include "apps/commands.h"
#include "apps/console.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

int code_of(ErrorCode code) { return static_cast<int>(code); }

// No message: it has been said.
int fail(ErrorCode code, const std::string &message) {
  if (!message.empty()) print_message(message);
  return code_of(code);
}

void add_commands(CLI::App &program) {
  program.set_version_flag("--version", "sluice " SLUICE_VERSION);
  program.require_subcommand(1);
  add_inpaint_command(program);
  add_run_command(program);
  add_grad_command(program);
  add_convert_command(program);
  add_inspect_command(program);
  add_sketch_command(program);
  add_depth_command(program);
  add_train_command(program);
  add_tune_command(program);
}

// CLI11 reports help and version as errors of exit code 0.
int finish_parse_error(const CLI::App &program, const CLI::ParseError &error) {
  if (error.get_exit_code() == 0) return program.exit(error);
  return fail(ErrorCode::usage, fmt::format("{}; see sluice --help", error.what()));
}

int run(int argc, char **argv) {
  CLI::App program("Networks of gated, guided and depthwise convolutions, compiled ahead of time", "sluice");
  try {
    add_commands(program);
    catch_interrupts();
    prepare_training(argv);
    program.parse(argc, argv);
    std::cout.flush();
    if (!std::cout) throw Error(ErrorCode::input_failed, "cannot write to standard output");
    return 0;
  } catch (const CLI::ParseError &error) {
    return finish_parse_error(program, error);
  } catch (const Error &error) {
    return fail(error.code(), error.what());
  } catch (const std::bad_alloc &) {
    return fail(ErrorCode::input_failed, "out of memory");
  } catch (const std::exception &error) {
    return fail(ErrorCode::input_failed, error.what());
  }
}

}  // namespace
}  // namespace sluice

int main(int argc, char **argv) { return sluice::run(argc, argv); }
