// SPDX-License-Identifier: Apache-2.0
// Where the numbers of a published tensor lie in the tensors of ours that a rule makes of it, in both directions.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "weights_io/checkpoint.h"
#include "weights_io/names/names.h"
#include "weights_io/tensor.h"

namespace sluice {

// Why a tensor cannot be what the rule takes it for; empty when it can.
std::string layout_refusal(const NameRule &rule, const CheckpointTensor &source);

// The shape of each of the rule's tensors, for a source that was not refused.
std::vector<int64_t> shape_of_part(const NameRule &rule, const std::vector<int64_t> &source_shape);

// The rule's tensors, float32, in the order of its targets. Throws Error(bad_file) for a double beyond float32.
std::vector<StoredTensor> cut_into_parts(const NameRule &rule, StoredTensor source);

// The inverse: one tensor from float32 parts, which have the rank that the rule gives them and equal shapes.
StoredTensor joined_parts(const NameRule &rule, const std::vector<const StoredTensor *> &parts);

// The number of axes that the rule gives to ours; 0: any.
std::size_t rank_of_parts(const NameRule &rule);

}  // namespace sluice
