// SPDX-License-Identifier: Apache-2.0
// Models whose graph and kernels are part of a program. What a generated library calls (sluice_add_model); the handles
// they give are those of sluice.h, for sluice_run() and all else.
#pragma once
#include <cstddef>
#include <map>
#include <string>

#include "runtime/c_api/sluice.h"
#include "runtime/device.h"
#include "runtime/kernel_table.h"

namespace sluice {

struct CompiledModel {
  const char *name = "";        // stands for the graph's file in messages
  const char *graph_text = "";  // of a graph file
  // Its schemas and kernels; lives as long as the process. Null: the kernels that are linked into the program.
  const KernelTable *kernels = nullptr;
  // Values of the graph's parameters that the kernels were chosen for. A weights file that was made for others is
  // refused.
  std::map<std::string, std::string> parameters = {};
  // Devices that `kernels` has kernels for, besides the CPU; as long-lived. Null: none.
  const LinkedModules *modules = nullptr;
};

// Weights from a safetensors file; null: the graph has none. Statuses, messages and options as sluice_model_load().
sluice_status load_compiled_model(const CompiledModel &compiled, const char *weights_file,
                                  const sluice_model_options *options, sluice_model **model) noexcept;
// Weights from the bytes of such a file; they are copied.
sluice_status load_compiled_model(const CompiledModel &compiled, const void *weights, std::size_t weights_bytes,
                                  const sluice_model_options *options, sluice_model **model) noexcept;

}  // namespace sluice
