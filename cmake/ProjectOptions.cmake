# SPDX-License-Identifier: Apache-2.0
# How our own code is compiled: link `sluice_options` privately. Generators don't: they are build tools, never sanitized.

option(SLUICE_WARNINGS_AS_ERRORS "Warnings stop the build" ON)
option(SLUICE_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(SLUICE_BUILD_BENCH "Build the benchmarks" ${PROJECT_IS_TOP_LEVEL})
option(SLUICE_FUZZ "Build the fuzz targets as libFuzzer programs too; needs clang" OFF)
option(SLUICE_FUZZ_FLOAT_STORES "Kernels clear the last bit of every float they store: whose results move much?" OFF)
set(SLUICE_SANITIZE "" CACHE STRING "Sanitizers for our code and the kernels, as -fsanitize= takes them: address,undefined")

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
  endif()
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endif()

# No -march: everything but the kernels is plain x86-64, so that an older processor gets a message, not a crash.
add_library(sluice_options INTERFACE)
target_compile_features(sluice_options INTERFACE cxx_std_20)
target_compile_options(sluice_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow
  $<$<BOOL:${SLUICE_WARNINGS_AS_ERRORS}>:-Werror>
  # GCC 12 warns about std::string of its own library (GCC bug 105329).
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
  # No path of the building machine in messages or debug information; the build folder may lie within the source.
  "-ffile-prefix-map=${PROJECT_SOURCE_DIR}=."
  "-ffile-prefix-map=${PROJECT_BINARY_DIR}=build")

if(SLUICE_SANITIZE)
  target_compile_options(sluice_options INTERFACE
    -fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
    # Instrumented code confuses the flow analysis behind this one.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_compile_definitions(sluice_options INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(sluice_options INTERFACE -fsanitize=${SLUICE_SANITIZE})
endif()
