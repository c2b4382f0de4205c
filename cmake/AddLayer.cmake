# SPDX-License-Identifier: Apache-2.0
# sluice_add_layer(NAME [PACKED] [UPDATED] [DERIVED] [FORWARD_ONLY] [MACS formula] [REGION words] [REQUIRES condition...] [SAVED stage...] [STEPS stage...]
#                  [TRANSFORMS name:value...] [PACKED_TRANSFORMS name...] [LINEAR key=value] [WEIGHT_GRADIENTS name:value...])
#   builds the generator executable of one layer and every kernel that generators/variants.txt lists for it:
#     sluice_kernels           forward and pack, AVX2 and AVX-512 behind one symbol, chosen at run time
#     sluice_training_kernels  backward, and the SAVED stages that backward takes as inputs
#     sluice_test_kernels      backward in double; the STEPS that tests look into
#     sluice_<device>_kernels  forward for a device of SLUICE_DEVICES, pack and update for its host: part of the module sluice_<device>.so
#                              (runtime/device). Of CUDA the PTX text lies beside it, <kernel>.device_code
#     sluice_<device>_training_kernels  backward and SAVED stages for it, derived for its host: with those part of sluice_<device>_training.so
#   PACKED: the layer has parameters, so it has a pack kernel. UPDATED: it has state, so it has an update kernel.
#   FORWARD_ONLY: no port has a gradient, so there is no backward kernel (tools/kernel_table.py checks this).
#   MACS: multiply-adds of a call, over attributes and axes of ports; without it none are counted.
#   REGION: how a part of the output can be computed: pixel, window or part (LayerSchema::region in runtime/kernel_table.h).
#   REQUIRES: conditions on the inputs, and on what output they make, over the same names, "input.c%factor=0" or, for some nodes, "mode=x:a<b".
#   SAVED stage@key=value: variants with that value only.
#   TRANSFORMS: forward kernels for the CPU with transform=<name>, beside those of variants that have one of these values
#   (regular expressions, of one or more in the order of generators/variants.txt); without values beside those of all variants.
#   DERIVED: what the linear part sees of a parameter, and its gradient, are kernels (generators/derived_parameters.h).
#   LINEAR: variants with that value have a backward kernel of their linear part as well.
#   WEIGHT_GRADIENTS: of LINEAR variants with these values, a kernel of the weight's gradient with transform=<name>
#   (generators/weight_gradient.h).
#   PACKED_TRANSFORMS: those with a pack kernel of their own.
# Ops made of others are generators/<op>.graph; their text is part of the tables.
# sluice_finish_layers() turns the collected kernels into those libraries, each with its table of kernels.

set(SLUICE_ONLY_LAYERS "" CACHE STRING "Build these layers only, for work on one of them; empty: all")

include(${CMAKE_CURRENT_LIST_DIR}/model/SluiceTargets.cmake)
set(SLUICE_BOTH ${SLUICE_AVX512} ${SLUICE_AVX2})
set(SLUICE_ISAS avx512 avx2)
set_property(GLOBAL PROPERTY SLUICE_TARGETS SLUICE_TARGET_AVX2="${SLUICE_AVX2}" SLUICE_TARGET_AVX512="${SLUICE_AVX512}")  # for tuning
set(SLUICE_KERNEL_FEATURES user_context)
set(SLUICE_RUNTIME_FEATURES user_context)
if(SLUICE_FUZZ_FLOAT_STORES)
  string(APPEND SLUICE_KERNEL_FEATURES -fuzz_float_stores)
endif()
if(SLUICE_SANITIZE MATCHES "address")
  # An instrumented kernel takes half a minute to compile: one instruction set, and of the convolutions some with ELU.
  set(SLUICE_BOTH ${SLUICE_AVX2})
  set(SLUICE_ISAS avx2)
  set(SLUICE_RUNTIME_FEATURES user_context-asan)
  set(SLUICE_INSTRUMENTED "^$|activation=elu.reading=(plain|gathered)|fuse=|operation=|mode=")
