// SPDX-License-Identifier: Apache-2.0
// Runs the network on tensors: draw WEIGHTS.safetensors HEIGHT WIDTH < image and mask > drawn, float32 n c h w each.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "my_net.h"

int main(int argc, char **argv) {
  if (argc != 4) {
    std::fprintf(stderr, "draw WEIGHTS.safetensors HEIGHT WIDTH < image and mask > drawn\n");
    return 2;
  }
  my_net_tensors tensors{};
  tensors.n = 1;
  tensors.h = std::atoi(argv[2]);
  tensors.w = std::atoi(argv[3]);
  const auto pixels = static_cast<size_t>(tensors.h * tensors.w);
  std::vector<float> given(4 * pixels), drawn(3 * pixels);
  if (std::fread(given.data(), sizeof(float), given.size(), stdin) != given.size()) {
    std::fprintf(stderr, "draw: expected %zu numbers\n", given.size());
    return 1;
  }
  tensors.image = given.data();
  tensors.mask = given.data() + 3 * pixels;
  tensors.drawn = drawn.data();
  sluice_model *model = nullptr;
  sluice_status status = my_net_load(argv[1], nullptr, &model);
  if (status == SLUICE_OK) status = my_net_run(model, &tensors, nullptr);
  if (status != SLUICE_OK) std::fprintf(stderr, "draw: %s\n", sluice_last_error());
  my_net_free(model);
  const bool written =
      status == SLUICE_OK && std::fwrite(drawn.data(), sizeof(float), drawn.size(), stdout) == drawn.size();
  return written ? 0 : 1;
}
