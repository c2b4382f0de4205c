// SPDX-License-Identifier: Apache-2.0
// Loading a candidate, checking its result, timing it.
#include "runtime/tuning/node_bench.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <sstream>

#include "runtime/tuning/candidate_builder.h"
#include "weights_io/error.h"

namespace sluice::tuning {
namespace {

using KernelFunction = int (*)(void **);

// Stays loaded: the child that does this ends soon.
KernelFunction load_candidate(const std::filesystem::path &library) {
  void *handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw Error(ErrorCode::input_failed, fmt::format("cannot be loaded: {}", ::dlerror()));
  void *symbol = ::dlsym(handle, kCandidateSymbol);
  if (symbol == nullptr) throw Error(ErrorCode::input_failed, fmt::format("has no {}", kCandidateSymbol));
  return reinterpret_cast<KernelFunction>(symbol);
}

}  // namespace

std::string to_line(const MeasureRequest &request) {
  return fmt::format("{} {} {} {} {} {}", request.step, request.algorithm, request.same_sums ? 1 : 0, request.seconds,
                     request.fewest, request.library.string());
}

MeasureRequest request_from_line(const std::string &line) {
  MeasureRequest request;
  std::istringstream words(line);
  std::string library;
  words >> request.step >> request.algorithm >> request.same_sums >> request.seconds >> request.fewest;
  if (!words) throw Error(ErrorCode::bad_file, fmt::format("tuning: not a request: '{}'", line));
  std::getline(words >> std::ws, library);
  request.library = library;
  return request;
}

NodeBench::NodeBench(const Model &model, const ExecutionPlan &plan, const TensorMap &inputs, int threads)
    : model_(model), plan_(plan) {
  set_threads(threads);
  arena_ = allocate_arena(plan.arena_bytes(), model.graph().model);
  model.fill_inputs(plan, inputs, arena_.get());
  TensorMap state;
  model.execute(plan, arena_.get(), {}, state);
}

const NodeProblem &NodeBench::problem(size_t step, const std::string &algorithm) {
  if (step != step_) problems_.clear();
  step_ = step;
  std::unique_ptr<NodeProblem> &made = problems_[algorithm];
  if (!made) made = std::make_unique<NodeProblem>(model_, plan_, arena_.get(), plan_.steps().at(step), algorithm);
  return *made;
}

Comparison NodeBench::measure(const MeasureRequest &request) {
  const NodeProblem &own = problem(request.step, "fastest"), &other = problem(request.step, request.algorithm);
  const Kernel &kernel = own.shipped();
  const Kernel candidate = request.library.empty()
                               ? other.shipped()
                               : other.other(request.library.filename().string(), load_candidate(request.library));
  own.spoil();
  own.run(kernel);
  const std::vector<float> expected = own.result();
  other.spoil();
  other.run(candidate);
  const std::string wrong = difference(expected, other.result(), request.same_sums);
  if (!wrong.empty()) throw Error(ErrorCode::input_failed, wrong);
  return compare(time_pairs([&] { own.run(kernel); }, [&] { other.run(candidate); }, request.seconds, request.fewest));
}

}  // namespace sluice::tuning
