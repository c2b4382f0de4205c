// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/launched_group.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "runtime/module_file.h"

namespace sluice {

std::unique_ptr<ProcessGroup> launched_group() {
  // Open MPI's mpirun, the PMI of MPICH and Slurm, PMIx.
  static constexpr const char *kLaunchers[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"};
  const auto found = std::find_if(std::begin(kLaunchers), std::end(kLaunchers),
                                  [](const char *name) { return std::getenv(name) != nullptr; });
  if (found == std::end(kLaunchers)) return nullptr;
  constexpr const char *kModule = "sluice_mpi.so";
  std::string why;
  // Never closed: MPI cannot be initialised twice. Its own plug-ins want its symbols, hence RTLD_GLOBAL.
  void *handle = open_module(kModule, RTLD_NOW | RTLD_GLOBAL, why);
  void *open = handle == nullptr ? nullptr : ::dlsym(handle, "sluice_open_process_group");
  if (open == nullptr) {
    throw Error(
        ErrorCode::not_found,
        fmt::format("{} is set, so an MPI launcher started this process, but this build of sluice has no MPI ({}); "
                    "build it where CMake finds MPI (Debian: libopenmpi-dev)",
                    *found, why.empty() ? kModule : why));
  }
  return std::unique_ptr<ProcessGroup>(reinterpret_cast<ProcessGroup *(*)()>(open)());
}

}  // namespace sluice
