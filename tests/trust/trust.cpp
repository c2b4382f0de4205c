// SPDX-License-Identifier: Apache-2.0
// Random problems for every layer against its reference in plain loops (checks.h says which, draw.h how they are
// drawn).
//
//   trust [--seed S] [--rounds N] [--exact N --real N] [--seconds T] [--jobs J] [--layer NAME] [--state FILE]
//         [--ledger FILE]
//   trust --seed S --layer NAME --only N     one problem again, in this process
//
// A round is one problem of every layer. It ends after N rounds, or when so many exact and real-valued problems were
// compared, or after T seconds. Problems run in worker processes, so that a crash or a problem that takes more than a
// minute of processor time is a failure of that problem only; --state continues where the last run with that file
// stopped.
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <set>

#include "runtime/kernel_table.h"
#include "runtime/training/gradients.h"
#include "tests/layers/layer_cases.h"
#include "tests/trust/checks.h"

namespace sluice::testing {
namespace {

constexpr int64_t kRoundsAtOnce = 16;
constexpr int kLongestSeconds = 60;     // of processor time, so that a busy machine fails nothing
constexpr unsigned kWaitSeconds = 900;  // for a problem that waits for ever
constexpr size_t kMostLayers = 128;

struct Options {
  uint64_t seed = 1;
  int64_t rounds = INT64_MAX, exact = INT64_MAX, real = INT64_MAX, seconds = INT64_MAX, jobs = 1, only = -1;
  std::string layer, state, ledger;
};

// Ends this process when the problem that begins now takes too long.
void limit_time() {
  itimerval limit{};
  limit.it_value.tv_sec = kLongestSeconds;
  setitimer(ITIMER_PROF, &limit, nullptr);
  alarm(kWaitSeconds);
}

// What workers and their watcher share. Positions count problems: round * layers + layer.
struct Worker {
  std::atomic<int64_t> position;
  Progress progress;
  Counts counts[kMostLayers];
};

class Trust {
 public:
  explicit Trust(const Options &options) : options_(options) {
    std::set<std::string> names;
    for (const LayerCase &one : cases()) {
      if (options.layer.empty() || one.layer == options.layer) names.insert(one.layer);
    }
    layers_.assign(names.begin(), names.end());
    if (layers_.empty() || layers_.size() > kMostLayers) throw std::runtime_error("no such layer: " + options.layer);
    void *memory = mmap(nullptr, sizeof(Worker) * jobs(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no shared memory");
    workers_ = static_cast<Worker *>(memory);
    totals_.seed = options.seed;
    if (!options.state.empty()) totals_ = read_state(options.state, options.seed);
  }

  int one_problem() {
    Counts counts;
    Progress progress{};
    progress.tell = true;
    for (size_t i = 0; i < layers_.size(); i++)
      check(options_.only * layer_count() + static_cast<int64_t>(i), counts, progress);
    fmt::print("{}\n", counts.failures == 0 ? "no failure" : "failed");
    return counts.failures == 0 ? 0 : 1;
  }

  int run() {
    const auto start = std::chrono::steady_clock::now();
    const auto late = [&] {
      return std::chrono::steady_clock::now() - start >
             std::chrono::seconds(std::min<int64_t>(options_.seconds, 1 << 30));
    };
    while (!enough() && !late()) {
      const int64_t last = std::min(totals_.rounds + kRoundsAtOnce, options_.rounds);
      std::memset(static_cast<void *>(workers_), 0, sizeof(Worker) * jobs());
      watch(last);
      for (size_t job = 0; job < jobs(); job++) {
        for (size_t i = 0; i < layers_.size(); i++) totals_.layers[layers_[i]].add(workers_[job].counts[i]);
      }
      totals_.rounds = last;
      if (!options_.state.empty()) write_state(options_.state, totals_);
    }
    return report();
  }

 private:
  size_t jobs() const { return static_cast<size_t>(options_.jobs); }
  int64_t layer_count() const { return static_cast<int64_t>(layers_.size()); }

  bool enough() const {
    const Counts sum = totals_.sum();
    return totals_.rounds >= options_.rounds || (sum.exact >= options_.exact && sum.real >= options_.real);
  }

  // The first few of a layer are told, in every chunk of rounds.
  void failed(int64_t position, const std::string &what, const Counts &counts) const {
    constexpr int64_t kTold = 3;
    if (counts.failures > kTold) return;
    fmt::print("FAILED {0}: {1}\n    trust --seed {2} --layer {0} --only {3}\n",
               layers_[static_cast<size_t>(position % layer_count())], what, options_.seed, position / layer_count());
    std::fflush(stdout);
  }

  void check(int64_t position, Counts &counts, Progress &progress) const {
    const std::string &layer = layers_[static_cast<size_t>(position % layer_count())];
    try {
      check_problem(layer, options_.seed, position / layer_count(), counts, progress);
    } catch (const std::exception &error) {
      counts.failures++;
      failed(position, error.what(), counts);
    }
  }

  // In a process of its own: the problems of one job from `first` on.
  [[noreturn]] void work(Worker &worker, int64_t first, int64_t end) const {
#ifndef __SANITIZE_ADDRESS__
    const rlimit most{rlim_t{6} << 30, rlim_t{6} << 30};
    setrlimit(RLIMIT_AS, &most);
#endif
    for (int64_t position = first; position < end; position += options_.jobs) {
      worker.position = position;
      limit_time();
      check(position, worker.counts[position % layer_count()], worker.progress);
    }
    std::fflush(stdout);
    _exit(0);
  }

  pid_t start(size_t job, int64_t first, int64_t end) const {
    std::fflush(stdout);
    const pid_t process = fork();
    if (process == 0) work(workers_[job], first, end);
    if (process < 0) throw std::runtime_error("no process can be started");
    return process;
  }

  // All problems of the rounds up to `last`; a worker that dies is replaced, behind the problem that it died of.
  void watch(int64_t last) const {
    const int64_t first = totals_.rounds * layer_count(), end = last * layer_count();
    std::map<pid_t, size_t> running;
    for (size_t job = 0; job < jobs(); job++) running[start(job, first + static_cast<int64_t>(job), end)] = job;
    while (!running.empty()) {
      int status = 0;
      const pid_t process = waitpid(-1, &status, 0);
      const auto found = running.find(process);
      if (found == running.end()) continue;
      const size_t job = found->second;
      running.erase(found);
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
      Worker &worker = workers_[job];
      const int64_t position = worker.position;
      worker.counts[position % layer_count()].failures++;
      const std::string how = !WIFSIGNALED(status) ? fmt::format("exit status {}", WEXITSTATUS(status))
                              : WTERMSIG(status) == SIGPROF
                                  ? fmt::format("more than {} s of processor time", kLongestSeconds)
                              : WTERMSIG(status) == SIGALRM ? fmt::format("not done after {} s", kWaitSeconds)
                                                            : strsignal(WTERMSIG(status));
      failed(position,
             how + (worker.progress.phase == Phase::reference ? " in the reference: computed what has no answer" : "") +
                 "\n    " + worker.progress.line,
             worker.counts[position % layer_count()]);
      running[start(job, position + options_.jobs, end)] = job;
    }
  }

  int report() const {
    fmt::print("{}", table(totals_));
    if (!options_.ledger.empty()) write_ledger(options_.ledger, totals_);
    const std::vector<std::string> weak = weak_layers(totals_);
    for (const std::string &line : weak) fmt::print("TOO WEAK {}\n", line);
    const Counts sum = totals_.sum();
    fmt::print("{} failures, {} differing elements, {} exact and {} real-valued problems, {} rounds\n", sum.failures,
               sum.differing, sum.exact, sum.real, totals_.rounds);
    return sum.failures == 0 && weak.empty() ? 0 : 1;
  }

  Options options_;
  std::vector<std::string> layers_;
  Worker *workers_ = nullptr;
  Totals totals_;
};

Options read_options(int argc, char **argv) {
  Options options;
  const std::map<std::string, int64_t Options::*> numbers = {
      {"--rounds", &Options::rounds},   {"--exact", &Options::exact}, {"--real", &Options::real},
      {"--seconds", &Options::seconds}, {"--jobs", &Options::jobs},   {"--only", &Options::only}};
  const std::map<std::string, std::string Options::*> words = {
      {"--layer", &Options::layer}, {"--state", &Options::state}, {"--ledger", &Options::ledger}};
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (i + 1 == argc) throw std::runtime_error(name + " needs a value");
    if (name == "--seed") {
      options.seed = std::stoull(argv[i + 1]);
    } else if (numbers.count(name) != 0) {
      options.*numbers.at(name) = std::stoll(argv[i + 1]);
    } else if (words.count(name) != 0) {
      options.*words.at(name) = argv[i + 1];
    } else {
      throw std::runtime_error("unknown option " + name);
    }
  }
  if (options.jobs < 1) throw std::runtime_error("--jobs must be 1 or more");
  return options;
}

}  // namespace
}  // namespace sluice::testing

int main(int argc, char **argv) {
  try {
    const auto options = sluice::testing::read_options(argc, argv);
    sluice::register_training();
    sluice::register_test_kernels(sluice::KernelTable::linked());
    sluice::testing::Trust trust(options);
    return options.only >= 0 ? trust.one_problem() : trust.run();
  } catch (const std::exception &error) {
    fmt::print(stderr, "trust: {}\n", error.what());
    return 2;
  }
}