endif()
add_halide_runtime(sluice_halide_runtime TARGETS x86-64-linux-${SLUICE_RUNTIME_FEATURES})
# Devices besides the CPU, each a module with a runtime of its own. OpenCL is there for tests: it runs the schedules of GPUs on a CPU.
set(SLUICE_DEVICES "")
if(NOT SLUICE_SANITIZE)  # sanitizers do not reach into device code
  set(SLUICE_DEVICES cuda)
  if(SLUICE_BUILD_TESTS)
    list(APPEND SLUICE_DEVICES opencl)
  endif()
endif()
set(SLUICE_DEVICES ${SLUICE_DEVICES} PARENT_SCOPE)  # runtime/device makes the modules
foreach(device IN LISTS SLUICE_DEVICES)
  add_halide_runtime(sluice_${device}_runtime TARGETS x86-64-linux-${SLUICE_FEATURES_${device}}-user_context)
endforeach()
# Kernels that are not instrumented stand beside instrumented ones only here: Halide's helper lets a runtime serve either.
add_library(sluice_uninstrumented INTERFACE)
target_link_libraries(sluice_uninstrumented INTERFACE sluice_halide_runtime)

# What every generator executable shares: compiled once, and Halide.h precompiled once.
add_library(sluice_generator_support STATIC layer.cpp main.cpp)
target_include_directories(sluice_generator_support PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/generators)
target_link_libraries(sluice_generator_support PUBLIC Halide::Halide)
target_compile_features(sluice_generator_support PUBLIC cxx_std_20)
target_precompile_headers(sluice_generator_support PUBLIC <Halide.h>)
# Generators run once, at build time: their own speed doesn't matter, how long they take to compile does.
target_compile_options(sluice_generator_support PUBLIC -O0 -g0)

function(sluice_add_layer NAME)
  cmake_parse_arguments(ARG "PACKED;UPDATED;DERIVED;FORWARD_ONLY" "MACS;LINEAR;REGION" "SAVED;STEPS;REQUIRES;TRANSFORMS;PACKED_TRANSFORMS;WEIGHT_GRADIENTS" ${ARGN})
  if(SLUICE_ONLY_LAYERS AND NOT NAME IN_LIST SLUICE_ONLY_LAYERS)
    return()
  endif()
  foreach(file IN ITEMS generators/${NAME}.cpp schedules/cpu/${NAME}.cpp schedules/cuda/${NAME}.cpp
                        tests/layers/${NAME}_cases.cpp)
    if(NOT EXISTS ${PROJECT_SOURCE_DIR}/${file})
      message(FATAL_ERROR "layer ${NAME}: write ${file} (docs/adding_a_layer.md says what goes into it)")
    endif()
  endforeach()

  set_property(GLOBAL APPEND PROPERTY SLUICE_LAYERS ${NAME})
  foreach(condition IN LISTS ARG_REQUIRES)
    set_property(GLOBAL APPEND PROPERTY SLUICE_FORMULAS "requires|${NAME}|${condition}")
  endforeach()
  if(ARG_MACS)
    set_property(GLOBAL APPEND PROPERTY SLUICE_FORMULAS "macs|${NAME}|${ARG_MACS}")
  endif()
  if(ARG_REGION)
    set_property(GLOBAL APPEND PROPERTY SLUICE_FORMULAS "region|${NAME}|${ARG_REGION}")
  endif()
  set(generator ${NAME}.generator)
  add_executable(${generator} ${NAME}.cpp ${PROJECT_SOURCE_DIR}/schedules/cpu/${NAME}.cpp
                 ${PROJECT_SOURCE_DIR}/schedules/cuda/${NAME}.cpp)
  target_link_libraries(${generator} PRIVATE -Wl,--whole-archive sluice_generator_support -Wl,--no-whole-archive)
  set_target_properties(${generator} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  target_precompile_headers(${generator} REUSE_FROM sluice_generator_support)
  set(schema ${CMAKE_CURRENT_BINARY_DIR}/${NAME}.schema.json)
  add_custom_command(OUTPUT ${schema} COMMAND ${generator} --describe > ${schema} DEPENDS ${generator} VERBATIM)
  set_property(GLOBAL APPEND PROPERTY SLUICE_SCHEMAS ${schema})

  file(STRINGS variants.txt lines REGEX "^${NAME}( |$)")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/variants.txt)
  if(NOT lines)
    message(FATAL_ERROR "layer ${NAME}: no line in generators/variants.txt: write one by hand (docs/adding_a_layer.md), "
                        "tools/list_variants.py completes the list once the layer is built")
  endif()
  foreach(line IN LISTS lines)
    string(REPLACE " " ";" params "${line}")
    list(POP_FRONT params)
    _sluice_add_variant(${NAME} "${params}" "${ARG_SAVED}" ${ARG_FORWARD_ONLY})
    if(ARG_LINEAR AND ARG_LINEAR IN_LIST params)
      set(linear ${params} part=linear)
      _sluice_add_kernel(training_kernels ${NAME} backward cpu "${linear}" "${linear}" "${SLUICE_BOTH}")
      _sluice_add_device_kernels(${NAME} backward "${linear}")
      _sluice_add_transforms(training_kernels ${NAME} weight_gradient "${params}" "${ARG_WEIGHT_GRADIENTS}")
    endif()
    _sluice_add_transforms(kernels ${NAME} forward "${params}" "${ARG_TRANSFORMS}")
  endforeach()
  foreach(name IN LISTS ARG_PACKED_TRANSFORMS)
    _sluice_add_kernel(kernels ${NAME} pack cpu transform=${name} transform=${name} "${SLUICE_BOTH}")
  endforeach()
  if(ARG_PACKED)
    _sluice_add_kernel(kernels ${NAME} pack cpu "" "" "${SLUICE_BOTH}")
    _sluice_add_device_kernels(${NAME} pack "")
  endif()
  if(ARG_UPDATED)
    _sluice_add_kernel(kernels ${NAME} update cpu "" "" "${SLUICE_BOTH}")
    _sluice_add_device_kernels(${NAME} update "")
  endif()
  if(ARG_DERIVED)
    foreach(part IN ITEMS part=value part=gradient)
      _sluice_add_kernel(training_kernels ${NAME} derived cpu ${part} ${part} "${SLUICE_BOTH}")
      _sluice_add_device_kernels(${NAME} derived ${part})
    endforeach()
  endif()
  foreach(step IN LISTS ARG_STEPS)
    _sluice_add_kernel(test_kernels ${NAME} step cpu "stage=${step}" "stage=${step}" "${SLUICE_AVX2}")
  endforeach()
