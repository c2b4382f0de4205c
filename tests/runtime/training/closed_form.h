// SPDX-License-Identifier: Apache-2.0
// One number's path under an optimiser, by the formulas of the papers, in double.
#pragma once
#include <cmath>
#include <map>
#include <string>

#include "runtime/training/optimizer.h"

namespace sluice::testing {

using Attributes = std::map<std::string, std::string>;

class ClosedForm {
 public:
  ClosedForm(const OptimizerOptions &options, double parameter) : options_(options), p_(parameter) {}

  double step(double gradient, double rate) {
    t_++;
    const bool decoupled = word("decoupled", "false") == "true";
    const double decay = real("weight_decay", 0), g = decoupled ? gradient : gradient + decay * p_;
    if (decoupled) p_ *= 1 - rate * decay;
    if (options_.rule == "adam") {
      adam(g, rate);
    } else if (options_.rule == "sgd") {
      sgd(g, rate);
    } else {
      rmsprop(g, rate);
    }
    return p_;
  }

 private:
  OptimizerOptions options_;
  double p_, m_ = 0, v_ = 0, velocity_ = 0;
  int t_ = 0;

  std::string word(const std::string &name, const std::string &fallback) const {
    const auto found = options_.attributes.find(name);
    return found == options_.attributes.end() ? fallback : found->second;
  }
  double real(const std::string &name, double fallback) const {
    return std::stod(word(name, std::to_string(fallback)));
  }

  void adam(double g, double rate) {
    const double beta1 = real("beta1", 0.9), beta2 = real("beta2", 0.999), epsilon = std::stod(word("epsilon", "1e-8"));
    m_ = beta1 * m_ + (1 - beta1) * g;
    v_ = beta2 * v_ + (1 - beta2) * g * g;
    const double m = m_ / (1 - std::pow(beta1, t_)), correction = std::sqrt(1 - std::pow(beta2, t_));
    const bool torch = word("form", "torch") == "torch";
    p_ -= rate * m / (torch ? std::sqrt(v_) / correction + epsilon : (std::sqrt(v_) + epsilon) / correction);
  }
  void sgd(double g, double rate) {
    const double momentum = real("momentum", 0);
    velocity_ = momentum * velocity_ + g;
    p_ -= rate * (word("nesterov", "false") == "true" ? g + momentum * velocity_ : velocity_);
  }
  void rmsprop(double g, double rate) {
    const double decay = real("decay", 0.99), epsilon = std::stod(word("epsilon", "1e-8"));
    v_ = decay * v_ + (1 - decay) * g * g;
    if (word("centered", "false") == "true") m_ = decay * m_ + (1 - decay) * g;
    const double spread = v_ - m_ * m_;
    const bool torch = word("form", "torch") == "torch";
    const double move = torch ? rate * g / (std::sqrt(spread) + epsilon) : rate * g / std::sqrt(spread + epsilon);
    velocity_ = real("momentum", 0) * velocity_ + move;  // of one rate, so both forms are the same
    p_ -= velocity_;
  }
};

}  // namespace sluice::testing
