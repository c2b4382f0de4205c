// SPDX-License-Identifier: Apache-2.0
// Fills the hole of a picture from C: inpaint GRAPH WEIGHTS PICTURE.ppm MASK.pgm RESULT.ppm, binary files of 8 bits.
#include <sluice/sluice.h>
#include <stdio.h>
#include <stdlib.h>

static void print_progress(void *user_data, int done, int total, const char *node) {
  fprintf((FILE *)user_data, "\r%d of %d %-24s", done, total, node);
}

static int fill(const char *graph, const char *weights, const sluice_pixels *picture, const sluice_pixels *mask) {
  sluice_model *model = NULL;
  sluice_status status = sluice_model_load(graph, weights, NULL, &model);
  if (status == SLUICE_OK) {
    sluice_run_options options;
    sluice_run_options_init(&options, sizeof options);
    options.progress = print_progress;
    options.user_data = stderr;
    status = sluice_inpaint(model, picture, mask, picture, &options);  // in place
    sluice_model_free(model);
  }
  if (status != SLUICE_OK) fprintf(stderr, "%s: %s\n", sluice_status_name(status), sluice_last_error());
  return (int)status;
}

// A binary PGM or PPM file without comments. Its memory is the caller's; none when the file cannot be read.
static sluice_pixels read_pixels(const char *path) {
  sluice_pixels pixels;
  char kind = 0;
  FILE *file = fopen(path, "rb");
  sluice_pixels_init(&pixels, sizeof pixels);
  if (file == NULL) return pixels;
  if (fscanf(file, "P%c %d %d 255", &kind, &pixels.width, &pixels.height) == 3 && fgetc(file) == '\n' &&
      (kind == '5' || kind == '6') && pixels.width > 0 && pixels.height > 0) {
    const size_t bytes = (size_t)pixels.width * (size_t)pixels.height * (kind == '6' ? 3 : 1);
    pixels.channels = kind == '6' ? 3 : 1;
    pixels.bits = 8;
    pixels.data = malloc(bytes);
    if (pixels.data != NULL && fread(pixels.data, 1, bytes, file) != bytes) {
      free(pixels.data);
      pixels.data = NULL;
    }
  }
  fclose(file);
  return pixels;
}

static int write_pixels(const char *path, const sluice_pixels *pixels) {
  const size_t bytes = (size_t)pixels->width * (size_t)pixels->height * (size_t)pixels->channels;
  FILE *file = fopen(path, "wb");
  if (file == NULL) return 1;
  fprintf(file, "P%c\n%d %d\n255\n", pixels->channels == 3 ? '6' : '5', pixels->width, pixels->height);
  const int failed = fwrite(pixels->data, 1, bytes, file) != bytes;
  return fclose(file) != 0 || failed;
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "inpaint GRAPH WEIGHTS PICTURE.ppm MASK.pgm RESULT.ppm\n");
    return SLUICE_ERROR_USAGE;
  }
  const sluice_pixels picture = read_pixels(argv[3]), mask = read_pixels(argv[4]);
  int code = SLUICE_ERROR_BAD_FILE;
  if (picture.data != NULL && mask.data != NULL) {
    code = fill(argv[1], argv[2], &picture, &mask);
    if (code == 0 && write_pixels(argv[5], &picture) != 0) code = SLUICE_ERROR_INPUT;
  }
  free(picture.data);
  free(mask.data);
  return code;
}