endfunction()

# The kernels of a variant for those TRANSFORMS (name:value...) one of whose values it has, or that name none.
function(_sluice_add_transforms SET NAME DIRECTION params transforms)
  foreach(transform IN LISTS transforms)
    string(REPLACE ":" ";" values "${transform}")
    list(POP_FRONT values name)
    if(NOT values)
      set(values all)
    endif()
    foreach(value IN LISTS values)
      if(value STREQUAL "all" OR "${params};" MATCHES "=${value};")
        set(transformed ${params} transform=${name})
        _sluice_add_kernel(${SET} ${NAME} ${DIRECTION} cpu "${transformed}" "${transformed}" "${SLUICE_BOTH}")
      endif()
    endforeach()
  endforeach()
endfunction()

function(_sluice_add_variant NAME params all_saved forward_only)
  set(saved "")
  foreach(item IN LISTS all_saved)
    string(REPLACE "@" ";" item "${item}")
    list(POP_FRONT item stage)
    if(NOT item OR item IN_LIST params)
      list(APPEND saved ${stage})
    endif()
  endforeach()
  _sluice_add_kernel(kernels ${NAME} forward cpu "${params}" "${params}" "${SLUICE_BOTH}")
  _sluice_add_device_kernels(${NAME} forward "${params}")
  if(forward_only)
    return()
  endif()
  _sluice_add_kernel(training_kernels ${NAME} backward cpu "${params}" "${params}" "${SLUICE_BOTH}")
  _sluice_add_device_kernels(${NAME} backward "${params}")
  foreach(stage IN LISTS saved)
    _sluice_add_kernel(training_kernels ${NAME} saved cpu "${params};stage=${stage}" "${params};stage=${stage}" "${SLUICE_BOTH}")
    _sluice_add_device_kernels(${NAME} saved "${params};stage=${stage}")
  endforeach()
  _sluice_add_kernel(test_kernels ${NAME} backward cpu "${params};element=float64" "${params};element=float64" "${SLUICE_AVX2}")
  foreach(stage IN LISTS saved)
    _sluice_add_kernel(test_kernels ${NAME} saved cpu "${params};stage=${stage};element=float64"
                       "${params};stage=${stage};element=float64" "${SLUICE_AVX2}")
  endforeach()
