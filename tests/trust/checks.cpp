// SPDX-License-Identifier: Apache-2.0
#include "tests/trust/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>

#include "runtime/graph_file.h"
#include "tests/trust/comparison.h"
#include "tests/trust/draw.h"
#include "weights_io/error.h"

namespace sluice::testing {
namespace {

constexpr int64_t kMostElements = int64_t{1} << 22;
using Outputs = std::map<std::string, Array<double>>;

class Check {
 public:
  Check(const std::string &layer, uint64_t seed, int64_t number, Counts &counts, Progress &progress)
      : layer_(layer), number_(number), random_(seed, layer, number), counts_(counts), progress_(progress) {
    name_ = fmt::format("seed {} problem {}", seed, number);
    set_threads(static_cast<int>(1 + number % 3));
  }

  void values(bool exact) {
    const LayerCase from = one_of_the_cases(exact);
    const Drawn drawn = draw_from(from);
    counts_.drawn++;
    const std::unique_ptr<Problem> problem = make(drawn.problem, from.exact && exact);
    const Outputs outputs = problem ? run(*problem) : Outputs();
    if (outputs.empty()) {
      counts_.refused++;
      return;
    }
    compare_values(*problem, outputs, from.exact && exact);
  }

  // Threads and batch positions.
  void same_bits() {
    constexpr int64_t kLargestBatch = 8, kEvery = 16;
    const int64_t batch = kLargestBatch - number_ / kEvery % kLargestBatch;
    const Drawn drawn = draw_from(one_of_the_cases(random_.chance(30)), batch);
    const std::unique_ptr<Problem> problem = make(drawn.problem, false);
    if (problem == nullptr) return;
    set_threads(1);
    const Outputs once = run(*problem);
    if (once.empty()) return;
    for (const int threads : {2, 3, 4, 8}) {
      set_threads(threads);
      require_same(run(*problem), once, *problem, fmt::format("{} threads", threads));
    }
    same_gradients(*problem, once);
    counts_.runs++;
    if (couples(*problem, once, batch)) {
      counts_.coupled++;
      return;
    }
    same_samples(drawn, *problem, once);
  }

  void extreme() {
    counts_.extremes++;
    const Drawn drawn = draw_from(one_of_the_cases(random_.chance(50)), random_.between(1, 2));
    if (random_.chance(50)) {
      extreme_extent(drawn.problem);
    } else {
      extreme_attribute(drawn.problem);
    }
  }

 private:
  LayerCase one_of_the_cases(bool exact) {
    std::vector<LayerCase> of_layer, of_kind;
    for (const LayerCase &one : cases()) {
      if (one.layer != layer_) continue;
      of_layer.push_back(one);
      if (one.exact == exact) of_kind.push_back(one);
    }
    return random_.one_of(of_kind.empty() ? of_layer : of_kind);
  }

  Drawn draw_from(const LayerCase &from, int64_t batch = 0) {
    Drawn drawn = draw(from, random_, batch);
    drawn.problem.name += " " + name_;
    return drawn;
  }

  [[noreturn]] void fail(const LayerCase &one, const std::string &what) {
    throw Finding(fmt::format("{}\n    {}", what, one_line(one)));
  }

  // nullptr: refused by a named error.
  std::unique_ptr<Problem> make(const LayerCase &one, bool whole_numbers) {
    progress_.phase = Phase::product;
    const std::string line = one_line(one).substr(0, sizeof progress_.line - 1);
    std::copy(line.c_str(), line.c_str() + line.size() + 1, progress_.line);
    if (progress_.tell) fmt::print("{}\n", line), std::fflush(stdout);
    try {
      return std::make_unique<Problem>(one, whole_numbers, kMostElements);
    } catch (const Error &) {
      return nullptr;
    } catch (const std::length_error &) {
      return nullptr;
    } catch (const std::exception &error) {
      fail(one, fmt::format("no named error but: {}", error.what()));
    }
  }

  // Empty: refused by a named error.
  Outputs run(const Problem &problem) {
    progress_.phase = Phase::product;
    try {
      return run_kernels(problem);
    } catch (const Error &) {
      return {};
    } catch (const std::exception &error) {
      fail(problem.layer_case(), fmt::format("no named error but: {}", error.what()));
    }
  }

  Array<double> expected(const Problem &problem) {
    progress_.phase = Phase::reference;
    try {
      return problem.reference().value(problem.attributes(), problem.operands());
    } catch (const std::exception &error) {
      fail(problem.layer_case(), fmt::format("computed, but the reference has no answer: {}", error.what()));
    }
  }

