// SPDX-License-Identifier: Apache-2.0
// The one error type of Sluice. Thrown everywhere below the command line; apps/ turns it into one line on stderr
// and the code into the exit status.
#pragma once
#include <stdexcept>
#include <string>

namespace sluice {

enum class ErrorCode {
  input_failed = 1,   // this input could not be processed, others may
  usage = 2,          // wrong option or argument
  not_found = 3,      // model, kernel, device or file that should be there is not
  bad_file = 4,       // a file was read and refused
  interrupted = 130,  // cancelled
};

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string &message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace sluice
