// SPDX-License-Identifier: Apache-2.0
// What may be tried of a layer's schedule: schedules/cpu/<layer>.tuning, beside the shipped values of <layer>.params.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "runtime/tuning/tuning_file.h"

namespace sluice::tuning {

// Parameters that are chosen together, and the values they may have.
struct Factor {
  std::vector<std::string> names;
  std::vector<Parameters> alternatives;
};

// The rows `isa direction name value` of a .params file for forward kernels of `isa`; `any` applies to each, later rows
// replace earlier ones (as generators/layer.cpp reads it). Without the file: none. Error bad_file names the line.
Parameters read_shipped(const std::filesystem::path &params, const std::string &isa);

// The rows `isa names alternative... [when condition...]` of a .tuning file: "avx512 tile_x,tile_y 8,8 4,4 when
// transform=none". `holds`: does a condition hold for the node? Without the file: none. Error bad_file names the line,
// also for a name that is not among `shipped`.
std::vector<Factor> read_factors(const std::filesystem::path &tuning, const std::string &isa, const Parameters &shipped,
                                 const std::function<bool(const std::string &condition)> &holds);

// Every combination of the factors' alternatives, over `shipped`.
std::vector<Parameters> combinations(const std::vector<Factor> &factors, const Parameters &shipped);

// `base` with other values.
Parameters with(Parameters base, const Parameters &other);
// What of `values` differs from `shipped`.
Parameters changed_from(const Parameters &shipped, const Parameters &values);

}  // namespace sluice::tuning
