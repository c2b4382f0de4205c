// SPDX-License-Identifier: Apache-2.0
// What stands behind a sluice_cancellation, and how a caller's options become those of a run.
#pragma once
#include <atomic>

#include "runtime/c_api/sluice.h"
#include "runtime/model.h"

struct sluice_cancellation {
  std::atomic<bool> cancelled{false};
};

namespace sluice::c_api {

// Lives no longer than what `given` points to.
RunOptions run_options(const sluice_run_options *given);

}  // namespace sluice::c_api
