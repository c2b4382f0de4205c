// SPDX-License-Identifier: Apache-2.0
// Gradient penalties: the mean over samples of (|g| - centre)^2, g the gradient of a score with respect to a tensor
// (Gulrajani et al., arXiv 1704.00028: centre 1; Mescheder, Geiger, Nowozin, arXiv 1801.04406: centre 0, R1 at true
// samples), and its gradients with respect to weights.
//
// With r_n the norm of sample n's part of g, of N samples, the penalty's gradient is that of the derivative of the
// score along
//   v_n = 2 (1 - centre / r_n) g_n / N,
// held constant. So a forward pass goes as far as a copy of the tensor, `direction`; one walk back makes g; v takes the
// place of the copy; the pass goes on through nodes that compute the derivative along it (tangents.h), and the backward
// pass differentiates those like all others. Where r_n is 0, and the penalty has a kink if the centre is not 0, v_n is
// 0.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "runtime/training/training_pass.h"

namespace sluice {

struct GradientPenalty {
  std::string name, of, at;        // of: the score, summed over all its elements
  std::string direction, tangent;  // direction: the node, and its tensor, that copies `at`
  double centre = 0, weight = 1;
};

class PenaltyGradients {
 public:
  // Adds what a pass needs to know before it is made.
  static void want(const std::vector<GradientPenalty> &penalties, PassOptions &options);
  // The pass must outlive this.
  PenaltyGradients(std::vector<GradientPenalty> penalties, TrainingPass &pass);

  // To be called before every step of a forward pass, with its number: RunOptions::progress.
  void before_step(int step);
  // Of the last forward pass, without the weight.
  double value(const std::string &name) const { return values_.at(name); }
  // What seeds the backward pass: the weights.
  TensorMap seeds() const;

 private:
  void turn(size_t index);

  std::vector<GradientPenalty> penalties_;
  TrainingPass &pass_;
  std::map<int, size_t> due_;  // by step of the plan
  std::map<std::string, double> values_;
};

}  // namespace sluice
