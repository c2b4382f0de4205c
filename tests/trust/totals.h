// SPDX-License-Identifier: Apache-2.0
// What came of the problems, by layer: counted in memory that worker processes share, kept in a state file, printed.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace sluice::testing {

struct Counts {
  int64_t drawn = 0, refused = 0, vacuous = 0;  // problems whose result is compared with the reference's
  int64_t exact = 0, real = 0;                  // of these compared: without rounding, and within the bound
  int64_t gradients = 0;                        // exact problems whose float32 gradients equal those in double
  int64_t runs = 0, coupled = 0;                // problems run at other batches and threads; layers that may not be
  int64_t extremes = 0, extremes_refused = 0;   // extents and attributes that are 0, negative or huge
  int64_t differing = 0, failures = 0;          // elements that differ where no bit may; problems that failed
  double worst = 0;                             // largest error of a real-valued problem, in units of its bound

  void add(const Counts &other);
};

struct Totals {
  uint64_t seed = 1;
  int64_t rounds = 0;  // done: problems 0 .. rounds - 1 of every layer
  std::map<std::string, Counts> layers;

  Counts sum() const;
};

// Totals{seed} where there is no such file, or it is of another seed.
Totals read_state(const std::filesystem::path &file, uint64_t seed);
void write_state(const std::filesystem::path &file, const Totals &totals);

// A line a layer, and the sum.
std::string table(const Totals &totals);
// The ledger: date, machine, seed, table.
void write_ledger(const std::filesystem::path &file, const Totals &totals);

// What is too little to prove anything, one line a layer: too much refused, too many results without content.
std::vector<std::string> weak_layers(const Totals &totals);

}  // namespace sluice::testing
