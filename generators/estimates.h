// SPDX-License-Identifier: Apache-2.0
// What an autoscheduler, which then stands in for the schedule of schedules/, assumes of a call: extents of every port
// and the scalars, "input.c:48,input.x:128,dilation_x:1".
#pragma once
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "layer.h"

namespace sluice {

class Estimates {
 public:
  explicit Estimates(const std::string &text) {
    std::istringstream items(text);
    for (std::string item; std::getline(items, item, ',');) {
      const size_t colon = item.find(':');
      if (colon == std::string::npos) throw std::runtime_error("estimates: expected name:value, got '" + item + "'");
      values_[item.substr(0, colon)] = std::stod(item.substr(colon + 1));
    }
  }

  template <typename Buffer>
  void set(const std::vector<Port> &ports, const std::map<std::string, Buffer *> &buffers) const {
    for (const Port &port : ports) {
      for (size_t d = 0; d < port.axes.size(); d++) {
        const int extent = static_cast<int>(of(port.name + "." + port.axes[d].name));
        buffers.at(port.name)->dim(static_cast<int>(d)).set_estimate(0, extent);
      }
    }
  }

  template <typename T>
  void set(const std::map<std::string, Halide::GeneratorInput<T> *> &scalars) const {
    for (const auto &[name, scalar] : scalars) scalar->set_estimate(static_cast<T>(of(name)));
  }

 private:
  std::map<std::string, double> values_;

  double of(const std::string &name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) throw std::runtime_error("estimates: none of '" + name + "'");
    return found->second;
  }
};

}  // namespace sluice
