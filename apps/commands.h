// SPDX-License-Identifier: Apache-2.0
// The commands of the program. Each adds its options; CLI11 calls it back once they are read. They throw sluice::Error.
#pragma once

namespace CLI {
class App;
}

namespace sluice {

void add_inpaint_command(CLI::App &program);
void add_run_command(CLI::App &program);
void add_grad_command(CLI::App &program);
void add_convert_command(CLI::App &program);
void add_inspect_command(CLI::App &program);
void add_sketch_command(CLI::App &program);
void add_depth_command(CLI::App &program);
void add_train_command(CLI::App &program);
void add_tune_command(CLI::App &program);

constexpr const char *kGradSummary = "Gradients of a graph's inputs and weights";
constexpr const char *kTrainSummary = "Train networks by a recipe";

// Before commands are read; argv: the program's. Of sluice and of sluice-training, each in its own way.
void prepare_training(char **argv);
// Where the program has no backward kernels: goes on as the one that has them. Else returns.
void list_training_kernels();

}  // namespace sluice
