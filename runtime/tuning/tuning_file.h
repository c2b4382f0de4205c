// SPDX-License-Identifier: Apache-2.0
// What `sluice tune` found out: a small text file for a graph and a kind of processor (docs/tuning.md has the format).
// Needs no kernel and no Halide: whoever generates kernels for a graph reads it.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace sluice::tuning {

// Parameters of a schedule, as in schedules/cpu/<layer>.params.
using Parameters = std::map<std::string, int>;

struct TunedNode {
  std::string node, layer;
  std::string kernel;                   // the symbol of the shipped kernel it was compared with
  double default_ms = 0, tuned_ms = 0;  // of that one, and of the chosen one; equal where nothing better was found
  std::string algorithm = "fastest";    // "direct": the node is better off with algorithm=direct
  Parameters schedule;                  // those that differ from the shipped ones; empty: none
  bool changed() const { return !schedule.empty() || algorithm != "fastest"; }
};

struct Tuning {
  std::string version;    // of the Sluice that wrote it
  std::string isa;        // "avx2" or "avx512"
  std::string processor;  // the system's name for it
  std::string size;       // of the graph's pictures, "512x512"
  int threads = 0;
  std::vector<TunedNode> nodes;

  const TunedNode *find(const std::string &node) const;  // nullptr: not in the file
};

// Of this program, and of the machine as its system calls it.
std::string sluice_version();
std::string processor_name();

// Error not_found, or bad_file naming file and line. Also when the file's format is another than this Sluice's.
Tuning read_tuning(const std::filesystem::path &path);
void write_tuning(const std::filesystem::path &path, const Tuning &tuning);

// Error bad_file with the reason where the tuning was made by another version, for another kind of processor, or has a
// node that is not among `kernels`: node to the symbol of its shipped forward kernel, which must be that of the file.
void check_tuning(const std::filesystem::path &path, const Tuning &tuning, const std::string &isa,
                  const std::map<std::string, std::string> &kernels);

// "tile_x:8,tile_y:4", "-" for none; and back, Error bad_file beginning with `where`.
std::string parameters_text(const Parameters &parameters);
Parameters parse_parameters(const std::string &text, const std::string &where);

}  // namespace sluice::tuning
