// SPDX-License-Identifier: Apache-2.0
// Statements of a model: parameters of the graph, files that are known, axes that count the channels of pictures.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "weights_io/names/names_parser.h"
#include "weights_io/text.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxStatements = 1000;  // of each kind

}  // namespace

NameExtent NamesParser::extent_of(const std::string &word, const char *form) const {
  const std::size_t bracket = word.find('[');
  if (bracket == std::string::npos || bracket == 0 || word.back() != ']') fail(form);
  const auto axis = static_cast<std::size_t>(number(word.substr(bracket + 1, word.size() - bracket - 2), 0));
  return {word.substr(0, bracket), axis, line_};
}

// param NAME = [sqrt] TENSOR[AXIS] [OPERATION TERM] ...
void NamesParser::read_parameter(const Words &words) {
  constexpr const char *kForm =
      "expected: param NAME = [sqrt] TENSOR[AXIS] and + - * / with numbers or TENSOR[AXIS], from left to right";
  if (words.size() < 4 || words[2] != "=") fail(kForm);
  NameParameter parameter{
      words[1], fmt::format("{}", fmt::join(words.begin() + 3, words.end(), " ")), {}, false, line_};
  parameter.is_root = words[3] == "sqrt";
  const std::size_t first = parameter.is_root ? 4 : 3;
  if (words.size() <= first || (words.size() - first) % 2 == 0) fail(kForm);
  for (std::size_t i = first; i < words.size(); i += 2) {
    const std::string operation = i == first ? "+" : words[i - 1];
    const bool is_extent = words[i].find('[') != std::string::npos;
    if (operation.find_first_not_of("+-*/") == 0 || operation.size() > 1 || (i == first && !is_extent)) fail(kForm);
    NameTerm term{operation[0], "", 0, 0};
    if (is_extent) {
      NameExtent extent = extent_of(words[i], kForm);
      term.tensor = std::move(extent.tensor);
      term.axis = extent.axis;
    } else {
      term.number = number(words[i], 1);
    }
    parameter.terms.push_back(std::move(term));
  }
  for (const NameParameter &other : result_.parameters) {
    if (other.name == parameter.name) fail(fmt::format("a second param {}", in_quotes(parameter.name)));
  }
  result_.parameters.push_back(std::move(parameter));
  check_count(result_.parameters.size(), kMaxStatements, "parameters");
}

// known SHA256 licence=ID TEXT
void NamesParser::read_known(const Words &words) {
  constexpr std::string_view kLicence = "licence=";
  const bool is_digest =
      words.size() > 1 && words[1].size() == 64 && words[1].find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_digest || words.size() < 4 || !words[2].starts_with(kLicence) || words[2].size() == kLicence.size()) {
    fail("expected: known SHA256 licence=ID TEXT, with 64 lower-case hexadecimal digits");
  }
  if (known_file(result_, words[1]) != nullptr) fail(fmt::format("{} is known already", in_quotes(words[1])));
  result_.known.push_back({words[1], words[2].substr(kLicence.size()),
                           fmt::format("{}", fmt::join(words.begin() + 3, words.end(), " ")), line_});
  check_count(result_.known.size(), kMaxStatements, "known files");
}

// picture TENSOR[AXIS] ...
void NamesParser::read_picture(const Words &words) {
  constexpr const char *kForm = "expected: picture TENSOR[AXIS] ...";
  if (words.size() < 2) fail(kForm);
  for (std::size_t i = 1; i < words.size(); ++i) {
    const NameRule pattern{words[i], {}, 0, {}, 0, line_};
    for (const NameRule &rule : expanded(pattern)) result_.picture.push_back(extent_of(rule.source, kForm));
  }
  check_count(result_.picture.size(), kMaxStatements, "axes of pictures");
}

}  // namespace sluice
