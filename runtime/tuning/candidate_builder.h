// SPDX-License-Identifier: Apache-2.0
// Kernels made while the program runs: the layer's generator executable compiles one, the C compiler links it as a
// shared object.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/tuning/search_space.h"

namespace sluice::tuning {

constexpr const char *kCandidateSymbol = "sluice_candidate_argv";  // what a candidate's shared object exports

// Where candidates come from and go to.
struct Workshop {
  std::filesystem::path generators;  // folder of <layer>.generator
  std::filesystem::path schedules;   // folder of cpu/<layer>.params and cpu/<layer>.tuning
  std::filesystem::path work;        // candidates are kept here, and found again
  std::string compiler = "cc";
  std::string isa;  // "avx2" or "avx512"
  int jobs = 1;
  std::function<bool()> stopped = {};

  std::filesystem::path params(const std::string &layer) const { return schedules / "cpu" / (layer + ".params"); }
  std::filesystem::path tuning(const std::string &layer) const { return schedules / "cpu" / (layer + ".tuning"); }
  // Error not_found, naming what is missing, where no kernel of the layer can be made here.
  void check(const std::string &layer) const;
  void check() const;  // likewise, of any layer
};

struct Candidate {
  std::string layer;
  std::map<std::string, std::string> variant;  // what the kernel is built for
  Parameters schedule;                         // in place of what the .params file says
  std::vector<std::string> more = {};          // words for the generator (an autoscheduler)
};

struct BuiltCandidate {
  std::filesystem::path library;
  std::string failure;  // empty: it is there
};

// One a candidate, in order. Those that an earlier call with the same generator made are taken as they are.
std::vector<BuiltCandidate> build_candidates(const Workshop &workshop, const std::vector<Candidate> &candidates);

}  // namespace sluice::tuning
