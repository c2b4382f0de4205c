// SPDX-License-Identifier: Apache-2.0
#include "runtime/trainer/launched_group.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace sluice {

std::unique_ptr<ProcessGroup> launched_group() {
  // Open MPI's mpirun, the PMI of MPICH and Slurm, PMIx.
  static constexpr const char *kLaunchers[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"};
  const auto found = std::find_if(std::begin(kLaunchers), std::end(kLaunchers),
                                  [](const char *name) { return std::getenv(name) != nullptr; });
  if (found == std::end(kLaunchers)) return nullptr;
  std::error_code problem;
  const auto module = std::filesystem::read_symlink("/proc/self/exe", problem).parent_path() / "sluice_mpi.so";
  // Never closed: MPI cannot be initialised twice. Its own plug-ins want its symbols, hence RTLD_GLOBAL.
  void *handle = ::dlopen(module.c_str(), RTLD_NOW | RTLD_GLOBAL);
  void *open = handle == nullptr ? nullptr : ::dlsym(handle, "sluice_open_process_group");
  if (open == nullptr) {
    const char *why = ::dlerror();
    throw Error(
        ErrorCode::not_found,
        fmt::format("{} is set, so an MPI launcher started this process, but this build of sluice has no MPI ({}); "
                    "build it where CMake finds MPI (Debian: libopenmpi-dev)",
                    *found, why == nullptr ? module.string() : why));
  }
  return std::unique_ptr<ProcessGroup>(reinterpret_cast<ProcessGroup *(*)()>(open)());
}

}  // namespace sluice
