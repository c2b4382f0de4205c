// SPDX-License-Identifier: Apache-2.0
// sluice inpaint: a picture and a mask in, the filled picture out.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <future>
#include <memory>

#include "apps/commands.h"
#include "apps/console.h"
#include "apps/model_files.h"
#include "runtime/tasks/inpaint.h"
#include "weights_io/error.h"

namespace sluice {
namespace {

struct InpaintOptions {
  std::string image, mask, output;
  ModelOptions model;
  bool whole = false, parity = false, json = false, quiet = false;
};

void check_output(const std::string &output) {
  if (!can_write(output)) {
    throw Error(ErrorCode::usage, fmt::format("{}: unknown picture extension; expected .png, .jpg or .jpeg", output));
  }
  check_output_folder(output);
}

std::vector<uint8_t> read_mask_of(const InpaintOptions &options, const Picture &image) {
  int width = 0, height = 0;
  std::vector<uint8_t> mask = read_mask(options.mask, &width, &height);
  if (width != image.width || height != image.height) {
    throw Error(ErrorCode::input_failed, fmt::format("{}: the mask is {} x {}, the picture {} is {} x {}", options.mask,
                                                     width, height, options.image, image.width, image.height));
  }
  return mask;
}

void print_notices(const InpaintOptions &options, std::ptrdiff_t hole_pixels) {
  if (options.quiet) return;
  if (hole_pixels == 0) {
    print_message(fmt::format("{}: no hole in the mask, the picture {}", options.mask,
                              options.parity ? "is only rounded" : "stays as it is"));
  }
  if (!options.output.ends_with("png") && !options.output.ends_with("PNG")) {
    print_message(fmt::format("{}: JPEG changes all samples a little; PNG keeps them", options.output));
  }
}

// Weights of one's own are most likely a published checkpoint's.
void choose_model(ModelOptions &options) {
  if (options.model.empty()) options.model = options.weights.empty() ? "inpaint_small" : "deepfill2";
}

void run_inpaint(const InpaintOptions &options) {
  check_output(options.output);
  find_graph(options.model.model);  // a wrong name is said before pictures are read
  // Beside the pictures, whose errors come first; on one thread behind them.
  auto loaded = std::async(options.model.threads == 1 ? std::launch::deferred : std::launch::async,
                           [&] { return load_model(options.model, MissingWeights::take_shipped); });
  const Picture image = read_picture(options.image);
  const std::vector<uint8_t> mask = read_mask_of(options, image);
  const auto hole_pixels = std::count(mask.begin(), mask.end(), uint8_t{1});
  const auto model = loaded.get();
  check_interrupted();

  const auto start = std::chrono::steady_clock::now();
  Picture filled;
  {
    Progress progress(!options.quiet);
    RunOptions run;
    run.progress = progress.callback();
    run.cancel = &interrupt_flag();
    filled = inpaint(*model, image, mask, run, options.parity ? PixelArithmetic::published : PixelArithmetic::exact);
  }
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;

  check_interrupted();
  write_picture(options.output, filled);
  print_notices(options, hole_pixels);
  if (options.json) {
    print_json({{"input", options.image},
                {"output", options.output},
                {"width", image.width},
                {"height", image.height},
                {"hole_pixels", hole_pixels},
                {"milliseconds", time.count()}});
  }
}

}  // namespace

void add_inpaint_command(CLI::App &program) {
  CLI::App *command = program.add_subcommand("inpaint", "Fill the hole of a picture");
  const auto options = std::make_shared<InpaintOptions>();
  command->add_option("IMAGE", options->image, "Picture, PNG or JPEG")->required();
  command->add_option("MASK", options->mask, "Mask of the same size: white is hole")->required();
  command->add_option("-o,--output", options->output, "Filled picture, .png or .jpg")->required();
  command->add_option("--model", options->model.model,
                      "Model name or graph file; default: inpaint_small, with --weights deepfill2");
  add_run_options(*command, options->model);
  command->add_flag("--whole", options->whole, "The network sees the whole picture once; so far it always does");
  command->add_flag("--parity", options->parity,
                    "The pixel arithmetic of the published DeepFill v2: known levels 1 to 63 come back one lower");
  command->add_flag("--json", options->json, "Print one JSON object a picture");
  command->add_flag("--quiet", options->quiet, "No progress and no notices");
  command->callback([options] {
    choose_model(options->model);
    run_inpaint(*options);
  });
}

}  // namespace sluice
