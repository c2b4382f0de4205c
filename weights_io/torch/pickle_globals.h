// SPDX-License-Identifier: Apache-2.0
// The names of Python code that a pickle of weights may mention. None of it exists here: a name on this list says how
// the data around it is to be understood. A file that mentions any other name is refused.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "weights_io/tensor.h"

namespace sluice::pickle {

enum class Role : unsigned char {
  ordered_dictionary,  // called with a list of pairs, or nothing
  dictionary,          // filled by SETITEMS; what it is called with says nothing of its contents
  size,                // torch.Size: the tuple it is called with
  storage,             // the type of a storage
  dtype,
  rebuild_tensor,     // storage, offset, size, stride
  rebuild_tensor_v2,  // and whether a gradient is required, hooks, possibly metadata
  rebuild_tensor_v3,  // and the type of the elements before the metadata
  rebuild_parameter,  // a tensor, whether a gradient is required, hooks
  rebuild_parameter_with_state,
  rebuild_from_type,  // a function of these, the class, its arguments, attributes
  tensor_class,       // torch.Tensor and torch.nn.parameter.Parameter, as an argument of the one above
  unread_tensor,      // a tensor of a kind that is not read
  plain               // says nothing about weights
};

// An element type of PyTorch. `dtype` is empty where it is not read.
struct ElementType {
  const char *name;
  std::size_t size;
  std::optional<DType> dtype;
};

struct Global {
  Role role;
  // What a value made with it is called: "a numpy array".
  const char *what;
  const ElementType *element;  // of storage and dtype
};

// A number for `global_of`, or none where the name is not on the list.
std::optional<std::size_t> find_global(std::string_view module, std::string_view name);

Global global_of(std::size_t number);

// Says that `file` mentions it and that nothing was run, with what a person can do. Always throws Error(bad_file).
[[noreturn]] void refuse_global(const std::string &file, std::string_view module, std::string_view name);

}  // namespace sluice::pickle