  void require(const Comparison &result, const Problem &problem, const std::string &what) {
    if (result.differing == 0) return;
    counts_.differing += result.differing;
    fail(problem.layer_case(), fmt::format("{}: {} elements wrong; {}", what, result.differing, result.first));
  }

  void compare_values(const Problem &problem, const Outputs &outputs, bool whole_numbers) {
    const Array<double> reference = expected(problem);
    const std::string first = problem.schema().outputs[0].name;
    const bool exact = whole_numbers && has_no_rounding(reference);
    if (exact) {
      require(compare(outputs.at(first), reference), problem, "exact " + first);
    } else {
      const Array<double> bound = allowed_error(problem, reference);
      const Comparison result = compare(outputs.at(first), reference, &bound);
      if (result.differing != 0) {
        fail(problem.layer_case(), fmt::format("{}: {:.3f} times the bound in {} elements; {}", first, result.worst,
                                               result.differing, result.first));
      }
      if (is_telling(reference)) counts_.worst = std::max(counts_.worst, result.worst);
    }
    for (const auto &[name, value] : problem.reference().others)
      require(compare(outputs.at(name), value(problem.attributes(), problem.operands())), problem, name);
    if (!is_telling(reference)) {
      counts_.vacuous++;
      return;
    }
    (exact ? counts_.exact : counts_.real)++;
    if (exact) exact_gradients(problem, reference.shape);
  }

  Operands<double> gradients_of(const Problem &problem, const Array<double> &grad_output, bool in_double) {
    progress_.phase = Phase::product;
    try {
      return in_double ? derived_gradients(problem, grad_output) : float_gradients(problem, grad_output);
    } catch (const std::exception &error) {
      fail(problem.layer_case(), fmt::format("forward has a result, backward says: {}", error.what()));
    }
  }

  void exact_gradients(const Problem &problem, const std::vector<int64_t> &shape) {
    const Array<double> grad_output = random_like(shape, static_cast<uint32_t>(number_), true);
    const Operands<double> wanted = gradients_of(problem, grad_output, true),
                           made = gradients_of(problem, grad_output, false);
    bool compared = false;
    for (const auto &[port, gradient] : wanted) {
      const auto ours = made.find(port);
      if (ours == made.end() || !has_no_rounding(gradient)) continue;
      require(compare(ours->second, gradient), problem, "gradient of " + port);
      compared = true;
    }
    if (compared) counts_.gradients++;
  }

  // By definition no sample is alone: training modes (batch statistics; noise by position in the batch), and results
  // that are one for the whole batch (losses).
  static bool couples(const Problem &problem, const Outputs &outputs, int64_t batch) {
    for (const char *mode : {"batch_train", "train"}) {
      for (const SchemaAttribute &attribute : problem.schema().attributes) {
        if (problem.attributes().word(attribute.name, attribute.fallback) == mode) return true;
      }
    }
    return std::any_of(outputs.begin(), outputs.end(), [&](const auto &one) { return one.second.shape[0] != batch; });
  }

  void require_same(const Outputs &made, const Outputs &wanted, const Problem &problem, const std::string &what) {
    if (made.empty()) fail(problem.layer_case(), what + ": refused");
    for (const auto &[name, value] : wanted) require(compare(made.at(name), value), problem, what + ", " + name);
  }

  void same_gradients(const Problem &problem, const Outputs &once) {
    const Array<double> grad_output =
        random_like(once.at(problem.schema().outputs[0].name).shape, static_cast<uint32_t>(number_));
    set_threads(1);
    const Outputs wanted = gradients_of(problem, grad_output, false);
    for (const int threads : {2, 3, 8}) {
      set_threads(threads);
      require_same(gradients_of(problem, grad_output, false), wanted, problem,
                   fmt::format("gradients, {} threads", threads));
    }
  }

  void same_samples(const Drawn &drawn, const Problem &problem, const Outputs &whole) {
    constexpr int kThreads[] = {1, 2, 3, 4, 8};
    const int64_t batch = whole.begin()->second.shape[0];
    const std::unique_ptr<Problem> sample = make(sample_case(drawn.problem, drawn.batched), false);
    if (sample == nullptr) fail(drawn.problem, "a sample alone is refused");
    for (int64_t k = 0; k < batch; k++) {
      take_sample(problem, drawn.batched, k, *sample);
      set_threads(kThreads[k % 5]);
      Outputs wanted;
      for (const auto &[name, value] : whole) wanted[name] = item(value, k);
      require_same(run(*sample), wanted, problem, fmt::format("sample {} of {} alone", k, batch));
    }
  }

