// SPDX-License-Identifier: Apache-2.0
// The tables that the build generates (tools/kernel_table.py), as constants: nothing of them runs at the start of a
// program but add_schemas() and add_kernels(). Members as in runtime/kernel_table.h.
#pragma once
#include <HalideRuntime.h>

#include <initializer_list>

#include "runtime/kernel_table.h"

namespace sluice {

template <typename T>
using Rows = std::initializer_list<T>;

struct TextPair {
  const char *first, *second;
};

struct PortData {
  const char *name;
  Rows<TextPair> axes;
  bool differentiable;
  const char *when;
  float neutral;
  const char *renamed_when, *renamed;
  bool optional, batch_as_row, whole;
  const char *norm_name;
};

struct AttributeData {
  const char *name;
  AttributeKind kind;
  const char *fallback;
  Rows<const char *> parts;
  Rows<TextPair> words;
  Rows<const char *> built;
};

struct SchemaData {
  const char *layer, *summary;
  Rows<PortData> inputs, parameters, state, outputs;
  Rows<AttributeData> attributes;
  const char *update_when, *linear_when;
  bool any_rank;
  const char *macs;
  Rows<const char *> requirements;
  const char *region;
};

struct KernelData {
  const char *layer, *direction, *device, *symbol;
  Rows<TextPair> variant;
  int (*call)(void **);
  const halide_filter_metadata_t *(*metadata)();
};

// Generated, with sluice_kernels: the schemas of all layers. The other tables add them where they are not there.
void register_schemas(KernelTable &table);

void add_schemas(KernelTable &table, Rows<SchemaData> schemas, Rows<TextPair> composites);
void add_kernels(KernelTable &table, Rows<KernelData> kernels);

}  // namespace sluice
