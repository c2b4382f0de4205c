// SPDX-License-Identifier: Apache-2.0
// The message of the Error that an action throws.
#pragma once
#include <functional>
#include <string>

#include "weights_io/error.h"

namespace sluice::testing {

inline std::string message_of(const std::function<void()> &action) {
  try {
    action();
  } catch (const Error &error) {
    return error.what();
  }
  return "no error";
}

}  // namespace sluice::testing
