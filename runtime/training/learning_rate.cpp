// SPDX-License-Identifier: Apache-2.0
#include "runtime/training/learning_rate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <sstream>

#include "runtime/expression.h"
#include "weights_io/error.h"

namespace sluice {

// Takes the words of a line one after the other, and says which text is wrong.
class LearningRateReader {
 public:
  explicit LearningRateReader(const std::string &text) : text_(text) {
    std::istringstream words(text);
    for (std::string word; words >> word;) words_.push_back(word);
  }

  LearningRate read() {
    static const std::map<std::string, Schedule> schedules = {
        {"constant", Schedule::constant}, {"step", Schedule::step},     {"multistep", Schedule::multistep},
        {"cosine", Schedule::cosine},     {"linear", Schedule::linear}, {"poly", Schedule::poly}};
    if (words_.empty()) refuse("it is empty");
    if (as_number(words_[0])) words_.insert(words_.begin(), "constant");
    const auto found = schedules.find(words_[0]);
    if (found == schedules.end())
      refuse(fmt::format("no schedule '{}'; there are: constant step multistep cosine linear poly", words_[0]));
    if (words_.size() < 2) refuse("the rate is missing");
    read_keys();
    LearningRate made;
    made.schedule_ = found->second;
    made.rate_ = number("rate", words_[1]);
    if (made.rate_ <= 0) refuse("the rate must be more than 0, got " + words_[1]);
    read_schedule(made);
    if (keys_.count("warmup") != 0) made.warmup_ = count("warmup", 0);
    if (!keys_.empty()) refuse(fmt::format("{} has no '{}'", words_[0], keys_.begin()->first));
    return made;
  }

 private:
  using Schedule = LearningRate::Schedule;
  std::string text_;
  std::vector<std::string> words_;
  std::map<std::string, std::string> keys_;

  [[noreturn]] void refuse(const std::string &what) const {
    throw Error(ErrorCode::usage, fmt::format("learning rate '{}': {}", text_, what));
  }

  void read_keys() {
    for (size_t i = 2; i < words_.size(); i++) {
      const size_t equals = words_[i].find('=');
      if (equals == std::string::npos) refuse(fmt::format("expected key=value, got '{}'", words_[i]));
      if (!keys_.emplace(words_[i].substr(0, equals), words_[i].substr(equals + 1)).second)
        refuse(fmt::format("'{}' is said twice", words_[i].substr(0, equals)));
    }
  }

  void read_schedule(LearningRate &made) {
    const Schedule schedule = made.schedule_;
    if (schedule == Schedule::constant) return;
    if (schedule == Schedule::step || schedule == Schedule::multistep) {
      if (schedule == Schedule::step) made.every_ = count("every", 1);
      if (schedule == Schedule::multistep) made.at_ = ascending("at");
      made.factor_ = number("factor", take("factor"));
      if (made.factor_ <= 0) refuse("factor must be more than 0");
      return;
    }
    made.steps_ = count("steps", 1);
    if (schedule == Schedule::linear) made.from_ = count("from", 0);
    if (schedule == Schedule::poly) made.power_ = number("power", take("power"));
    if (made.power_ <= 0) refuse("power must be more than 0");
    if (keys_.count("floor") != 0) made.floor_ = number("floor", take("floor"));
    if (made.floor_ < 0 || made.floor_ > made.rate_) refuse("floor is 0 to the rate");
    if (keys_.count("every") != 0) made.every_ = count("every", 1);
  }

  std::string take(const std::string &key) {
    const auto found = keys_.find(key);
    if (found == keys_.end()) refuse(fmt::format("{} needs {}=", words_[0], key));
    std::string value = found->second;
    keys_.erase(found);
    return value;
  }

  double number(const std::string &name, const std::string &value) const {
    const auto number = as_number(value);
    if (!number) refuse(fmt::format("{} is no number: '{}'", name, value));
    return *number;
  }

  int64_t count(const std::string &key, int64_t least) {
    const std::string value = take(key);
    const auto number = as_integer(value);
    if (!number || *number < least) refuse(fmt::format("{} is a whole number from {}, got '{}'", key, least, value));
    return *number;
  }

  std::vector<int64_t> ascending(const std::string &key) {
    std::istringstream items(take(key));
    std::vector<int64_t> numbers;
    for (std::string item; std::getline(items, item, ',');) {
      const auto number = as_integer(item);
      if (!number || *number <= (numbers.empty() ? -1 : numbers.back()))
        refuse(fmt::format("{} is a list of ascending whole numbers, got '{}'", key, item));
      numbers.push_back(*number);
    }
    if (numbers.empty()) refuse(key + " is empty");
    return numbers;
  }
};

LearningRate LearningRate::parse(const std::string &text) { return LearningRateReader(text).read(); }

double LearningRate::at(int64_t step) const {
  const double rate = decayed(step);
  if (step >= warmup_) return rate;
  return rate * static_cast<double>(step + 1) / static_cast<double>(warmup_);
}

double LearningRate::decayed(int64_t step) const {
  const auto passed = std::upper_bound(at_.begin(), at_.end(), step) - at_.begin();
  const int64_t begun = step - step % every_;  // where the rate last changed
  const int64_t drops = step / every_;
  const double part = static_cast<double>(std::clamp<int64_t>(begun - from_, 0, steps_)) / static_cast<double>(steps_);
  switch (schedule_) {
    case Schedule::constant:
      return rate_;
    case Schedule::step:
      return rate_ * std::pow(factor_, static_cast<double>(drops));
    case Schedule::multistep:
      return rate_ * std::pow(factor_, static_cast<double>(passed));
    case Schedule::cosine:
      return floor_ + (rate_ - floor_) * (1 + std::cos(std::numbers::pi * part)) / 2;
    case Schedule::linear:
      return floor_ + (rate_ - floor_) * (1 - part);
    case Schedule::poly:
      return floor_ + (rate_ - floor_) * std::pow(1 - part, power_);
  }
  return rate_;
}

}  // namespace sluice