  // An input whose shape has such an extent: nothing can be computed from it.
  void extreme_extent(const LayerCase &one) {
    static const std::vector<int64_t> extents = {0,
                                                 -1,
                                                 -7,
                                                 INT32_MIN,
                                                 INT32_MAX,
                                                 int64_t{INT32_MAX} + 1,
                                                 int64_t{1} << 32,
                                                 (int64_t{1} << 32) + 1,
                                                 int64_t{1} << 62,
                                                 INT64_MAX,
                                                 INT64_MIN};
    const std::unique_ptr<Problem> problem = make(one, true);
    if (problem == nullptr) return;
    TensorMap inputs = problem->tensors(false);
    const size_t input = static_cast<size_t>(random_.below(static_cast<int64_t>(one.inputs.size())));
    std::vector<int64_t> &shape = inputs.at(problem->schema().inputs[input].name).shape;
    const size_t axes = static_cast<size_t>(random_.chance(30) ? 2 : 1);
    for (size_t i = 0; i < axes; i++)
      shape[static_cast<size_t>(random_.below(static_cast<int64_t>(shape.size())))] = random_.one_of(extents);
    const std::string what = fmt::format("input {} of shape {}", input, shape_text(shape));
    try {
      const Model model(parse_graph(graph_text(one, true), layer_ + ".graph", ParseOptions{}), problem->tensors(true));
      model.run(inputs);
    } catch (const Error &) {
      counts_.extremes_refused++;
      return;
    } catch (const std::exception &error) {
      fail(one, fmt::format("{}: no named error but: {}", what, error.what()));
    }
    fail(one, what + " was computed");
  }

  void extreme_attribute(LayerCase one) {
    static const std::vector<std::string> values = {"0",
                                                    "-1",
                                                    "-2147483648",
                                                    "2147483647",
                                                    "2147483648",
                                                    "65536",
                                                    "4294967297",
                                                    "4611686018427387904",
                                                    "-9223372036854775808",
                                                    "1000000000000000000000",
                                                    "0.5",
                                                    "nan",
                                                    "inf",
                                                    "1e30",
                                                    "1e-30",
                                                    "x"};
    std::vector<std::string> numbers;
    for (const SchemaAttribute &attribute : KernelTable::linked().schema(layer_).attributes) {
      const bool number = attribute.kind == AttributeKind::shape || attribute.kind == AttributeKind::integer ||
                          attribute.kind == AttributeKind::groups || attribute.kind == AttributeKind::real;
      if (number && attribute.fallback != "true" && attribute.fallback != "false") numbers.push_back(attribute.name);
    }
    if (numbers.empty()) return extreme_extent(one);
    AttributeLine line(one.attributes);
    line.set(random_.one_of(numbers), {random_.one_of(values)});
    one.attributes = line.text();
    const std::unique_ptr<Problem> problem = make(one, one.exact);
    if (problem == nullptr || !runnable(*problem)) {
      counts_.extremes_refused++;
      return;
    }
    const Outputs outputs = run(*problem);
    if (outputs.empty()) {
      counts_.extremes_refused++;
      return;
    }
    const Array<double> reference = expected(*problem);
    const bool exact = one.exact && has_no_rounding(reference);
    const Array<double> bound = allowed_error(*problem, reference);
    const Array<double> &made = outputs.at(problem->schema().outputs[0].name);
    const Comparison result = compare(made, reference, exact ? nullptr : &bound);
    if (result.differing != 0) fail(one, fmt::format("{} elements wrong; {}", result.differing, result.first));
  }

  // A plan of more than 256 MB is not carried out: how much it needs is known, which is an answer.
  bool runnable(const Problem &problem) {
    constexpr int64_t kMost = int64_t{256} << 20;
    try {
      const Model model(problem.graph(), problem.tensors(true));
      return model.plan_for(problem.tensors(false), {}).arena_bytes() <= kMost;
    } catch (const Error &) {
      return false;
    } catch (const std::exception &error) {
      fail(problem.layer_case(), fmt::format("no named error but: {}", error.what()));
    }
  }

  std::string layer_, name_;
  int64_t number_;
  Random random_;
  Counts &counts_;
  Progress &progress_;
};

}  // namespace

void check_problem(const std::string &layer, uint64_t seed, int64_t number, Counts &counts, Progress &progress) {
  Check check(layer, seed, number, counts, progress);
  const int64_t kind = number % 16;
  if (kind == 7) return check.same_bits();
  if (kind == 15) return check.extreme();
  check.values(kind % 8 < 5);
}

}  // namespace sluice::testing
