# SPDX-License-Identifier: Apache-2.0
# sluice_add_model(NAME GRAPH file [TARGETS target...] [SET parameter=value...] [WEIGHTS file] [TUNING file...])
#   makes the static library NAME of one network: the kernels that its graph needs, the runner, Halide's runtime, and the
#   header NAME.h. docs/your_own_network.md shows it by example.
#   TARGETS: x86-64-v3 (AVX2 and FMA) and avx512, one or both, chosen at run time; or aarch64. Default: x86-64-v3 avx512,
#     or aarch64, whichever the project is compiled for.
#   SET: values for the graph's `param` lines.
#   WEIGHTS: a weights file, for a graph that leaves to it how many channels there are; nothing else of it is used.
#   TUNING: files that `sluice tune` wrote for this graph, one an instruction set.
# Needs Halide's wheel, of the version that the generators were built with (Halide_ROOT, CMAKE_PREFIX_PATH or an
# activated environment), Python 3 and GNU or LLVM binary tools. Nothing is compiled for the machine that builds but by
# the generators, so a toolchain file is all that cross-compiling takes.
include(${CMAKE_CURRENT_LIST_DIR}/SluiceModelPaths.cmake)  # _SLUICE_MODEL_DATA, ..._GENERATORS, ..._PROGRAM, ..._VERSION, ..._HALIDE
if(NOT EXISTS ${_SLUICE_MODEL_PROGRAM})
  message(FATAL_ERROR "sluice_add_model: ${_SLUICE_MODEL_PROGRAM} is missing: install the component `programs`, too")
endif()
set(_SLUICE_MODEL_AVX2 x86-64-linux-avx-avx2-f16c-fma-sse41)
set(_SLUICE_MODEL_AVX512 x86-64-linux-avx-avx2-avx512-avx512_skylake-f16c-fma-sse41)

# The folder `halide` of the wheel: _SLUICE_MODEL_HALIDE_DIR.
function(_sluice_model_find_halide)
  if(_SLUICE_MODEL_HALIDE_DIR)
    return()
  endif()
  set(places "")
  if(Halide_DIR)
    cmake_path(SET place NORMALIZE "${Halide_DIR}/../../..")
    list(APPEND places "${place}")
  endif()
  foreach(prefix IN LISTS Halide_ROOT CMAKE_PREFIX_PATH ITEMS "$ENV{Halide_ROOT}" "$ENV{VIRTUAL_ENV}")
    if(prefix)
      file(GLOB found "${prefix}/lib*/python3*/site-packages/halide")
      list(APPEND places "${prefix}" ${found})
    endif()
  endforeach()
  set(versions "")
  foreach(place IN LISTS places)
    if(EXISTS "${place}/include/HalideRuntime.h" AND EXISTS "${place}/lib64/libHalide.so")
      file(STRINGS "${place}/include/HalideRuntime.h" lines REGEX "#define HALIDE_VERSION_(MAJOR|MINOR|PATCH) ")
      string(REGEX REPLACE "[^;0-9]" "" version "${lines}")
      string(REPLACE ";" "." version "${version}")
      if(version STREQUAL _SLUICE_MODEL_HALIDE)
        set(_SLUICE_MODEL_HALIDE_DIR "${place}" CACHE INTERNAL "Folder of Halide")
        return()
      endif()
      string(APPEND versions " ${version} in ${place}")
    endif()
  endforeach()
  if(versions)
    set(versions "; found:${versions}")
  endif()
  message(FATAL_ERROR "sluice_add_model: Halide ${_SLUICE_MODEL_HALIDE} is not found${versions}. "
                      "`pip install --no-deps halide==${_SLUICE_MODEL_HALIDE}` into an environment, and point Halide_ROOT at it.")
endfunction()

