// SPDX-License-Identifier: Apache-2.0
// sluice depth: a picture and sparse depth in, dense depth out.
#include "runtime/tasks/depth.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>

#include "apps/commands.h"
#include "apps/console.h"
#include "apps/model_files.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

struct DepthOptions {
  std::string picture, sparse, output;
  ModelOptions model;
  bool flip = false, json = false, quiet = false;
};

bool is_png_name(const std::string &name) { return name.ends_with(".png") || name.ends_with(".PNG"); }

void check_output(const std::string &output) {
  if (!is_png_name(output)) {
    throw Error(ErrorCode::usage, fmt::format("{}: depth needs samples of 16 bits; expected .png", output));
  }
  check_output_folder(output);
}

// Errors of the picture's kind and size name the file.
Picture read_sparse(const DepthOptions &options, const Picture &picture) {
  Picture sparse = read_picture(options.sparse);
  if (sparse.channels != 1 || sparse.bits != 16) {
    throw Error(ErrorCode::input_failed,
                fmt::format("{}: expected grey of 16 bits, metres * 256; got {} of {} bits", options.sparse,
                            sparse.channels == 1 ? "grey" : "colour or alpha", sparse.bits));
  }
  if (sparse.width != picture.width || sparse.height != picture.height) {
    throw Error(ErrorCode::input_failed,
                fmt::format("{}: the sparse depth is {} x {}, the picture {} is {} x {}", options.sparse, sparse.width,
                            sparse.height, options.picture, picture.width, picture.height));
  }
  return sparse;
}

void run_depth(const DepthOptions &options) {
  check_output(options.output);
  find_graph(options.model.model);  // a wrong name is said before pictures are read
  const Picture picture = read_picture(options.picture);
  const Picture sparse = read_sparse(options, picture);
  const auto none = std::count(sparse.samples.begin(), sparse.samples.end(), uint16_t{0});
  const auto given = static_cast<std::ptrdiff_t>(sparse.samples.size()) - none;
  const auto model = load_model(options.model, MissingWeights::take_shipped);
  check_interrupted();

  const auto start = std::chrono::steady_clock::now();
  Picture depth;
  {
    Progress progress(!options.quiet);
    RunOptions run;
    run.progress = progress.callback();
    run.cancel = &interrupt_flag();
    depth = complete_depth(*model, picture, sparse, options.flip, run);
  }
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;

  check_interrupted();
  write_picture(options.output, depth);
  if (!options.quiet && given == 0) print_message(fmt::format("{}: no pixel has a depth", options.sparse));
  if (options.json) {
    print_json({{"input", options.picture},
                {"sparse", options.sparse},
                {"output", options.output},
                {"width", depth.width},
                {"height", depth.height},
                {"given_pixels", given},
                {"milliseconds", time.count()}});
  }
}

}  // namespace

void add_depth_command(CLI::App &program) {
  CLI::App *command = program.add_subcommand("depth", "Complete sparse depth by a picture");
  const auto options = std::make_shared<DepthOptions>();
  options->model.model = "guidenet";
  command->add_option("RGB", options->picture, "Picture, PNG or JPEG")->required();
  command->add_option("SPARSE", options->sparse, "Sparse depth, PNG of 16 bits: metres * 256, 0 = none")->required();
  command->add_option("-o,--output", options->output, "Dense depth, the same kind of PNG")->required();
  command->add_option("--model", options->model.model, "Model name or graph file; default: guidenet");
  add_run_options(*command, options->model);
  command->add_flag("--flip", options->flip, "Mean of the result and of that of the mirrored inputs; twice the time");
  command->add_flag("--json", options->json, "Print one JSON object a picture");
  command->add_flag("--quiet", options->quiet, "No progress and no notices");
  command->callback([options] { run_depth(*options); });
}

}  // namespace sluice
