// SPDX-License-Identifier: Apache-2.0
// Parameters with one value a channel, packed as the rows of one port (o, row).
#pragma once
#include "layer_generators.h"

namespace sluice {

inline Port packed_vectors(const std::string &name) { return port(name, {{"o", ""}, {"row", ""}}); }

// Row r of stage `packed` is operand names[r].
inline void pack_vectors(Stages &stages, const Context &in, const std::string &packed,
                         const std::vector<std::string> &names) {
  const Halide::Var o("o"), row("row");
  Halide::Expr value = in[names.back()](o);
  for (size_t r = names.size() - 1; r-- > 0;)
    value = Halide::select(row == static_cast<int>(r), in[names[r]](o), value);
  stages.add(packed)(o, row) = value;
}

// Operand names[r] is row r of port `packed`.
inline void unpack_vectors(Context &in, const std::string &packed, const std::vector<std::string> &names) {
  const Halide::Var o("o");
  const Operand rows = in[packed];
  for (size_t r = 0; r < names.size(); r++) {
    Operand vector;
    vector.func = Halide::Func(names[r]);
    vector.func(o) = rows(o, static_cast<int>(r));
    vector.extent = rows.extent;
    in.add(names[r], vector);
  }
}

// Base of a layer all of whose vectors are one port: Layer::kPacked, with rows Layer::packed_names(), the last of which
// is as long as any.
template <typename Layer>
struct PackedVectors : LayerDefaults {
  std::vector<Port> packed() const { return {packed_vectors(Layer::kPacked)}; }
  Stages pack(Context &in) const {
    Stages stages;
    pack_vectors(stages, in, Layer::kPacked, Layer::packed_names());
    return stages;
  }
  void unpack(Context &in) const { unpack_vectors(in, Layer::kPacked, Layer::packed_names()); }
  static std::vector<Halide::Expr> packed_extents(const Context &in) {
    const std::vector<std::string> names = Layer::packed_names();
    return {in[names.back()].extent.at("o"), static_cast<int>(names.size())};
  }
};

// Element o of a parameter that may be left out; then it has one element, its neutral value. (An affine index, so that
// its gradient is a sum.)
inline Halide::Expr element_of(const Operand &vector, const Halide::Expr &o) {
  return vector(o * Halide::select(vector.extent.at("o") == 1, 0, 1));
}

}  // namespace sluice
