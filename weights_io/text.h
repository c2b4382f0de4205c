// SPDX-License-Identifier: Apache-2.0
// Text from untrusted files, made fit for a message.
#pragma once
#include <string>
#include <string_view>

namespace sluice {

// The text in single quotes, control characters and NUL as \xNN, cut after about a hundred bytes.
std::string in_quotes(std::string_view text);

bool is_valid_utf8(std::string_view text);

}  // namespace sluice
