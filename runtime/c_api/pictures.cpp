// SPDX-License-Identifier: Apache-2.0
// What networks are used for, on the caller's pixels.
#include "runtime/c_api/model_handle.h"
#include "runtime/c_api/pixels.h"
#include "runtime/c_api/run_handle.h"
#include "runtime/c_api/status.h"
#include "runtime/tasks/depth.h"
#include "runtime/tasks/inpaint.h"

using namespace sluice;
using namespace sluice::c_api;

namespace {

bool same_memory(const sluice_pixels &a, const sluice_pixels &b) {
  return a.data == b.data && a.channel_stride == b.channel_stride && a.pixel_stride == b.pixel_stride &&
         a.row_stride == b.row_stride && a.order == b.order;
}

void inpaint_pixels(const Model &model, const sluice_pixels &image, const sluice_pixels &mask,
                    const sluice_pixels &result, const sluice_run_options *options) {
  check_fits(mask, image.width, image.height, mask.channels, mask.bits, "mask");
  check_fits(result, image.width, image.height, image.channels, image.bits, "result");
  const std::vector<uint8_t> hole = read_mask_pixels(mask);
  const Picture filled = inpaint(model, read_pixels(image), hole, run_options(options));
  write_pixels(filled, same_memory(image, result) ? &hole : nullptr, result);
}

}  // namespace

sluice_status sluice_pixels_init(sluice_pixels *pixels, size_t struct_size) {
  return init_struct(pixels, struct_size, "sluice_pixels");
}

sluice_status sluice_inpaint(const sluice_model *model, const sluice_pixels *image, const sluice_pixels *mask,
                             const sluice_pixels *result, const sluice_run_options *options) {
  return guarded([&] {
    inpaint_pixels(model_of(model), known_pixels(image, "image"), known_pixels(mask, "mask"),
                   known_pixels(result, "result"), options);
  });
}

sluice_status sluice_complete_depth(const sluice_model *model, const sluice_pixels *image, const sluice_pixels *sparse,
                                    const sluice_pixels *result, int average_mirrored,
                                    const sluice_run_options *options) {
  return guarded([&] {
    const Model &network = model_of(model);
    const sluice_pixels picture = known_pixels(image, "image"), samples = known_pixels(sparse, "sparse"),
                        to = known_pixels(result, "result");
    check_fits(samples, picture.width, picture.height, 1, 16, "sparse");
    check_fits(to, picture.width, picture.height, 1, 16, "result");
    const Picture depth = complete_depth(network, read_pixels(picture), read_pixels(samples), average_mirrored != 0,
                                         run_options(options));
    write_pixels(depth, nullptr, to);
  });
}
