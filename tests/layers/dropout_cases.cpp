// SPDX-License-Identifier: Apache-2.0
#include "tests/layers/layer_cases.h"

namespace sluice::testing {
namespace {

// Philox2x32-10 (Salmon et al., SC 2011), first word.
uint32_t philox(uint32_t first, uint32_t second, uint32_t key) {
  for (int round = 0; round < 10; round++, key += 0x9E3779B9u) {
    const uint64_t product = uint64_t{0xD256D193u} * first;
    first = static_cast<uint32_t>(product >> 32) ^ key ^ second;
    second = static_cast<uint32_t>(product);
  }
  return first;
}

struct Dropout {
  template <typename T>
  static Array<T> value(const Attributes &a, const Operands<T> &in) {
    Array<T> output = in.at("input");
    if (a.word("mode", "") == "eval") return output;
    const auto step = in.find("step");
    const uint32_t run = step == in.end() ? 0 : static_cast<uint32_t>(real_part(step->second.values[0]));
    const double p = static_cast<double>(static_cast<float>(a.real("probability", 0.5)));
    for (size_t i = 0; i < output.values.size(); i++) {
      const uint32_t bits = philox(static_cast<uint32_t>(i), run, static_cast<uint32_t>(a.integer("seed", 0)));
      const bool dropped = static_cast<double>(bits >> 8) / (1 << 24) < p;
      output.values[i] = dropped ? T(0) : output.values[i] / (1 - p);
    }
    return output;
  }
};

const RegisterLayerCases registered(
    "dropout", make_reference<Dropout>(),
    {
        {"", "half", "mode=train", {{2, 5, 6, 7}}, true},
        {"", "wide", "mode=train probability=0.25 seed=7", {{1, 35, 5, 6}}},
        {"", "rows", "mode=train probability=0.1 seed=3", {{4, 33}}},
        {"", "step", "mode=train probability=0.5 seed=7", {{1, 19, 4, 4}, {1}}, true, {{"step", 12}}},
        {"", "video", "mode=train probability=0.5", {{1, 3, 2, 4, 5}}, true},
        {"", "eval", "mode=eval probability=0.5", {{2, 20, 3, 3}}, true},
    });

}  // namespace
}  // namespace sluice::testing
