// SPDX-License-Identifier: Apache-2.0
// The group of processes that an MPI launcher started this one in.
#pragma once
#include <memory>

#include "runtime/process_group.h"

namespace sluice {

// Nothing where no launcher did (the variables that mpirun, srun and their like set are not there): MPI is then neither
// loaded nor initialised. Else the group, from the module sluice_mpi.so beside the program; Error not_found where this
// build has none. Once a process.
std::unique_ptr<ProcessGroup> launched_group();

}  // namespace sluice