endfunction()

function(_sluice_symbol OUT NAME DIRECTION DEVICE KEY)
  string(REGEX REPLACE "[^A-Za-z0-9]+" "_" suffix "${KEY}")
  string(REGEX REPLACE "_+$" "" symbol "sluice_${NAME}_${DIRECTION}_${DEVICE}_${suffix}")
  set(${OUT} ${symbol} PARENT_SCOPE)
endfunction()

# What the host of a device computes itself, for vectors of the width that kernels for devices expect.
set(SLUICE_HOST_DIRECTIONS "^(pack|update|derived)$")

function(_sluice_add_device_kernels NAME DIRECTION KEY)
  set(set kernels)
  if(DIRECTION MATCHES "^(backward|saved|derived)$")
    set(set training_kernels)
  endif()
  foreach(device IN LISTS SLUICE_DEVICES)
    set(target ${SLUICE_AVX2})
    if(NOT DIRECTION MATCHES "${SLUICE_HOST_DIRECTIONS}")
      string(APPEND target -${SLUICE_FEATURES_${device}})
    endif()
    _sluice_add_kernel(${device}_${set} ${NAME} ${DIRECTION} ${device} "${KEY}" "${KEY}" ${target})
  endforeach()
endfunction()

# SET: library; DIRECTION: forward, pack, update, derived, backward, weight_gradient, saved or step; KEY: what a graph node must say to get this kernel.
function(_sluice_add_kernel SET NAME DIRECTION DEVICE KEY PARAMS TARGETS)
  _sluice_symbol(symbol ${NAME} ${DIRECTION} ${DEVICE} "${KEY}")
  set(generator_direction ${DIRECTION})
  if(DIRECTION STREQUAL "saved" OR DIRECTION STREQUAL "step")
    set(generator_direction forward)
  endif()
  set(folder cuda)
  if(DEVICE STREQUAL "cpu")
    set(folder cpu)
  endif()
  set(data "")
  if(EXISTS ${PROJECT_SOURCE_DIR}/schedules/${folder}/${NAME}.params)
    set(data ${PROJECT_SOURCE_DIR}/schedules/${folder}/${NAME}.params)
  endif()
  set(schedule_folder "")
  if(NOT DIRECTION MATCHES "^(pack|update)$")
    # Relative: Halide orders some terms by their addresses, which move with the length of an argument; so kernels are equal wherever the build is.
    file(RELATIVE_PATH schedule_folder ${CMAKE_CURRENT_BINARY_DIR} ${PROJECT_SOURCE_DIR}/schedules)
    set(schedule_folder schedule_folder=${schedule_folder})
  endif()
  # Not by FEATURES: Halide's helper would look for a runtime that also fits the targets without them.
  set(features ${SLUICE_KERNEL_FEATURES})
  set(runtime sluice_halide_runtime)
  if(SLUICE_INSTRUMENTED)
    set(runtime sluice_uninstrumented)
  endif()
  if(SLUICE_INSTRUMENTED AND SET MATCHES "^(training_)?kernels$" AND KEY MATCHES "${SLUICE_INSTRUMENTED}")
    set(features ${SLUICE_RUNTIME_FEATURES})
    set(runtime sluice_halide_runtime)
  endif()
  set(device_code "")
  if(NOT DEVICE STREQUAL "cpu")
    set(features user_context)
    set(runtime sluice_${DEVICE}_runtime)
    if(DEVICE STREQUAL "cuda" AND NOT DIRECTION MATCHES "${SLUICE_HOST_DIRECTIONS}")
      set(device_code DEVICE_CODE ptx)
    endif()
  endif()
  list(TRANSFORM TARGETS APPEND -${features})
  set(ptx "")
  add_halide_library(${symbol} FROM ${NAME}.generator GENERATOR ${NAME}_${generator_direction} USE_RUNTIME ${runtime}
                     TARGETS ${TARGETS} PARAMS ${PARAMS} ${schedule_folder} DEPENDS ${data} ${device_code})
  if(ptx)
    set_property(GLOBAL APPEND PROPERTY SLUICE_PTX ${ptx})
  endif()
  set_target_properties(${symbol} PROPERTIES EXCLUDE_FROM_ALL TRUE)
  string(REPLACE ";" "," key "${KEY}")
  set_property(GLOBAL APPEND PROPERTY SLUICE_${SET} "${NAME}|${DIRECTION}|${DEVICE}|${symbol}|${key}")
  set_property(GLOBAL APPEND PROPERTY SLUICE_${SET}_TARGETS ${symbol})
