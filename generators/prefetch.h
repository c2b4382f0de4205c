// SPDX-License-Identifier: Apache-2.0
// Cache lines asked for before they are needed, from within a definition: a zero whose computation asks for a line. A
// stage of such zeros is added to what is computed meanwhile, and its schedule says when that is.
#pragma once
#include <string>
#include <vector>

#include "layer.h"

namespace sluice {

constexpr int kLineBytes = 64;

class Lines {
 public:
  // Of an input (Operand::stored), or of an output that has its pure definition.
  static Lines of_input(const Halide::Func &stored) {
    return Lines(stored.value().as<Halide::Internal::Call>()->param);
  }
  static Lines of_output(const Halide::Func &output) { return Lines(output.output_buffer().parameter()); }

  // Elements of a line.
  int elements() const { return kLineBytes / buffer_.type().bytes(); }

  // Where the element `at` is, innermost first, in elements. (Those that are left out are 0.)
  Halide::Expr offset(const std::vector<Halide::Expr> &at) const {
    Halide::Expr sum = 0;
    for (size_t d = 0; d < at.size(); d++) {
      const std::string stride = buffer_.name() + ".stride." + std::to_string(d);
      sum += at[d] * Halide::Internal::Variable::make(Halide::Int(32), stride, buffer_);
    }
    return sum;
  }
  // 0, of type int; asks for the line that is there. Where there is no memory nothing happens.
  Halide::Expr ask(const Halide::Expr &offset) const {
    using Halide::Internal::Call;
    const Halide::Expr memory = Halide::Internal::Variable::make(Halide::Handle(), buffer_.name(), buffer_);
    return Call::make(Halide::Int(32), Call::prefetch, {memory, offset, 1, 1}, Call::Intrinsic);
  }

 private:
  Halide::Parameter buffer_;

  explicit Lines(Halide::Parameter buffer) : buffer_(std::move(buffer)) {}
};

}  // namespace sluice
