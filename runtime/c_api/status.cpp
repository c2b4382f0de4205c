// SPDX-License-Identifier: Apache-2.0
// Exceptions to statuses, and the message of the last one.
#include "runtime/c_api/status.h"

#include <new>
#include <string>

namespace sluice::c_api {
namespace {

// Memory may be what has run out: a text of a fixed size, cut where it is longer.
constexpr std::size_t kMessageBytes = 4096;
thread_local char message[kMessageBytes] = "";

void set_message(const char *text) {
  std::size_t length = std::min(std::strlen(text), kMessageBytes - 1);
  // Not in the middle of a character of UTF-8.
  while (length > 0 && text[length] != '\0' && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U) length--;
  std::memcpy(message, text, length);
  message[length] = '\0';
}

sluice_status status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::input_failed:
      return SLUICE_ERROR_INPUT;
    case ErrorCode::usage:
      return SLUICE_ERROR_USAGE;
    case ErrorCode::not_found:
      return SLUICE_ERROR_NOT_FOUND;
    case ErrorCode::bad_file:
      return SLUICE_ERROR_BAD_FILE;
    case ErrorCode::interrupted:
      return SLUICE_CANCELLED;
  }
  return SLUICE_ERROR_INTERNAL;
}

}  // namespace

sluice_status status_of_exception() noexcept {
  try {
    throw;
  } catch (const Error &error) {
    set_message(error.what());
    return status_of(error.code());
  } catch (const std::bad_alloc &) {
    set_message("out of memory");
    return SLUICE_ERROR_MEMORY;
  } catch (const std::length_error &error) {
    set_message(error.what());  // of a container that cannot be that large
    return SLUICE_ERROR_MEMORY;
  } catch (const std::exception &error) {
    set_message(error.what());
    return SLUICE_ERROR_INTERNAL;
  } catch (...) {
    set_message("an exception that is none of the C++ library's, perhaps of a callback");
    return SLUICE_ERROR_INTERNAL;
  }
}

void check_struct(const void *given, std::size_t struct_size, std::size_t known_size, const char *type) {
  if (struct_size < sizeof(std::size_t) || struct_size > kMostStructBytes) {
    throw Error(ErrorCode::usage,
                fmt::format("{}: struct_size is {}; fill it by its _init function", type, struct_size));
  }
  const auto *bytes = static_cast<const unsigned char *>(given);
  for (std::size_t i = known_size; i < struct_size; i++) {
    if (bytes[i] == 0) continue;
    throw Error(
        ErrorCode::usage,
        fmt::format("{}: a member is set that version {} of the library does not know (struct_size {}, known {})", type,
                    sluice_version_text(), struct_size, known_size));
  }
}

}  // namespace sluice::c_api

const char *sluice_last_error(void) { return sluice::c_api::message; }

const char *sluice_status_name(sluice_status status) {
  switch (status) {
    case SLUICE_OK:
      return "ok";
    case SLUICE_ERROR_INPUT:
      return "input";
    case SLUICE_ERROR_USAGE:
      return "usage";
    case SLUICE_ERROR_NOT_FOUND:
      return "not found";
    case SLUICE_ERROR_BAD_FILE:
      return "bad file";
    case SLUICE_ERROR_MEMORY:
      return "memory";
    case SLUICE_ERROR_INTERNAL:
      return "internal";
    case SLUICE_CANCELLED:
      return "cancelled";
  }
  return "unknown";
}
