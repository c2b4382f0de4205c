// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_data.h"

namespace sluice {
namespace {

std::vector<SchemaPort> ports_of(Rows<PortData> rows) {
  std::vector<SchemaPort> ports;
  for (const PortData &row : rows) {
    std::vector<SchemaAxis> axes;
    for (const TextPair &axis : row.axes) axes.push_back({axis.first, axis.second});
    ports.push_back({row.name, std::move(axes), row.differentiable, row.when, row.neutral, row.renamed_when,
                     row.renamed, row.optional, row.batch_as_row, row.whole, row.norm_name});
  }
  return ports;
}

std::vector<std::string> texts_of(Rows<const char *> rows) { return {rows.begin(), rows.end()}; }

std::vector<SchemaAttribute> attributes_of(Rows<AttributeData> rows) {
  std::vector<SchemaAttribute> attributes;
  for (const AttributeData &row : rows) {
    std::vector<std::pair<std::string, std::string>> words;
    for (const TextPair &word : row.words) words.emplace_back(word.first, word.second);
    attributes.push_back(
        {row.name, row.kind, row.fallback, texts_of(row.parts), std::move(words), texts_of(row.built)});
  }
  return attributes;
}

}  // namespace

void add_schemas(KernelTable &table, Rows<SchemaData> schemas, Rows<TextPair> composites) {
  for (const SchemaData &row : schemas) {
    table.add_schema({row.layer, row.summary, ports_of(row.inputs), ports_of(row.parameters), ports_of(row.state),
                      ports_of(row.outputs), attributes_of(row.attributes), row.update_when, row.linear_when,
                      row.any_rank, row.macs, texts_of(row.requirements), row.region});
  }
  for (const TextPair &composite : composites) table.add_composite(composite.first, composite.second);
}

void add_kernels(KernelTable &table, Rows<KernelData> kernels) {
  for (const KernelData &row : kernels) {
    std::map<std::string, std::string> variant;
    for (const TextPair &value : row.variant) variant.emplace(value.first, value.second);
    table.add({row.layer, row.direction, row.device, row.symbol, std::move(variant), row.call, row.metadata});
  }
}

}  // namespace sluice
