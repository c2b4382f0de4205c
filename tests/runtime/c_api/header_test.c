// SPDX-License-Identifier: Apache-2.0
// sluice.h in a C99 program: it compiles, and a whole use of it works.
#include "runtime/c_api/sluice.h"

#include <string.h>

int sluice_test_c99(void);

static void count(void *user_data, int done, int total, const char *node) {
  (void)done, (void)total, (void)node;
  ++*(int *)user_data;
}

int sluice_test_c99(void) {
  const char *const graph = "model c\ninput x [1 1 1 2]\nactivation y from x activation=relu\noutput y\n";
  float x[] = {-1, 2}, y[] = {5, 5};
  sluice_tensor in = {.name = "x", .element = SLUICE_FLOAT32, .rank = 4, .extents = {1, 1, 1, 2}, .data = x};
  sluice_tensor out = in;
  sluice_run_options options;
  sluice_model *model = NULL;
  int called = 0;
  out.name = "y";
  out.data = y;
  if (sluice_run_options_init(&options, sizeof options) != SLUICE_OK) return 1;
  options.progress = count;
  options.user_data = &called;
  if (sluice_model_load_memory("c.graph", graph, NULL, 0, NULL, &model) != SLUICE_OK) return 2;
  if (sluice_run(model, &in, 1, &out, 1, &options) != SLUICE_OK) return 3;
  if (y[0] != 0 || y[1] != 2 || called != 2) return 4;
  sluice_model_free(model);
  if (sluice_model_load("/nowhere.graph", NULL, NULL, &model) != SLUICE_ERROR_NOT_FOUND) return 5;
  return strstr(sluice_last_error(), "/nowhere.graph") == NULL ? 6 : 0;
}
