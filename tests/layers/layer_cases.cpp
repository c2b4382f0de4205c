// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"

#include <sstream>

namespace sluice::testing {

Attributes::Attributes(const std::string &text) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    std::istringstream items(word.substr(equals + 1));
    for (std::string item; std::getline(items, item, ',');) values_[word.substr(0, equals)].push_back(item);
  }
}

std::string Attributes::word(const std::string &name, const std::string &fallback) const {
  const auto found = values_.find(name);
  return found == values_.end() ? fallback : found->second[0];
}

double Attributes::real(const std::string &name, double fallback) const {
  const auto found = values_.find(name);
  return found == values_.end() ? fallback : std::stod(found->second[0]);
}

int64_t Attributes::integer(const std::string &name, int64_t fallback, size_t i) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return fallback;
  return std::stoll(found->second.size() == 1 ? found->second[0] : found->second.at(i));
}

std::map<std::string, LayerReference> &references() {
  static std::map<std::string, LayerReference> all;
  return all;
}

std::vector<LayerCase> &cases() {
  static std::vector<LayerCase> all;
  return all;
}

RegisterLayerCases::RegisterLayerCases(const std::string &layer, const LayerReference &reference,
                                       std::vector<LayerCase> list) {
  references()[layer] = reference;
  for (LayerCase &one : list) {
    one.layer = layer;
    cases().push_back(one);
  }
}

}  // namespace sluice::testing
