// SPDX-License-Identifier: Apache-2.0
// The keys of one line of a recipe, read as numbers, words and pairs; what no line asked for is refused.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/graph_text.h"

namespace sluice {

class RecipeValues {
 public:
  // The key=value tokens from `first` on. Values may use `parameters`.
  RecipeValues(const std::vector<std::string> &tokens, size_t first, const GraphSettings &parameters,
               const GraphPosition &position);

  bool has(const std::string &key) const { return given_.count(key) != 0; }
  // Each marks its key as known. `otherwise` is what a line without the key means.
  int64_t integer(const std::string &key, int64_t otherwise, int64_t least, int64_t most);
  double real(const std::string &key, double otherwise, double least, double most);
  bool boolean(const std::string &key, bool otherwise);
  std::string word(const std::string &key, const std::string &otherwise, std::span<const std::string> words);
  // FIRST,LAST in order, or one number for both.
  std::pair<int64_t, int64_t> range(const std::string &key, std::pair<int64_t, int64_t> otherwise, int64_t least,
                                    int64_t most);
  // A,B in any order, or one number for both.
  std::pair<int64_t, int64_t> two(const std::string &key, std::pair<int64_t, int64_t> otherwise, int64_t least,
                                  int64_t most);
  std::string text(const std::string &key, const std::string &otherwise = "");  // as it stands

  // Keys that nothing above asked for, evaluated. Afterwards finish() refuses nothing.
  GraphSettings rest();
  // Error bad_file with file and line.
  [[noreturn]] void fail(const std::string &message) const { position_.fail(message); }
  // Refuses what is left, with the known key that is nearly it.
  void finish() const;

 private:
  std::optional<std::string> take(const std::string &key);
  int64_t integer_of(const std::string &key, const std::string &text, int64_t least, int64_t most) const;

  GraphSettings given_;
  const GraphSettings &parameters_;
  const GraphPosition &position_;
  std::vector<std::string> known_;
};

}  // namespace sluice
