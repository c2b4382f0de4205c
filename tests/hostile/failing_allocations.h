// SPDX-License-Identifier: Apache-2.0
// Memory that fails on demand, for the whole process: malloc and its kin are replaced, so that libpng, libjpeg, zlib
// and operator new meet the failures as well.
#pragma once
#include <cstddef>

namespace sluice::hostile {

// Which requests fail, counted from the call on.
enum class Failing {
  none,
  one,     // the k-th
  onwards  // the k-th and all behind it
};

void begin_counting(Failing failing, std::size_t k);
void end_counting();

std::size_t requests();  // since begin_counting
long live();             // allocated less freed since then
bool has_failed();       // whether a request was refused

}  // namespace sluice::hostile
