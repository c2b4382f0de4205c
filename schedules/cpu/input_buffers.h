// SPDX-License-Identifier: Apache-2.0
// The input buffers of a stage, whose run-time layout a schedule may specialise for.
#pragma once
#include <map>
#include <set>
#include <vector>

#include "generators/layer.h"

namespace sluice {

// Dimension d counts from the innermost.
class InputBuffer {
 public:
  explicit InputBuffer(const Halide::Parameter &parameter) : parameter_(parameter) {}
  const std::string &name() const { return parameter_.name(); }
  int dimensions() const { return parameter_.dimensions(); }
  Halide::Expr extent(int d) const { return member("extent", d); }
  Halide::Expr stride(int d) const { return member("stride", d); }

 private:
  Halide::Parameter parameter_;

  Halide::Expr member(const std::string &what, int d) const {
    return Halide::Internal::Variable::make(Halide::Int(32), parameter_.name() + "." + what + "." + std::to_string(d),
                                            parameter_);
  }
};

// Those that the stage reads, itself or through others.
inline std::vector<InputBuffer> input_buffers(const Halide::Func &stage) {
  class Calls : public Halide::Internal::IRVisitor {
   public:
    std::map<std::string, Halide::Parameter> found;

   private:
    std::set<std::string> seen_;
    using Halide::Internal::IRVisitor::visit;
    void visit(const Halide::Internal::Call *call) override {
      IRVisitor::visit(call);
      if (call->param.defined()) found.emplace(call->name, call->param);
      if (!call->func.defined() || !seen_.insert(call->name).second) return;
      const Halide::Internal::Function function(call->func);
      visit_definitions(function);
    }

   public:
    void visit_definitions(const Halide::Internal::Function &function) {
      function.definition().accept(this);
      for (const Halide::Internal::Definition &update : function.updates()) update.accept(this);
    }
  };
  Calls calls;
  calls.visit_definitions(stage.function());
  std::vector<InputBuffer> buffers;
  for (const auto &entry : calls.found) buffers.emplace_back(entry.second);
  return buffers;
}

}  // namespace sluice
