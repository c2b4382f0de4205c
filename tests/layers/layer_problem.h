// SPDX-License-Identifier: Apache-2.0
// A case of a layer made concrete: its graph of one node, its operands, and what kernels make of them.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "runtime/layer_node.h"
#include "runtime/model.h"
#include "tests/layers/layer_cases.h"

namespace sluice::testing {

// Values in memory order (c, space from the last axis to the first, n), for kernels in double.
class DoubleTensor {
 public:
  // tensor: axes n c s1 .. sk, of which c is innermost in memory; parameters are in the order of the file reversed.
  DoubleTensor(const Array<double> &array, bool tensor);
  // Back in the order of files.
  Array<double> read(const std::vector<int64_t> &shape, bool tensor) const;
  BufferView view() { return BufferView(values.data(), extents, halide_type_of<double>()); }

  std::vector<double> values;
  Extents extents;
};

// "model conv2d\ninput input [1 5 8 9]\nconv2d node from input to output kernel=3\noutput output\n".
// symbols: the inputs' shapes are left open, "[a b c d]", a symbol of its own for each.
std::string graph_text(const LayerCase &one, bool symbols = false);

class Problem {
 public:
  // Error where the graph, an attribute or a shape is refused; std::length_error for an operand of more than
  // `most_elements`.
  Problem(const LayerCase &one, bool whole_numbers, int64_t most_elements = int64_t{1} << 26);
  Problem(const Problem &) = delete;  // the node points into the graph

  const LayerCase &layer_case() const { return case_; }
  const LayerSchema &schema() const { return schema_; }
  const Attributes &attributes() const { return attributes_; }
  const Graph &graph() const { return graph_; }
  const LayerNode &node() const { return *node_; }
  const Operands<double> &operands() const { return operands_; }
  const LayerReference &reference() const { return references().at(case_.layer); }
  bool is_input(const std::string &port) const;
  // The operands as float32, by the names that Model wants: parameters and state, or inputs.
  TensorMap tensors(bool parameters) const;
  // Puts other values of the same shape in place of an operand.
  void replace(const std::string &port, const Array<double> &values) { operands_.at(port) = values; }

 private:
  void fill(const std::string &name, const std::vector<int64_t> &shape);

  LayerCase case_;
  bool whole_numbers_;
  int64_t most_elements_;
  Attributes attributes_;
  const LayerSchema &schema_;
  Graph graph_;
  std::optional<LayerNode> node_;
  Operands<double> operands_;
  std::vector<std::string> absent_;
};

Array<double> to_array(const StoredTensor &tensor);

// What the float32 kernel makes of the problem, as the program runs it: the first output, or the one of this name.
Array<double> run_kernel(const Problem &problem, const std::string &output = "");
// Every output.
std::map<std::string, Array<double>> run_kernels(const Problem &problem);

// The largest error a real-valued result may have: what the layer says, else 4e-6 of the largest result.
Array<double> allowed_error(const Problem &problem, const Array<double> &reference);

// A reference that is mostly zeros, or constant, proves nothing.
bool is_telling(const Array<double> &reference);

Array<double> random_like(const std::vector<int64_t> &shape, uint32_t seed, bool whole_numbers = false);

// Gradients of sum(output * grad_output) by port, in the shapes of files: by the derived kernel in double, and by those
// in float32 of a model with these options. Ports that the problem's node doesn't have are left out.
Operands<double> derived_gradients(const Problem &problem, const Array<double> &grad_output);
Operands<double> float_gradients(const Problem &problem, const Array<double> &grad_output,
                                 const LoadOptions &options = {});
LoadOptions for_training(LoadOptions options = {});

// The length of the difference over that of the reference.
double relative_distance(const Array<double> &value, const Array<double> &reference);
// d sum(output * grad_output) along a direction of an operand, by a complex step through the reference.
double derivative_along(const Problem &problem, const Array<double> &grad_output, const std::string &port,
                        const Array<double> &direction);

}  // namespace sluice::testing
