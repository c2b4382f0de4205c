# SPDX-License-Identifier: Apache-2.0
# libsluice.so and libsluice.a, target `library`, and what `cmake --install` writes. Components: programs (with models and
# the modules of devices), shared, static, development. docs/library.md says how the result is used.
include(CMakePackageConfigHelpers)
set(package ${CMAKE_CURRENT_LIST_DIR}/package)

# ---- the shared library: the C API is all that is seen of it
add_library(sluice_shared SHARED ${PROJECT_SOURCE_DIR}/runtime/c_api/sluice.h)
set(exports ${PROJECT_SOURCE_DIR}/runtime/c_api/exports.map)
set_target_properties(sluice_shared PROPERTIES
  OUTPUT_NAME sluice EXPORT_NAME sluice_shared LINKER_LANGUAGE CXX
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
  LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib LINK_DEPENDS ${exports})
target_link_libraries(sluice_shared PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,sluice_c_api>)
# nodelete: the threads of the runtime never end.
target_link_options(sluice_shared PRIVATE
  LINKER:--version-script,${exports} LINKER:-z,defs LINKER:-z,nodelete LINKER:--as-needed)
if(SLUICE_HAS_RELR)
  target_link_options(sluice_shared PRIVATE LINKER:-z,pack-relative-relocs)
endif()
target_include_directories(sluice_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# ---- the static library: all archives in one
get_property(kernels GLOBAL PROPERTY SLUICE_kernels_TARGETS)
set(archives sluice_c_api sluice_tasks sluice_resample sluice_runtime_core sluice_kernels sluice_kernel_data sluice_graph
             sluice_tensors ${kernels} sluice_halide_runtime)
set(static_library ${PROJECT_BINARY_DIR}/lib/libsluice.a)
set(script ${CMAKE_CURRENT_BINARY_DIR}/libsluice.mri)
list(TRANSFORM archives REPLACE "(.+)" "ADDLIB $<TARGET_FILE:\\1>" OUTPUT_VARIABLE lines)
list(TRANSFORM archives REPLACE "(.+)" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE files)
list(JOIN lines "\n" lines)
file(GENERATE OUTPUT ${script} CONTENT "CREATE ${static_library}\n${lines}\nSAVE\nEND\n")
add_custom_command(OUTPUT ${static_library}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/lib
  COMMAND ${CMAKE_AR} -M < ${script}
  DEPENDS ${archives} ${files} ${script} COMMENT "Linking libsluice.a" VERBATIM)
add_custom_target(library ALL DEPENDS sluice_shared ${static_library})
add_custom_target(installable DEPENDS library programs)

# ---- files that say where things are, relative to themselves
set(cmake_folder ${CMAKE_INSTALL_LIBDIR}/cmake/Sluice)
set(models_folder ${CMAKE_INSTALL_DATADIR}/sluice/models)
set(pkgconfig_folder ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
foreach(folder IN ITEMS cmake_folder pkgconfig_folder)
  file(RELATIVE_PATH prefix_from_${folder} /prefix/${${folder}} /prefix)
  string(REGEX REPLACE "/$" "" prefix_from_${folder} "${prefix_from_${folder}}")
endforeach()
set(SLUICE_MODELS_FOLDER ${models_folder})
set(SLUICE_MODULES_FOLDER ${CMAKE_INSTALL_LIBDIR}/sluice)
set(generated ${CMAKE_CURRENT_BINARY_DIR}/package)
configure_package_config_file(${package}/SluiceConfig.cmake.in ${generated}/SluiceConfig.cmake
  INSTALL_DESTINATION ${cmake_folder} NO_CHECK_REQUIRED_COMPONENTS_MACRO
  PATH_VARS SLUICE_MODELS_FOLDER SLUICE_MODULES_FOLDER)
write_basic_package_version_file(${generated}/SluiceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
foreach(file IN ITEMS SluiceStaticTargets.cmake sluice.pc sluice-static.pc)
  configure_file(${package}/${file}.in ${generated}/${file} @ONLY)
endforeach()

# ---- what goes where
install(TARGETS sluice_shared EXPORT SluiceSharedTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT shared NAMELINK_COMPONENT development)
install(EXPORT SluiceSharedTargets NAMESPACE Sluice:: DESTINATION ${cmake_folder} COMPONENT shared)
install(FILES ${static_library} DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT static)
install(FILES ${generated}/SluiceStaticTargets.cmake DESTINATION ${cmake_folder} COMPONENT static)
install(FILES ${generated}/sluice-static.pc DESTINATION ${pkgconfig_folder} COMPONENT static)
install(FILES ${PROJECT_SOURCE_DIR}/runtime/c_api/sluice.h ${PROJECT_SOURCE_DIR}/runtime/c_api/sluice.hpp
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/sluice COMPONENT development)
install(FILES ${generated}/SluiceConfig.cmake ${generated}/SluiceConfigVersion.cmake
  DESTINATION ${cmake_folder} COMPONENT development)
install(FILES ${generated}/sluice.pc DESTINATION ${pkgconfig_folder} COMPONENT development)
install(TARGETS sluice sluice-training RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT programs)
foreach(module IN ITEMS sluice_cuda sluice_cuda_training sluice_mpi)  # that of OpenCL is for tests
  if(TARGET ${module})
    install(TARGETS ${module} LIBRARY DESTINATION ${SLUICE_MODULES_FOLDER} COMPONENT programs)
    add_dependencies(installable ${module})
  endif()
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/models/ DESTINATION ${models_folder} COMPONENT programs)
foreach(component IN ITEMS programs shared static)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/NOTICE DESTINATION ${CMAKE_INSTALL_DOCDIR}
    COMPONENT ${component})
endforeach()
