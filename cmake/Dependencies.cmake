# SPDX-License-Identifier: Apache-2.0
# Everything that is not ours. Halide comes from .venv, the rest from Debian; tools/setup.sh installs both.

# The Python of .venv runs the build's scripts, so that no other one on PATH matters.
find_program(SLUICE_PYTHON NAMES python3 HINTS ${PROJECT_SOURCE_DIR}/.venv/bin NO_CMAKE_PREFIX_PATH REQUIRED)
mark_as_advanced(SLUICE_PYTHON)

# The wheel's outer package file looks for a Python with headers only to learn where this folder is.
if(NOT Halide_DIR AND NOT Halide_ROOT)
  foreach(prefix IN LISTS CMAKE_PREFIX_PATH)
    file(GLOB folders "${prefix}/lib/python3*/site-packages/halide/lib64/cmake/Halide")
    foreach(folder IN LISTS folders)
      set(Halide_DIR "${folder}" CACHE PATH "Folder of HalideConfig.cmake")
    endforeach()
  endforeach()
endif()
set(CMAKE_DISABLE_FIND_PACKAGE_Halide_Python ON)
find_package(Halide 21 QUIET COMPONENTS shared)
if(NOT Halide_FOUND)
  message(FATAL_ERROR "Halide 21 is not found. `make setup` puts it into .venv; or point Halide_ROOT at one.")
endif()

include(GNUInstallDirs)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PNG 1.6 REQUIRED)
find_package(JPEG REQUIRED)
find_library(SLUICE_LIBMD_LIBRARY md REQUIRED)
find_path(SLUICE_LIBMD_INCLUDE_DIR sha2.h REQUIRED)
mark_as_advanced(SLUICE_LIBMD_LIBRARY SLUICE_LIBMD_INCLUDE_DIR)

if(SLUICE_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
if(SLUICE_BUILD_BENCH)
  find_package(benchmark REQUIRED)
endif()
