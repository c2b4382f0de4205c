// SPDX-License-Identifier: Apache-2.0
// The commands whose kernels `sluice` does not hold: they are those of sluice-training, the same program with the
// backward kernels, which takes over under the arguments that were given. It stands beside sluice.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "apps/commands.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

char **arguments = nullptr;

[[noreturn]] void become_training_program() {
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / "sluice-training";
  ::execv(program.c_str(), arguments);
  throw Error(ErrorCode::not_found, fmt::format("{}: {}; it holds the kernels for gradients and training",
                                                program.string(), std::strerror(errno)));
}

void add_command(CLI::App &program, const char *name, const char *summary) {
  CLI::App *command = program.add_subcommand(name, summary);
  command->set_help_flag();  // --help is the other program's as well
  command->prefix_command();
  command->callback(become_training_program);
}

}  // namespace

void prepare_training(char **argv) { arguments = argv; }
void add_grad_command(CLI::App &program) { add_command(program, "grad", kGradSummary); }
void add_train_command(CLI::App &program) { add_command(program, "train", kTrainSummary); }
void list_training_kernels() { become_training_program(); }

}  // namespace sluice
