# What `cmake --install` and cpack put on a machine: the program, the libraries with the headers that they need, the
# configuration, the systemd unit, the documents.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(turnwise_include_dir ${CMAKE_INSTALL_INCLUDEDIR}/turnwise)
set(turnwise_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/turnwise)
set(turnwise_doc_dir ${CMAKE_INSTALL_DATADIR}/doc/turnwise)

# ── Libraries: turnwise::node is everything that a node is, turnwise::client talks to one ────────────────────────────────
set_target_properties(turnwise_app PROPERTIES EXPORT_NAME node)
foreach(room model storage actors client)
  set_target_properties(turnwise_${room} PROPERTIES EXPORT_NAME ${room})
endforeach()
foreach(room model storage actors client app)
  target_compile_features(turnwise_${room} INTERFACE cxx_std_20)
  # Outside, `#include "app/node/run.hpp"` means the same as in this tree.
  target_include_directories(turnwise_${room} INTERFACE $<INSTALL_INTERFACE:${turnwise_include_dir}>)
  install(TARGETS turnwise_${room} EXPORT turnwise ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  list(APPEND archives $<TARGET_FILE_NAME:turnwise_${room}>)
endforeach()
install(TARGETS turnwise RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# Plain machine code for any linker: what link-time optimization needs fits one version of one compiler only, and is gone with
# the debug information.
foreach(archive ${archives})
  install(CODE "execute_process(COMMAND ${CMAKE_STRIP} --strip-debug -R .gnu.lto_* -R .gnu.debuglto_* -N __gnu_lto_slim -N __gnu_lto_v1
    \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/${archive} COMMAND_ERROR_IS_FATAL ANY)")
endforeach()

# ── Headers: these, and whatever they include ────────────────────────────────────────────────────────────────────────────
set(pending app/node/run.hpp app/client/client.hpp app/client/retry.hpp actors/engine.hpp storage/migrator.hpp
  storage/postgres/store.hpp)
set(headers)
while(pending)
  list(POP_FRONT pending header)
  if(header IN_LIST headers)
    continue()
  endif()
  list(APPEND headers ${header})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
  file(STRINGS ${header} includes REGEX "^#include \"")
  foreach(include ${includes})
    string(REGEX REPLACE "^#include \"([^\"]+)\".*" "\\1" include "${include}")
    list(APPEND pending ${include})
  endforeach()
endwhile()
foreach(header ${headers})
  cmake_path(GET header PARENT_PATH folder)
  install(FILES ${header} DESTINATION ${turnwise_include_dir}/${folder})
endforeach()

# ── find_package(turnwise) ───────────────────────────────────────────────────────────────────────────────────────────────
install(EXPORT turnwise FILE turnwiseTargets.cmake NAMESPACE turnwise:: DESTINATION ${turnwise_cmake_dir})
configure_package_config_file(cmake/turnwiseConfig.cmake.in ${CMAKE_BINARY_DIR}/turnwiseConfig.cmake
  INSTALL_DESTINATION ${turnwise_cmake_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/turnwiseConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/turnwiseConfig.cmake ${CMAKE_BINARY_DIR}/turnwiseConfigVersion.cmake
  DESTINATION ${turnwise_cmake_dir})

# ── Configuration, unit, documents ───────────────────────────────────────────────────────────────────────────────────────
# A prefix of its own has an etc of its own, and a unit that says so; for /usr that is /etc.
install(CODE "
  set(etc \"\${CMAKE_INSTALL_PREFIX}/etc\")
  if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
    set(etc /etc)
  endif()
  file(READ \"${CMAKE_SOURCE_DIR}/conf/turnwise.service\" unit)
  string(REPLACE /usr/bin/ \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/\" unit \"\${unit}\")
  string(REPLACE /etc/ \"\${etc}/\" unit \"\${unit}\")
  file(WRITE \"${CMAKE_BINARY_DIR}/turnwise.service\" \"\${unit}\")
  file(INSTALL DESTINATION \"\${etc}/turnwise\" TYPE FILE FILES \"${CMAKE_SOURCE_DIR}/conf/turnwise.toml\")
  file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/lib/systemd/system\" TYPE FILE
    FILES \"${CMAKE_BINARY_DIR}/turnwise.service\")")
foreach(place bash-completion/completions/turnwise:bash zsh/vendor-completions/_turnwise:zsh fish/vendor_completions.d/turnwise.fish:fish)
  string(REPLACE ":" ";" place ${place})
  list(GET place 0 file)
  list(GET place 1 shell)
  cmake_path(GET file PARENT_PATH folder)
  install(CODE "
    file(MAKE_DIRECTORY \"${CMAKE_BINARY_DIR}/completion/${folder}\")
    execute_process(COMMAND \"$<TARGET_FILE:turnwise>\" completion ${shell} COMMAND_ERROR_IS_FATAL ANY
      OUTPUT_FILE \"${CMAKE_BINARY_DIR}/completion/${file}\")")
  install(FILES ${CMAKE_BINARY_DIR}/completion/${file} DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder})
endforeach()
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${turnwise_doc_dir})
install(DIRECTORY docs DESTINATION ${turnwise_doc_dir})
install(DIRECTORY examples/in-process DESTINATION ${turnwise_doc_dir}/examples)

# ── cpack -G DEB ─────────────────────────────────────────────────────────────────────────────────────────────────────────
set(CPACK_PACKAGE_NAME turnwise)
set(CPACK_PACKAGE_CONTACT "Turnwise <turnwise@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "postgresql, libboost-dev, libssl-dev, libcurl4-openssl-dev, libpq-dev, libspdlog-dev, libfmt-dev, libcli11-dev")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/conf/debian/conffiles ${CMAKE_SOURCE_DIR}/conf/debian/postinst
  ${CMAKE_SOURCE_DIR}/conf/debian/prerm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
