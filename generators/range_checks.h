// SPDX-License-Identifier: Apache-2.0
// What autodiff guards although it can't happen.
//
// Where a sum over r reads f(r), the adjoint of f at i is select(0 <= i && i < extent of r, terms at clamp(i), 0): a
// question for every element of every term. A gradient has the extent of its port, so within it the answer is always
// yes, and beyond it nobody reads: select(inside, terms at clamp(i), 0) -> terms at i.
#pragma once
#include <Halide.h>

#include <set>
#include <string>

namespace sluice {

class RangeChecks : public Halide::Internal::IRMutator {
 public:
  // Drops those on the pure variables of every update of `gradient`.
  static void drop(const Halide::Func &gradient) {
    Halide::Internal::Function function = gradient.function();
    for (size_t u = 0; u < function.updates().size(); u++) {
      RangeChecks checks;
      for (const Halide::Expr &arg : function.update(static_cast<int>(u)).args()) {
        if (const auto *variable = arg.as<Halide::Internal::Variable>()) checks.own_.insert(variable->name);
      }
      for (Halide::Expr &value : function.update(static_cast<int>(u)).values()) value = checks.mutate(value);
    }
  }

 private:
  std::set<std::string> own_;

  using Halide::Internal::IRMutator::visit;

  const Halide::Internal::Variable *own(const Halide::Expr &e) const {
    const auto *variable = e.as<Halide::Internal::Variable>();
    return variable != nullptr && own_.count(variable->name) != 0 ? variable : nullptr;
  }
  // 0 <= i, i + 1 <= extent, and conjunctions of them.
  bool is_range(const Halide::Expr &e) const {
    using namespace Halide::Internal;
    if (const And *both = e.as<And>()) return is_range(both->a) && is_range(both->b);
    const LE *compared = e.as<LE>();
    if (compared == nullptr) return false;
    if (is_const_zero(compared->a)) return own(compared->b) != nullptr;
    const Add *next = compared->a.as<Add>();
    return next != nullptr && is_const_one(next->b) && own(next->a) != nullptr;
  }
  Halide::Expr visit(const Halide::Internal::Select *op) override {
    if (Halide::Internal::is_const_zero(op->false_value) && is_range(op->condition)) return mutate(op->true_value);
    return IRMutator::visit(op);
  }
  // max(min(extent - 1, i), 0)
  Halide::Expr visit(const Halide::Internal::Max *op) override {
    const auto *upper = op->a.as<Halide::Internal::Min>();
    if (upper != nullptr && Halide::Internal::is_const_zero(op->b)) {
      if (own(upper->b)) return upper->b;
      if (own(upper->a)) return upper->a;
    }
    return IRMutator::visit(op);
  }
};

}  // namespace sluice
