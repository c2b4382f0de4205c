// SPDX-License-Identifier: Apache-2.0
// Where Sluice's loadable modules lie: sluice_cuda.so, sluice_mpi.so.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace sluice {

// The program or shared library that holds this code; links are resolved. Empty where the system does not say.
std::filesystem::path this_binary();

// Where a module of that file name may be, the likeliest first: beside this binary, as in a build folder; in the folder
// sluice/ beside it, as for an installed library; where an installed program has its libraries.
std::vector<std::filesystem::path> module_places(const std::string &file_name);

// Loads the first that is there, by dlopen with these flags. Null if there is none or it does not load: `why` says so.
void *open_module(const std::string &file_name, int flags, std::string &why);

}  // namespace sluice
