// SPDX-License-Identifier: Apache-2.0
// The learning rate as a function of the step, from one line of text.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

// SCHEDULE RATE key=value ... With s steps done before this one and u = min(s / steps, 1) the rate is
//   1e-4                                                the same at every step; also `constant 1e-4`
//   step 1e-3 every=5000 factor=0.5                     rate * factor^(s / every, rounded down)
//   multistep 1e-3 at=5000,10000,15000 factor=0.5       rate * factor^(how many of these steps have come)
//   cosine 1e-3 steps=100000 floor=1e-6                 floor + (rate - floor) * (1 + cos(pi * u)) / 2
//   linear 1e-4 from=80000 steps=10000 floor=0          rate up to step `from`, then down to floor in so many steps
//   poly 1e-3 steps=100000 power=0.9 floor=0            floor + (rate - floor) * (1 - u)^power
// floor is 0 where it is not said. Any of them may have
//   warmup=500     the first 500 steps have 1/500, 2/500, .. of the rate they would have had
//   every=100      for cosine, linear, poly: the rate changes only where s is a multiple of 100 (an epoch)
// With E steps an epoch, `linear 1e-4 from=798*E steps=101*E every=E` (products written out) is the schedule of
// Interactive Sketch & Fill: 800 epochs and 100 of decay, of which the first step comes an epoch early and the last one
// is 0 (arnabgho/iSketchNFill: policy lambda).
class LearningRate {
 public:
  // Error usage, which names the text and what is wrong with it.
  static LearningRate parse(const std::string &text);
  // step: from 0; the number of steps done before this one.
  double at(int64_t step) const;

 private:
  enum class Schedule { constant, step, multistep, cosine, linear, poly };
  friend class LearningRateReader;

  double decayed(int64_t step) const;

  Schedule schedule_ = Schedule::constant;
  double rate_ = 0, factor_ = 1, floor_ = 0, power_ = 1;
  int64_t every_ = 1, from_ = 0, steps_ = 1, warmup_ = 0;
  std::vector<int64_t> at_;
};

}  // namespace sluice
