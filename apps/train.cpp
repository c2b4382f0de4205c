// SPDX-License-Identifier: Apache-2.0
// sluice train: from a recipe and pictures to weights.
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <thread>

#include "apps/commands.h"
#include "apps/console.h"
#include "apps/model_files.h"
#include "runtime/kernel_call.h"
#include "runtime/trainer/launched_group.h"
#include "runtime/trainer/trainer.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

struct TrainCommand {
  std::string recipe, data, out, resume, device = "cpu";
  int64_t steps = 0;
  int64_t seed = -1;
  int threads = 0;
  std::vector<std::string> settings;
  bool dry_run = false, changed_recipe = false, json = false, quiet = false;
};

fs::path find_recipe(const std::string &name_or_file) {
  const bool file = name_or_file.find('/') != std::string::npos || name_or_file.ends_with(".recipe");
  return file ? fs::path(name_or_file) : find_model_file("recipes/" + name_or_file, ".recipe");
}

// A model by name, or a file that is relative to the recipe's folder.
fs::path find_network(const fs::path &recipe, const std::string &graph) {
  if (graph.find('/') == std::string::npos && !graph.ends_with(".graph")) return find_model_file(graph, ".graph");
  return fs::path(graph).is_absolute() ? fs::path(graph) : recipe.parent_path() / graph;
}

std::string clock_text(double seconds) {
  const auto whole = static_cast<int64_t>(seconds);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string report_line(const TrainReport &report) {
  return fmt::format("step {}/{}  loss {:.5f}  {:.2f} images/s  waiting for data {:.1f} %  {} left", report.step,
                     report.steps, report.loss, report.images_per_s, 100 * report.data_wait,
                     clock_text(report.seconds_left));
}

Json report_json(const TrainReport &report) {
  Json losses = Json::object();
  for (const auto &[name, value] : report.losses) losses[name] = value;
  const StepTimes &t = report.times;
  return {{"step", report.step},
          {"steps", report.steps},
          {"loss", report.loss},
          {"losses", losses},
          {"images_per_s", report.images_per_s},
          {"data_wait", report.data_wait},
          {"milliseconds",
           {{"pack", 1e3 * t.pack_s},
            {"forward", 1e3 * t.forward_s},
            {"backward", 1e3 * t.backward_s},
            {"update", 1e3 * t.update_s},
            {"exchange", 1e3 * t.exchange_s}}}};
}

// On a terminal reports overwrite each other; in a file each has its line.
class Console {
 public:
  explicit Console(const TrainCommand &command)
      : json_(command.json), quiet_(command.quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}
  ~Console() { end_line(); }
  Console(const Console &) = delete;
  Console &operator=(const Console &) = delete;

  void message(const std::string &text) {
    end_line();
    print_message(text);
  }
  void report(const TrainReport &report) {
    if (json_) {
      print_json(report_json(report));
      std::cout.flush();
    }
    if (quiet_) return;
    if (!terminal_) return print_message(report_line(report));
    std::cerr << "\r\x1b[K" << report_line(report) << std::flush;
    open_ = true;
  }

 private:
  void end_line() {
    if (open_) std::cerr << '\n';
    open_ = false;
  }

  bool json_, quiet_, terminal_, open_ = false;
};

TrainOptions options_of(const TrainCommand &command, const fs::path &recipe) {
  TrainOptions options;
  options.data = command.data;
  options.out = command.out;
  options.resume = command.resume;
  options.changed_recipe = command.changed_recipe;
  options.device = command.device;
  if (command.steps > 0) options.steps = command.steps;
  if (command.seed >= 0) options.seed = static_cast<uint64_t>(command.seed);
  options.find_graph = [recipe](const std::string &graph) { return find_network(recipe, graph); };
  return options;
}

// By default processes of one machine share its processors; a launcher that binds them has done it already.
int threads_of(const ProcessGroup &group) {
  if (group.size() == 1) return 0;
  cpu_set_t set;
  const int bound = ::sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
  const int all = static_cast<int>(std::thread::hardware_concurrency());
  return std::max(1, bound < all ? bound : all / group.size_of_machine());
}

void train(const TrainCommand &command, ProcessGroup &group) {
  fs::path file;
  Recipe recipe;
  in_all(group, [&] {
    file = find_recipe(command.recipe);
    recipe = read_recipe(file, parse_settings(command.settings));
    const NeedOfFiles files = recipe.data.kind->files();
    if (files == NeedOfFiles::always && command.data.empty())
      throw Error(ErrorCode::usage, fmt::format("recipe {} trains on files: give --data FOLDER", recipe.name));
    if (files == NeedOfFiles::never && !command.data.empty())
      throw Error(ErrorCode::usage, fmt::format("recipe {} computes its samples: --data is of no use", recipe.name));
  });
  catch_terminations();
  in_all(group, [&] { tell_device(command.device); });
  set_threads(command.threads > 0 ? command.threads : threads_of(group));
  TrainOptions options = options_of(command, file);
  options.group = &group;
  Console console(command);
  TrainEvents events;
  events.message = [&](const std::string &text) {
    console.message(group.rank() == 0 ? text : fmt::format("process {}: {}", group.rank(), text));
  };
  events.report = [&](const TrainReport &report) { console.report(report); };
  const auto say = [&](const std::string &text) {
    if (group.rank() == 0) console.message(text);
  };
  if (command.dry_run) {
    try_training(recipe, options, events, interrupt_flag());
    return say("dry run: two steps, a checkpoint and its reading back are well");
  }
  Trainer trainer(recipe, options, events);
  say(trainer.summary());
  trainer.run(interrupt_flag());
  say(fmt::format("done: {} steps; weights and log in {}", trainer.state().step, command.out));
}

// Of several processes one says what is wrong in all, while none of them has ended: launchers end the rest of a job
// when one fails. Where it went wrong in one alone the others wait for it in the middle of a step, and it ends them.
[[noreturn]] void fail_in_group(ProcessGroup &group, ErrorCode code, const std::string &message, bool shared) {
  if (!shared) {
    print_message(fmt::format("process {} of {}: {}", group.rank(), group.size(), message));
    group.end_all(static_cast<int>(code));
  }
  if (group.rank() == 0) print_message(message);
  throw Error(code, "");
}

void train_in_group(const TrainCommand &command, ProcessGroup &group) {
  try {
    train(command, group);
  } catch (const SharedError &error) {
    fail_in_group(group, error.code(), error.what(), true);
  } catch (const Error &error) {
    fail_in_group(group, error.code(), error.what(), false);
  } catch (const std::exception &error) {
    fail_in_group(group, ErrorCode::input_failed, error.what(), false);
  }
}

void run_train(const TrainCommand &command) {
  const std::unique_ptr<ProcessGroup> group = launched_group();
  if (group == nullptr || group->size() == 1) return train(command, alone());
  train_in_group(command, *group);
}

}  // namespace

