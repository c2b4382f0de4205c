// SPDX-License-Identifier: Apache-2.0
// Made-up candidates, shared objects like those of the tuner, for a rectifier: CANDIDATE says what this one does.
#include <HalideRuntime.h>

#include <algorithm>
#include <cstdlib>

namespace {

[[maybe_unused]] void rectify(const halide_buffer_t &input, const halide_buffer_t &output, float wrong) {
  const int count = static_cast<int>(input.number_of_elements());
  const auto *from = reinterpret_cast<const float *>(input.host);
  auto *to = reinterpret_cast<float *>(output.host);
  for (int i = 0; i < count; i++) to[i] = std::max(from[i], 0.0f) + wrong;
}

}  // namespace

// Arguments: the user context, the input, two scalars, the output.
extern "C" int sluice_candidate_argv(void **arguments) {
  [[maybe_unused]] const auto &input = *static_cast<const halide_buffer_t *>(arguments[1]);
  [[maybe_unused]] const auto &output = *static_cast<const halide_buffer_t *>(arguments[4]);
#if CANDIDATE == 0  // right
  rectify(input, output, 0);
  return 0;
#elif CANDIDATE == 1  // nearly right
  rectify(input, output, 1e-3f);
  return 0;
#elif CANDIDATE == 2  // reports an error
  return halide_error_code_access_out_of_bounds;
#elif CANDIDATE == 3  // crashes
  std::abort();
#else                 // hangs
  for (volatile int forever = 0;;) forever = 1;
#endif
}
