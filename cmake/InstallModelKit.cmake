# SPDX-License-Identifier: Apache-2.0
# Install component `generators`, which is installed only where it is asked for: what sluice_add_model (cmake/model/SluiceModel.cmake) needs besides the program. The
# generator executables, what is known of the layers, the schedules' data, the planning scripts, and the runner as sources:
# the project that uses them compiles it, for whatever processor it is for.

set(model_data ${CMAKE_INSTALL_DATADIR}/sluice)
set(model_generators ${CMAKE_INSTALL_LIBEXECDIR}/sluice)
set(model_config ${CMAKE_INSTALL_LIBDIR}/cmake/Sluice)
get_property(layers GLOBAL PROPERTY SLUICE_LAYERS)
get_property(schemas GLOBAL PROPERTY SLUICE_SCHEMAS)

# ---- generators and what they read
# Not install(TARGETS): that would link them with another RUNPATH, and their kernels would all be made anew.
foreach(layer IN LISTS layers)
  install(PROGRAMS $<TARGET_FILE:${layer}.generator> DESTINATION ${model_generators} COMPONENT generators EXCLUDE_FROM_ALL)
endforeach()
install(CODE "foreach(layer IN ITEMS ${layers})
  set(file \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${model_generators}/\${layer}.generator\")
  file(RPATH_REMOVE FILE \"\${file}\")
  if(CMAKE_INSTALL_DO_STRIP)
    execute_process(COMMAND \"${CMAKE_STRIP}\" \"\${file}\" COMMAND_ERROR_IS_FATAL ANY)
  endif()
endforeach()" COMPONENT generators EXCLUDE_FROM_ALL)
install(FILES ${schemas} DESTINATION ${model_data}/schemas COMPONENT generators EXCLUDE_FROM_ALL)
install(FILES ${PROJECT_BINARY_DIR}/generators/formulas.list DESTINATION ${model_data} COMPONENT generators EXCLUDE_FROM_ALL)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/generators/ DESTINATION ${model_data}/composites COMPONENT generators EXCLUDE_FROM_ALL
        FILES_MATCHING PATTERN "*.graph")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/schedules/cpu DESTINATION ${model_data}/schedules COMPONENT generators EXCLUDE_FROM_ALL
        FILES_MATCHING PATTERN "*.params")
install(FILES ${PROJECT_SOURCE_DIR}/tools/kernel_table.py ${PROJECT_SOURCE_DIR}/tools/model_header.py
              ${PROJECT_SOURCE_DIR}/tools/model_library.py ${PROJECT_SOURCE_DIR}/tools/model_tuning.py
        DESTINATION ${model_data}/tools COMPONENT generators EXCLUDE_FROM_ALL)

# ---- the runner's sources: those of the libraries that make it here. Of tasks what the C API offers; load.cpp is for
# programs with the kernels of all layers.
set(sources runtime/model_runner/fmt_library.cpp runtime/tasks/depth.cpp runtime/tasks/inpaint.cpp
            runtime/tasks/picture_tensor.cpp runtime/tasks/task_ports.cpp)
foreach(library IN ITEMS sluice_tensors sluice_graph sluice_kernel_data sluice_runtime_core sluice_resample sluice_c_api)
  get_target_property(files ${library} SOURCES)
  get_target_property(folder ${library} SOURCE_DIR)
  cmake_path(RELATIVE_PATH folder BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
  list(FILTER files INCLUDE REGEX "\\.cpp$")
  list(FILTER files EXCLUDE REGEX "^load\\.cpp$")
  list(TRANSFORM files PREPEND ${folder}/)
  list(APPEND sources ${files})
endforeach()
foreach(source IN LISTS sources)
  cmake_path(GET source PARENT_PATH folder)
  install(FILES ${PROJECT_SOURCE_DIR}/${source} DESTINATION ${model_data}/runner/${folder} COMPONENT generators EXCLUDE_FROM_ALL)
endforeach()
# Compiled where a device is among TARGETS.
file(GLOB device_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/runtime/device/*.cpp)
install(FILES ${device_sources} DESTINATION ${model_data}/runner/runtime/device COMPONENT generators EXCLUDE_FROM_ALL)
list(JOIN sources "\n" text)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/runner.list CONTENT "${text}\n" @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/runner.list DESTINATION ${model_data}/runner COMPONENT generators EXCLUDE_FROM_ALL)
foreach(folder IN ITEMS runtime runtime/c_api runtime/image runtime/tasks weights_io)
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.h)
  install(FILES ${headers} DESTINATION ${model_data}/runner/${folder} COMPONENT generators EXCLUDE_FROM_ALL)
endforeach()

# ---- the two libraries of headers that it includes (NOTICE): a toolchain for another processor seldom has them
function(_sluice_install_headers TARGET FOLDER)
  get_target_property(places ${TARGET} INTERFACE_INCLUDE_DIRECTORIES)
  foreach(place IN LISTS places)
    if(IS_DIRECTORY ${place}/${FOLDER})
      install(DIRECTORY ${place}/${FOLDER} DESTINATION ${model_data}/runner/third_party COMPONENT generators EXCLUDE_FROM_ALL)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "${TARGET}: no headers ${FOLDER} in '${places}'")
endfunction()
_sluice_install_headers(fmt::fmt fmt)
_sluice_install_headers(nlohmann_json::nlohmann_json nlohmann)

# ---- the CMake call; places are relative to the file, so that an installation can be moved
function(_sluice_from_config OUT FOLDER)
  file(RELATIVE_PATH path /prefix/${model_config} /prefix/${FOLDER})
  set(${OUT} ${path} PARENT_SCOPE)
endfunction()
_sluice_from_config(data ${model_data})
_sluice_from_config(generators_folder ${model_generators})
_sluice_from_config(program ${CMAKE_INSTALL_BINDIR}/sluice)
_sluice_from_config(include ${CMAKE_INSTALL_INCLUDEDIR})
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/SluiceModelPaths.cmake @ONLY CONTENT [[
# SPDX-License-Identifier: Apache-2.0
# Where this installation of Sluice has what sluice_add_model needs.
cmake_path(SET _SLUICE_MODEL_DATA NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/@data@")
cmake_path(SET _SLUICE_MODEL_GENERATORS NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/@generators_folder@")
cmake_path(SET _SLUICE_MODEL_PROGRAM NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/@program@")
cmake_path(SET _SLUICE_MODEL_INCLUDE NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/@include@")
set(_SLUICE_MODEL_VERSION @PROJECT_VERSION@)
set(_SLUICE_MODEL_HALIDE @Halide_VERSION@)
]])
install(FILES ${PROJECT_BINARY_DIR}/SluiceModelPaths.cmake ${PROJECT_SOURCE_DIR}/cmake/model/SluiceModel.cmake
              ${PROJECT_SOURCE_DIR}/cmake/model/SluiceTargets.cmake
        DESTINATION ${model_config} COMPONENT generators EXCLUDE_FROM_ALL)
