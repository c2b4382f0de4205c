// SPDX-License-Identifier: Apache-2.0
#include "runtime/module_file.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <link.h>

#include <system_error>

namespace sluice {

namespace fs = std::filesystem;

fs::path this_binary() {
  std::error_code problem;
  Dl_info info{};
  link_map *map = nullptr;
  const bool known = ::dladdr1(reinterpret_cast<const void *>(&this_binary), &info, reinterpret_cast<void **>(&map),
                               RTLD_DL_LINKMAP) != 0;
  // The program itself has no name in the list of what is loaded.
  const bool library = known && map != nullptr && map->l_name != nullptr && *map->l_name != '\0';
  const fs::path found = fs::canonical(library ? fs::path(map->l_name) : fs::path("/proc/self/exe"), problem);
  return problem ? fs::path() : found;
}

std::vector<fs::path> module_places(const std::string &file_name) {
  const fs::path folder = this_binary().parent_path();
  if (folder.empty()) return {};
  return {folder / file_name, folder / "sluice" / file_name,
          (folder / SLUICE_MODULES_FROM_PROGRAMS / file_name).lexically_normal()};
}

void *open_module(const std::string &file_name, int flags, std::string &why) {
  const std::vector<fs::path> places = module_places(file_name);
  for (const fs::path &place : places) {
    std::error_code problem;
    if (!fs::exists(place, problem)) continue;
    void *handle = ::dlopen(place.c_str(), flags);
    const char *message = handle == nullptr ? ::dlerror() : nullptr;
    if (message != nullptr) why = message;
    return handle;
  }
  std::vector<std::string> names;
  for (const fs::path &place : places) names.push_back(place.string());
  why = fmt::format("looked for {}", fmt::join(names, ", "));
  return nullptr;
}

}  // namespace sluice
