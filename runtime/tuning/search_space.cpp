// SPDX-License-Identifier: Apache-2.0
// Reading the rows of .params and .tuning files.
#include "runtime/tuning/search_space.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "weights_io/error.h"

namespace sluice::tuning {
namespace {

using Row = std::vector<std::string>;

[[noreturn]] void refuse(const std::string &where, const std::string &what) {
  throw Error(ErrorCode::bad_file, where + ": " + what);
}

// Calls `take` with the words of every row that is not empty, and where it is.
void read_rows(const std::filesystem::path &path, const std::function<void(const Row &, const std::string &)> &take) {
  std::ifstream file(path);
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    number++;
    std::istringstream stream(line.substr(0, line.find('#')));
    Row row;
    for (std::string word; stream >> word;) row.push_back(word);
    if (!row.empty()) take(row, fmt::format("{}:{}", path.string(), number));
  }
}

bool is_for(const std::string &row_isa, const std::string &isa) { return row_isa == isa || row_isa == "any"; }

std::vector<std::string> split(const std::string &text) {
  std::vector<std::string> items;
  std::istringstream stream(text);
  for (std::string item; std::getline(stream, item, ',');) items.push_back(item);
  return items;
}

int parse_value(const std::string &text, const std::string &where) {
  std::istringstream stream(text);
  int value = 0;
  if (!(stream >> value) || !stream.eof()) refuse(where, fmt::format("expected a whole number, got '{}'", text));
  return value;
}

Factor parse_factor(const Row &row, size_t end, const Parameters &shipped, const std::string &where) {
  Factor factor;
  factor.names = split(row[1]);
  for (const std::string &name : factor.names) {
    if (!shipped.contains(name))
      refuse(where, fmt::format("the .params file has no parameter '{}' for this isa", name));
  }
  for (size_t i = 2; i < end; i++) {
    const std::vector<std::string> values = split(row[i]);
    if (values.size() != factor.names.size())
      refuse(where,
             fmt::format("expected {} values, one for each of {}, got '{}'", factor.names.size(), row[1], row[i]));
    Parameters alternative;
    for (size_t n = 0; n < values.size(); n++) alternative[factor.names[n]] = parse_value(values[n], where);
    factor.alternatives.push_back(alternative);
  }
  return factor;
}

}  // namespace

Parameters read_shipped(const std::filesystem::path &params, const std::string &isa) {
  Parameters shipped;
  read_rows(params, [&](const Row &row, const std::string &where) {
    if (row.size() != 4)
      refuse(where, fmt::format("expected `isa direction name value`, got: {}", fmt::join(row, " ")));
    if (is_for(row[0], isa) && row[1] == "forward") shipped[row[2]] = parse_value(row[3], where);
  });
  return shipped;
}

std::vector<Factor> read_factors(const std::filesystem::path &tuning, const std::string &isa, const Parameters &shipped,
                                 const std::function<bool(const std::string &condition)> &holds) {
  std::vector<Factor> factors;
  read_rows(tuning, [&](const Row &row, const std::string &where) {
    const size_t when = static_cast<size_t>(std::find(row.begin(), row.end(), "when") - row.begin());
    if (when < 3)
      refuse(where,
             "expected `isa names alternative... [when condition...]`, got: " + fmt::format("{}", fmt::join(row, " ")));
    if (!is_for(row[0], isa)) return;
    const Factor factor = parse_factor(row, when, shipped, where);
    for (size_t i = when + 1; i < row.size(); i++) {
      if (row[i].find('=') == std::string::npos)
        refuse(where, fmt::format("expected attribute=value, got '{}'", row[i]));
      if (!holds(row[i])) return;
    }
    factors.push_back(factor);
  });
  return factors;
}

Parameters with(Parameters base, const Parameters &other) {
  for (const auto &[name, value] : other) base[name] = value;
  return base;
}

Parameters changed_from(const Parameters &shipped, const Parameters &values) {
  Parameters changed;
  for (const auto &[name, value] : values) {
    const auto before = shipped.find(name);
    if (before == shipped.end() || before->second != value) changed[name] = value;
  }
  return changed;
}

std::vector<Parameters> combinations(const std::vector<Factor> &factors, const Parameters &shipped) {
  std::vector<Parameters> all{shipped};
  for (const Factor &factor : factors) {
    std::vector<Parameters> next = all;  // what is shipped need not be among the alternatives
    for (const Parameters &point : all) {
      for (const Parameters &alternative : factor.alternatives) {
        const Parameters made = with(point, alternative);
        if (std::find(next.begin(), next.end(), made) == next.end()) next.push_back(made);
      }
    }
    all = std::move(next);
  }
  return all;
}

}  // namespace sluice::tuning