void add_train_command(CLI::App &program) {
  CLI::App *command = program.add_subcommand("train", kTrainSummary);
  const auto options = std::make_shared<TrainCommand>();
  command->add_option("RECIPE", options->recipe, "Recipe file, or the name of one that ships")->required();
  command->add_option("--data", options->data,
                      "Folder, or a file with one path a line: docs/training.md says what a recipe reads");
  command->add_option("--out", options->out, "Folder for checkpoints, weights, log and samples")->required();
  command->add_option("--resume", options->resume, "latest, or a checkpoint file");
  command->add_option("--steps", options->steps, "Steps in all; default: the recipe's")->check(CLI::PositiveNumber);
  command->add_option("--seed", options->seed, "Seed; default: the recipe's")->check(CLI::NonNegativeNumber);
  command->add_option("--threads", options->threads, "Threads; 0, the default: one a processor");
  add_device_option(*command, options->device);
  add_set_option(*command, options->settings);
  command->add_flag("--dry-run", options->dry_run, "Two steps with all that belongs to a long run; leaves nothing");
  command->add_flag("--changed-recipe", options->changed_recipe, "Resume although the text of the recipe has changed");
  command->add_flag("--json", options->json, "Print one JSON object a report");
  command->add_flag("--quiet", options->quiet, "No reports");
  command->callback([options] { run_train(*options); });
}

}  // namespace sluice
