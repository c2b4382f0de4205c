// SPDX-License-Identifier: Apache-2.0
// Memory for all tensors of a plan.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

namespace sluice {

struct FreeArena {
  void operator()(float *memory) const { std::free(memory); }
};
using Arena = std::unique_ptr<float, FreeArena>;

// Not initialised; aligned to vectors, on large pages where the system has them: a run touches all of it, page by page.
// Error input_failed, naming the model, when there is no memory.
Arena allocate_arena(int64_t bytes, const std::string &model);

}  // namespace sluice