# What `targets` mean: instruction sets for the runner and targets for Halide, the preferred one first.
function(_sluice_model_targets NAME OUT_ISAS OUT_TARGETS OUT_RUNTIME)
  string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" processor)
  set(architecture x86-64)
  if(processor MATCHES "^(aarch64|arm64)")
    set(architecture arm-64)
  elseif(NOT processor MATCHES "^(x86_64|amd64)" OR NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
    message(FATAL_ERROR "sluice_add_model(${NAME}): kernels are made for Linux on x86-64 and AArch64, "
                        "not for ${CMAKE_SYSTEM_NAME} on ${CMAKE_SYSTEM_PROCESSOR}")
  endif()
  set(wanted ${ARGN})
  if(NOT wanted)
    set(wanted x86-64-v3 avx512)
    if(architecture STREQUAL "arm-64")
      set(wanted aarch64)
    endif()
  endif()
  set(isas "")
  foreach(target IN LISTS wanted)
    set(of x86-64)
    if(target STREQUAL "avx512" OR target STREQUAL "x86-64-v4")
      list(APPEND isas avx512)
    elseif(target STREQUAL "avx2" OR target STREQUAL "x86-64-v3")
      list(APPEND isas avx2)
    elseif(target STREQUAL "aarch64" OR target STREQUAL "arm64")
      list(APPEND isas neon)
      set(of arm-64)
    else()
      message(FATAL_ERROR "sluice_add_model(${NAME}): unknown target '${target}'; known: x86-64-v3 avx512 aarch64")
    endif()
    if(NOT of STREQUAL architecture)
      message(FATAL_ERROR "sluice_add_model(${NAME}): target '${target}', but this project is compiled for "
                          "${CMAKE_SYSTEM_PROCESSOR}: configure with a toolchain file for the other processor")
    endif()
  endforeach()
  list(REMOVE_DUPLICATES isas)
  set(ordered "")
  set(halide "")
  foreach(isa IN ITEMS avx512 avx2 neon)
    if(isa IN_LIST isas)
      list(APPEND ordered ${isa})
    endif()
  endforeach()
  foreach(isa IN LISTS ordered)
    if(isa STREQUAL "avx512")
      list(APPEND halide ${_SLUICE_MODEL_AVX512}-user_context-no_runtime)
    elseif(isa STREQUAL "avx2")
      list(APPEND halide ${_SLUICE_MODEL_AVX2}-user_context-no_runtime)
    else()
      list(APPEND halide arm-64-linux-user_context-no_runtime)
    endif()
  endforeach()
  set(${OUT_ISAS} ${ordered} PARENT_SCOPE)
  set(${OUT_TARGETS} ${halide} PARENT_SCOPE)
  set(${OUT_RUNTIME} ${architecture}-linux-user_context PARENT_SCOPE)
endfunction()

# The runner and Halide's runtime, once a project: compiled like the project itself.
function(_sluice_model_runner RUNTIME_TARGET)
  if(TARGET sluice_model_runner)
    return()
  endif()
  file(STRINGS ${_SLUICE_MODEL_DATA}/runner/runner.list sources)
  list(TRANSFORM sources PREPEND ${_SLUICE_MODEL_DATA}/runner/)
  set(runtime ${CMAKE_BINARY_DIR}/sluice_model/halide_runtime.o)
  add_custom_command(OUTPUT ${runtime}
    COMMAND ${CMAKE_COMMAND} -E env LD_LIBRARY_PATH=${_SLUICE_MODEL_HALIDE_DIR}/lib64
            ${_SLUICE_MODEL_GENERATORS}/activation.generator -r halide_runtime -e object
            -o ${CMAKE_BINARY_DIR}/sluice_model target=${RUNTIME_TARGET}
    COMMENT "Halide runtime ${RUNTIME_TARGET}" VERBATIM)
  add_custom_target(sluice_model_runtime DEPENDS ${runtime})
  add_library(sluice_model_runner OBJECT ${sources})
  target_compile_features(sluice_model_runner PRIVATE cxx_std_20)
  target_include_directories(sluice_model_runner SYSTEM PUBLIC ${_SLUICE_MODEL_DATA}/runner
    ${_SLUICE_MODEL_DATA}/runner/third_party ${_SLUICE_MODEL_INCLUDE} ${_SLUICE_MODEL_HALIDE_DIR}/include)
  target_compile_definitions(sluice_model_runner PRIVATE SLUICE_MODULES_FROM_PROGRAMS="../lib/sluice")
  # A project's own warnings are not for these files; sections, so that a program takes what it calls.
  target_compile_options(sluice_model_runner PUBLIC -w -ffunction-sections -fdata-sections -fvisibility=hidden
                         -ffile-prefix-map=${_SLUICE_MODEL_DATA}/runner/=)
  set_target_properties(sluice_model_runner PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_EXTENSIONS OFF)
  set_source_files_properties(${_SLUICE_MODEL_DATA}/runner/runtime/model_runner/fmt_library.cpp
                              PROPERTIES COMPILE_OPTIONS -fno-inline)
endfunction()

# Objects that the generator of one line of commands.list makes.
function(_sluice_model_kernel LINE FOLDER TARGETS OUT)
  string(REPLACE "|" ";" words "${LINE}")
  list(POP_FRONT words symbol layer direction schedules)
  set(generator ${_SLUICE_MODEL_GENERATORS}/${layer}.generator)
  set(objects ${FOLDER}/${symbol}.o)
  list(LENGTH TARGETS count)
  if(count GREATER 1)
    set(objects ${FOLDER}/${symbol}_wrapper.o)
    foreach(target IN LISTS TARGETS)
      list(APPEND objects ${FOLDER}/${symbol}-${target}.o)
    endforeach()
  endif()
  set(data "")
  if(schedules)
    if(EXISTS ${schedules}/cpu/${layer}.params)
      set(data ${schedules}/cpu/${layer}.params)
    endif()
    set(schedules schedule_folder=${schedules})
  endif()
  list(JOIN TARGETS "," target)
  add_custom_command(OUTPUT ${objects}
    COMMAND ${CMAKE_COMMAND} -E env LD_LIBRARY_PATH=${_SLUICE_MODEL_HALIDE_DIR}/lib64
            ${generator} -g ${layer}_${direction} -f ${symbol} -e object -o ${FOLDER} target=${target} ${words} ${schedules}
    DEPENDS ${generator} ${data} COMMENT "Kernel ${symbol}" VERBATIM)
  set(${OUT} ${objects} PARENT_SCOPE)
endfunction()

function(sluice_add_model NAME)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "GRAPH;WEIGHTS" "TARGETS;SET;TUNING")
  if(ARG_UNPARSED_ARGUMENTS OR NOT ARG_GRAPH)
    message(FATAL_ERROR "sluice_add_model(${NAME} GRAPH file [TARGETS target...] [SET name=value...] [WEIGHTS file] [TUNING file...]): "
                        "GRAPH is needed; not understood: '${ARG_UNPARSED_ARGUMENTS}'")
  endif()
  set(files "")
  foreach(file IN LISTS ARG_GRAPH ARG_WEIGHTS ARG_TUNING)
    cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    if(NOT EXISTS ${file})
      message(FATAL_ERROR "sluice_add_model(${NAME}): no file ${file}")
    endif()
    list(APPEND files ${file})
  endforeach()
  list(POP_FRONT files graph)
  set(depends ${graph} ${files})
  set(weights "")
  if(ARG_WEIGHTS)
    list(POP_FRONT files weights)
    set(weights --weights ${weights})
  endif()
  _sluice_model_find_halide()
  _sluice_model_targets(${NAME} isas targets runtime_target ${ARG_TARGETS})
  find_program(SLUICE_MODEL_PYTHON NAMES python3 NO_CMAKE_FIND_ROOT_PATH REQUIRED)
  mark_as_advanced(SLUICE_MODEL_PYTHON)

  set(out ${CMAKE_CURRENT_BINARY_DIR}/${NAME})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${depends} ${_SLUICE_MODEL_PROGRAM})
  execute_process(
    COMMAND ${SLUICE_MODEL_PYTHON} ${_SLUICE_MODEL_DATA}/tools/model_library.py --name ${NAME} --graph ${graph}
            --sluice ${_SLUICE_MODEL_PROGRAM} --version ${_SLUICE_MODEL_VERSION} --data ${_SLUICE_MODEL_DATA} --out ${out}
            --isas ${isas} --set ${ARG_SET} ${weights} --tuning ${files}
    RESULT_VARIABLE status ERROR_VARIABLE message)
  if(NOT status EQUAL 0)
    string(STRIP "${message}" message)
    message(FATAL_ERROR "sluice_add_model(${NAME}): ${message}")
  endif()

  _sluice_model_runner(${runtime_target})
  file(STRINGS ${out}/commands.list lines)
  set(objects "")
  set(schemas "")
  foreach(line IN LISTS lines)
    _sluice_model_kernel("${line}" ${out} "${targets}" made)
    list(APPEND objects ${made})
    string(REGEX REPLACE "^[^|]*\\|([^|]*)\\|.*" "\\1" layer "${line}")
    list(APPEND schemas ${_SLUICE_MODEL_DATA}/schemas/${layer}.schema.json)
  endforeach()
  list(REMOVE_DUPLICATES schemas)
  file(GLOB composites ${_SLUICE_MODEL_DATA}/composites/*.graph)
  add_custom_command(OUTPUT ${out}/kernels.cpp
    COMMAND ${SLUICE_MODEL_PYTHON} ${_SLUICE_MODEL_DATA}/tools/kernel_table.py --whole --name ${NAME}_kernels
            --kernels ${out}/kernels.list --output ${out}/kernels.cpp --schemas ${schemas} --composites ${composites}
            --formulas ${_SLUICE_MODEL_DATA}/formulas.list --isas ${isas}
    DEPENDS ${out}/kernels.list ${schemas} ${composites} VERBATIM)

  add_library(${NAME} STATIC ${out}/kernels.cpp ${out}/${NAME}.cpp $<TARGET_OBJECTS:sluice_model_runner> ${objects}
                             ${CMAKE_BINARY_DIR}/sluice_model/halide_runtime.o)
  set_source_files_properties(${objects} ${CMAKE_BINARY_DIR}/sluice_model/halide_runtime.o
                              PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
  add_dependencies(${NAME} sluice_model_runtime)
  target_compile_features(${NAME} PRIVATE cxx_std_20)
  target_include_directories(${NAME} SYSTEM PRIVATE $<TARGET_PROPERTY:sluice_model_runner,INTERFACE_INCLUDE_DIRECTORIES>)
  target_compile_options(${NAME} PRIVATE $<TARGET_PROPERTY:sluice_model_runner,INTERFACE_COMPILE_OPTIONS>)
  set_target_properties(${NAME} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  find_package(Threads REQUIRED GLOBAL)
  target_include_directories(${NAME} PUBLIC $<BUILD_INTERFACE:${out}> $<BUILD_INTERFACE:${_SLUICE_MODEL_INCLUDE}>)
  target_link_libraries(${NAME} PUBLIC Threads::Threads ${CMAKE_DL_LIBS} m)
endfunction()
