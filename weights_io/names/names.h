// SPDX-License-Identifier: Apache-2.0
// models/<model>.names: how the tensors of published checkpoints become the tensors of our graph. The file is data; the
// comment at the top of models/deepfill2.names describes its form.
#pragma once
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "weights_io/checkpoint.h"
#include "weights_io/tensor.h"

namespace sluice {

// One tensor of a dialect and what becomes of it: patterns are already expanded.
struct NameRule {
  std::string source;
  std::vector<std::string> targets;      // more than one: equal parts along `split_axis`
  std::size_t axes = 0;                  // of the source; 0: any rank, as it is
  std::vector<std::size_t> permutation;  // axis k of ours is axis permutation[k] of the source; others have extent 1
  std::size_t split_axis = 0;            // of ours
  int line = 0;
};

// A tensor that a checkpoint may hold once more; then both must be equal.
struct NameDuplicate {
  std::string source, original;
  int line = 0;
};

// A tensor that a checkpoint may hold; then it has these values. It makes none of ours.
struct NameConstant {
  std::string source;
  std::vector<int64_t> shape;
  std::vector<float> values;
  int line = 0;
};

// A vector of spectral norm that the file does not hold: v of `weight` and `u`, all three ours, so that u . (weight v)
// is the norm. The file may hold the weight divided by the norm as `by`, which then says what the norm is.
struct NameSolve {
  std::string v, weight, u, by;
  int line = 0;
};

struct NameDialect {
  std::string name;
  std::vector<NameRule> rules;
  std::vector<std::string> ignored;   // patterns with '*'
  std::vector<std::string> prefixes;  // one of them may stand before every name
  std::vector<NameDuplicate> duplicates;
  std::vector<NameConstant> constants;
  std::vector<NameSolve> solved;
  int line = 0;
};

// An extent of one of our tensors, or a number where `tensor` is empty, and how it joins what is left of it.
struct NameTerm {
  char operation = '+';
  std::string tensor;
  std::size_t axis = 0;
  int64_t number = 0;
};

// An axis of one of our tensors.
struct NameExtent {
  std::string tensor;
  std::size_t axis = 0;
  int line = 0;
};

// A published file by its digest.
struct NameKnown {
  std::string sha256, licence, text;  // 64 lower-case hexadecimal digits; an SPDX identifier; what it is
  int line = 0;
};

// value = the terms joined from left to right, or the square root of that.
struct NameParameter {
  std::string name, text;
  std::vector<NameTerm> terms;
  bool is_root = false;
  int line = 0;
};

struct NamesFile {
  std::string file;  // for messages
  std::string model;
  std::vector<NameDialect> dialects;
  std::vector<NameParameter> parameters;
  std::vector<NameKnown> known;
  std::vector<NameExtent> picture;  // axes whose first three places are the channels of a picture
};

// Null when it is none of them.
const NameKnown *known_file(const NamesFile &names, std::string_view sha256);

// Throw Error(bad_file) "<file>:<line>: <reason>"; Error(not_found) when the file is absent.
NamesFile read_names(const std::filesystem::path &path);
NamesFile parse_names(std::string_view text, const std::string &name_for_errors);

struct Conversion {
  TensorMap tensors;                              // our names, float32
  std::map<std::string, std::string> parameters;  // of the graph, such as width -> "48"
  std::string dialect;
  std::size_t ignored = 0;  // tensors of the source that the dialect says to leave out
};

// Picks the dialect, and the prefix, most of whose names are in the source, among equals the one that misses and leaves
// over least, and is strict about the rest: all missing, unexpected, misshapen and unequal tensors are listed in one
// Error(bad_file). Names, types and shapes are judged before any tensor is read; then tensors are read one at a time,
// and only those that are wanted.
Conversion apply_names(const NamesFile &names, Checkpoint &source);

// The same of tensors that are in memory.
Conversion apply_names(const NamesFile &names, Archive source, const std::string &source_name);

struct Export {
  TensorMap tensors;  // names and layout of the dialect, float32
  std::string dialect;
};

// The inverse: our tensors as a file of that dialect, with the copies and the constants that it may hold and without a
// prefix. An empty name stands for the dialect of published PyTorch files (called "torch") where there is one, else for
// ours, the first. Whatever does not fit is listed in one Error(bad_file); what the dialect has no place for is refused
// unless reading the file would make it again, bit for bit. Error(usage) for a dialect that is not there.
Export export_names(const NamesFile &names, const std::string &dialect_name, TensorMap ours,
                    const std::string &source_name);

// Turns the first three channels around wherever the network meets a picture: weights for RGB become weights for BGR
// and the other way round. Error(usage) where the names file says of no tensor that it does.
void swap_picture_channels(const NamesFile &names, TensorMap &tensors);

}  // namespace sluice
