// SPDX-License-Identifier: Apache-2.0
#include "tests/trust/totals.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <sstream>

#include "runtime/kernel_call.h"

namespace sluice::testing {
namespace {

constexpr int64_t Counts::*kNumbers[] = {
    &Counts::drawn,    &Counts::refused,          &Counts::vacuous,   &Counts::exact,
    &Counts::real,     &Counts::gradients,        &Counts::runs,      &Counts::coupled,
    &Counts::extremes, &Counts::extremes_refused, &Counts::differing, &Counts::failures};
constexpr const char *kTitles[] = {"problems",    "refused",         "no content",      "exact",
                                   "real-valued", "exact gradients", "batch x threads", "batch coupled",
                                   "extreme",     "extreme refused", "differing bits",  "failures"};

constexpr const char *kLedgerHead = R"(# Random problems against plain loops

Written by `make trust` (tests/trust). Every problem is a case of tests/layers with other extents and other numbers,
compared with the layer's reference in double. *exact*: small whole numbers, no bit may differ; *exact gradients*: nor
may those of the float32 backward kernel from the one in double; *real-valued*: the worst error is in units of the error
that the layer's bound allows. *batch x threads*: every sample of a batch has the bits it has alone, for 1, 2, 3, 4 and 8
threads; *batch coupled*: of these, for the threads only, because the layer's definition joins the samples (batch
statistics, noise by position, losses). *extreme*: extents and attributes that are 0, negative or huge. *refused*: by a
named error. *no content*: a result that is mostly zeros, or constant, counts for nothing.

)";

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

std::string today() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

std::string row(const std::string &name, const Counts &counts) {
  std::string text = fmt::format("| {:24} |", name);
  for (size_t i = 0; i < std::size(kNumbers); i++)
    text += fmt::format(" {:>{}} |", counts.*kNumbers[i], std::string(kTitles[i]).size());
  return text + fmt::format(" {:>11.3f} |\n", counts.worst);
}

}  // namespace

void Counts::add(const Counts &other) {
  for (const auto number : kNumbers) this->*number += other.*number;
  worst = std::max(worst, other.worst);
}

Counts Totals::sum() const {
  Counts all;
  for (const auto &entry : layers) all.add(entry.second);
  return all;
}

Totals read_state(const std::filesystem::path &file, uint64_t seed) {
  Totals totals;
  std::ifstream in(file);
  if (!(in >> totals.seed >> totals.rounds) || totals.seed != seed) {
    totals = Totals();
    totals.seed = seed;
    return totals;
  }
  for (std::string layer; in >> layer;) {
    Counts &counts = totals.layers[layer];
    for (const auto number : kNumbers) in >> counts.*number;
    in >> counts.worst;
  }
  return totals;
}

void write_state(const std::filesystem::path &file, const Totals &totals) {
  std::filesystem::path next = file;
  next += ".next";
  {
    std::ofstream out(next);
    out << totals.seed << " " << totals.rounds << "\n";
    for (const auto &[layer, counts] : totals.layers) {
      out << layer;
      for (const auto number : kNumbers) out << " " << counts.*number;
      out << fmt::format(" {:.17g}\n", counts.worst);
    }
  }
  std::filesystem::rename(next, file);
}

std::string table(const Totals &totals) {
  std::string text = fmt::format("| {:24} |", "layer"), line = "|---|";
  for (const char *title : kTitles) {
    text += fmt::format(" {} |", title);
    line += "---|";
  }
  text += " worst error |\n" + line + "---|\n";
  for (const auto &[layer, counts] : totals.layers) text += row(layer, counts);
  return text + row("all", totals.sum());
}

void write_ledger(const std::filesystem::path &file, const Totals &totals) {
  std::ofstream out(file);
  out << kLedgerHead;
  out << fmt::format("{}, {}, {} kernels; seed {}, problems 0 to {} of every layer.\n\n", today(), processor(),
                     kernel_isa(), totals.seed, totals.rounds - 1);
  out << table(totals);
}

std::vector<std::string> weak_layers(const Totals &totals) {
  constexpr int64_t kEnough = 100;  // a share of a handful says nothing
  std::vector<std::string> weak;
  for (const auto &[layer, counts] : totals.layers) {
    if (counts.drawn < kEnough) continue;
    if (10 * counts.refused >= 6 * counts.drawn)
      weak.push_back(fmt::format("{}: {} of {} problems refused", layer, counts.refused, counts.drawn));
    if (4 * counts.vacuous > 3 * (counts.drawn - counts.refused))
      weak.push_back(fmt::format("{}: {} of {} results have no content", layer, counts.vacuous, counts.drawn));
  }
  return weak;
}

}  // namespace sluice::testing
