// SPDX-License-Identifier: Apache-2.0
// The command lines behind a candidate, and its folder.
#include "runtime/tuning/candidate_builder.h"

#include <fmt/format.h>

#include <fstream>
#include <functional>
#include <sstream>

#include "runtime/tuning/commands.h"
#include "weights_io/error.h"

namespace sluice::tuning {
namespace {

namespace fs = std::filesystem;

constexpr double kCompileSeconds = 300;
constexpr const char *kFunction = "sluice_candidate";

fs::path generator_of(const Workshop &workshop, const std::string &layer) {
  return workshop.generators / (layer + ".generator");
}

std::string target_of(const std::string &isa) {
  return std::string(isa == "avx512" ? SLUICE_TARGET_AVX512 : SLUICE_TARGET_AVX2) + "-no_runtime-user_context";
}

std::string read_text(const fs::path &path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// The shipped file, then the rows that replace its own.
std::string params_text(const Workshop &workshop, const Candidate &candidate) {
  std::string text = read_text(workshop.params(candidate.layer));
  for (const auto &[name, value] : candidate.schedule)
    text += fmt::format("{} forward {} {}\n", workshop.isa, name, value);
  return text;
}

std::vector<std::string> generator_words(const Workshop &workshop, const Candidate &candidate) {
  std::vector<std::string> words{generator_of(workshop, candidate.layer).string(),
                                 "-g",
                                 candidate.layer + "_forward",
                                 "-f",
                                 kFunction,
                                 "-e",
                                 "object",
                                 "target=" + target_of(workshop.isa)};
  for (const auto &[name, value] : candidate.variant) words.push_back(name + "=" + value);
  words.insert(words.end(), candidate.more.begin(), candidate.more.end());
  return words;
}

// Everything that the code follows from, and the state of the generator: another name, another candidate.
std::string name_of(const Workshop &workshop, const Candidate &candidate) {
  const fs::path generator = generator_of(workshop, candidate.layer);
  std::string all = params_text(workshop, candidate);
  for (const std::string &word : generator_words(workshop, candidate)) all += word + "\n";
  all += std::to_string(fs::file_size(generator)) + " " +
         std::to_string(fs::last_write_time(generator).time_since_epoch().count());
  return fmt::format("{}-{:016x}", candidate.layer, std::hash<std::string>()(all));
}

}  // namespace

void Workshop::check(const std::string &layer) const {
  const fs::path generator = generator_of(*this, layer);
  if (!fs::exists(generator)) {
    throw Error(ErrorCode::not_found,
                fmt::format("{} is not there: tuning needs the generators of a build tree (build/generators); "
                            "--generators says where they are",
                            generator.string()));
  }
}

void Workshop::check() const {
  if (!fs::is_directory(schedules / "cpu"))
    throw Error(ErrorCode::not_found,
                fmt::format("{} is not there; --schedules says where schedules are", (schedules / "cpu").string()));
  std::filesystem::create_directories(work);
  const std::string failure = run_commands({{{compiler, "--version"}, work / "compiler.log"}}, 1, kCompileSeconds)[0];
  if (!failure.empty()) {
    throw Error(
        ErrorCode::not_found,
        fmt::format("no compiler '{}', which links what is tried: {}; --compiler says another", compiler, failure));
  }
}

std::vector<BuiltCandidate> build_candidates(const Workshop &workshop, const std::vector<Candidate> &candidates) {
  std::vector<BuiltCandidate> built(candidates.size());
  std::vector<Command> compile, link;
  std::vector<size_t> made;  // candidates behind the commands
  for (size_t i = 0; i < candidates.size(); i++) {
    workshop.check(candidates[i].layer);
    const fs::path folder = workshop.work / name_of(workshop, candidates[i]);
    built[i].library = folder / "candidate.so";
    if (fs::exists(built[i].library)) continue;
    fs::create_directories(folder / "cpu");
    std::ofstream(folder / "cpu" / (candidates[i].layer + ".params")) << params_text(workshop, candidates[i]);
    std::vector<std::string> words = generator_words(workshop, candidates[i]);
    words.insert(words.end(), {"-o", folder.string(), "schedule_folder=" + folder.string()});
    compile.push_back({words, folder / "generator.log"});
    // Under another name first: what is there under its own is whole.
    link.push_back({{workshop.compiler, "-shared", "-o", (folder / "linked.so").string(),
                     (folder / (std::string(kFunction) + ".o")).string()},
                    folder / "link.log"});
    made.push_back(i);
  }
  std::vector<std::string> failures = run_commands(compile, workshop.jobs, kCompileSeconds, workshop.stopped);
  std::vector<Command> compiled;
  std::vector<size_t> which;
  for (size_t k = 0; k < made.size(); k++) {
    built[made[k]].failure = failures[k];
    if (!failures[k].empty()) continue;
    compiled.push_back(link[k]);
    which.push_back(made[k]);
  }
  failures = run_commands(compiled, workshop.jobs, kCompileSeconds, workshop.stopped);
  for (size_t k = 0; k < which.size(); k++) {
    built[which[k]].failure = failures[k];
    if (failures[k].empty()) fs::rename(built[which[k]].library.parent_path() / "linked.so", built[which[k]].library);
  }
  return built;
}

}  // namespace sluice::tuning