endfunction()

function(sluice_finish_layers)
  get_property(schemas GLOBAL PROPERTY SLUICE_SCHEMAS)
  get_property(formulas GLOBAL PROPERTY SLUICE_FORMULAS)
  list(JOIN formulas "\n" text)
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/formulas.list CONTENT "${text}\n" @ONLY)
  file(GLOB composites CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.graph)
  set(devices "")
  foreach(device IN LISTS SLUICE_DEVICES)
    list(APPEND devices ${device}_kernels ${device}_training_kernels)
  endforeach()
  foreach(set IN ITEMS kernels training_kernels test_kernels ${devices})
    get_property(rows GLOBAL PROPERTY SLUICE_${set})
    get_property(libraries GLOBAL PROPERTY SLUICE_${set}_TARGETS)
    list(JOIN rows "\n" text)
    file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${set}.list CONTENT "${text}\n" @ONLY)
    set(source ${CMAKE_CURRENT_BINARY_DIR}/${set}.cpp)
    set(module "")
    if(set IN_LIST devices)
      set(module --module)
    endif()
    add_custom_command(OUTPUT ${source}
      COMMAND ${SLUICE_PYTHON} ${PROJECT_SOURCE_DIR}/tools/kernel_table.py --name ${set} --kernels
              ${CMAKE_CURRENT_BINARY_DIR}/${set}.list --output ${source} ${module}
              --schemas ${schemas} --composites ${composites} --formulas ${CMAKE_CURRENT_BINARY_DIR}/formulas.list
              --isas ${SLUICE_ISAS}
      DEPENDS ${PROJECT_SOURCE_DIR}/tools/kernel_table.py ${CMAKE_CURRENT_BINARY_DIR}/${set}.list
              ${CMAKE_CURRENT_BINARY_DIR}/formulas.list ${schemas} ${composites}
      VERBATIM)
    set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-O0;-g0")  # a table: runs once
    if(set IN_LIST devices)
      add_library(sluice_${set} OBJECT EXCLUDE_FROM_ALL ${source})  # of a module
      set_target_properties(sluice_${set} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    else()
      add_library(sluice_${set} STATIC EXCLUDE_FROM_ALL ${source})
      set_target_properties(sluice_${set} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    endif()
    target_include_directories(sluice_${set} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(sluice_${set} PUBLIC ${libraries} Halide::Runtime PRIVATE sluice_options)
    if(NOT set IN_LIST devices)
      target_link_libraries(sluice_${set} PRIVATE sluice_kernel_data)
    endif()
    if(NOT set STREQUAL "kernels" AND NOT set IN_LIST devices)
      target_link_libraries(sluice_${set} PUBLIC sluice_kernels)  # has the schemas
    endif()
    target_compile_features(sluice_${set} PUBLIC cxx_std_20)
  endforeach()
  # The runner refers to them weakly (runtime/kernel_table.cpp); who links them wants them.
  target_link_options(sluice_kernels INTERFACE LINKER:--undefined=_ZN6sluice16register_kernelsERNS_11KernelTableE)
  get_property(ptx GLOBAL PROPERTY SLUICE_PTX)
  list(JOIN ptx "\n" text)
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/ptx.list CONTENT "${text}\n" @ONLY)
endfunction()
