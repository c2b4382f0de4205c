// SPDX-License-Identifier: Apache-2.0
// Fills the holes of a picture: fill WEIGHTS.safetensors IMAGE.ppm MASK.pgm OUT.ppm [DEVICE]
#include "my_net.h"

#include <stdio.h>
#include <stdlib.h>

// A binary PPM (6, three channels) or PGM (5, one), 8 bits. Gives null when the file is none.
static unsigned char *read_pnm(const char *path, int kind, int *width, int *height) {
  FILE *file = fopen(path, "rb");
  int found = 0, most = 0;
  unsigned char *samples = NULL;
  if (file != NULL && fscanf(file, "P%d %d %d %d", &found, width, height, &most) == 4 && found == kind && most == 255 &&
      *width > 0 && *height > 0 && fgetc(file) != EOF) {
    const size_t count = (size_t)*width * (size_t)*height * (kind == 6 ? 3 : 1);
    samples = malloc(count);
    if (samples != NULL && fread(samples, 1, count, file) != count) {
      free(samples);
      samples = NULL;
    }
  }
  if (file != NULL) fclose(file);
  if (samples == NULL) fprintf(stderr, "fill: %s is no such picture\n", path);
  return samples;
}

static void say(void *data, const char *reason) {
  (void)data;
  fprintf(stderr, "fill: by the CPU: %s\n", reason);
}

static int fill(const char *weights, const char *device, unsigned char *image, unsigned char *mask, int width,
                int height) {
  sluice_model *model = NULL;
  sluice_model_options options;
  sluice_pixels picture, hole;
  sluice_status status = sluice_model_options_init(&options, sizeof(options));
  options.device = device;
  options.device_failed = say;
  if (status == SLUICE_OK) status = my_net_load(weights, &options, &model);
  sluice_pixels_init(&picture, sizeof(picture));
  sluice_pixels_init(&hole, sizeof(hole));
  picture.data = image;
  hole.data = mask;
  picture.width = hole.width = width;
  picture.height = hole.height = height;
  picture.channels = 3;
  hole.channels = 1;
  picture.bits = hole.bits = 8;
  if (status == SLUICE_OK) status = sluice_inpaint(model, &picture, &hole, &picture, NULL);
  if (status != SLUICE_OK) fprintf(stderr, "fill: %s\n", sluice_last_error());
  my_net_free(model);
  return status;
}

int main(int argc, char **argv) {
  int width = 0, height = 0, mask_width = 0, mask_height = 0, status = 2;
  if (argc != 5 && argc != 6) {
    fprintf(stderr, "fill WEIGHTS.safetensors IMAGE.ppm MASK.pgm OUT.ppm [DEVICE]\n");
    return status;
  }
  unsigned char *image = read_pnm(argv[2], 6, &width, &height);
  unsigned char *mask = read_pnm(argv[3], 5, &mask_width, &mask_height);
  if (image != NULL && mask != NULL && (width != mask_width || height != mask_height))
    fprintf(stderr, "fill: the mask has another size\n");
  else if (image != NULL && mask != NULL)
    status = fill(argv[1], argc == 6 ? argv[5] : NULL, image, mask, width, height);
  if (status == 0) {
    FILE *file = fopen(argv[4], "wb");
    if (file == NULL || fprintf(file, "P6\n%d %d\n255\n", width, height) < 0 ||
        fwrite(image, 3, (size_t)width * (size_t)height, file) != (size_t)width * (size_t)height)
      status = 1;
    if (file != NULL && fclose(file) != 0) status = 1;
    if (status != 0) fprintf(stderr, "fill: %s cannot be written\n", argv[4]);
  }
  free(image);
  free(mask);
  return status;
}
