# Installation and the Debian package: cmake --install build/release, or cpack --config build/release/CPackConfig.cmake.
include(GNUInstallDirs)

if(TARGET demarc)
  install(TARGETS demarc RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

  # The JSON Schemas come out of the program itself while it is installed, so they cannot differ from it. A cross-compiled
  # program cannot be asked.
  if(NOT CMAKE_CROSSCOMPILING)
    foreach(schema rules scan flows verdict)
      set(file ${CMAKE_CURRENT_BINARY_DIR}/schemas/${schema}.schema.json)
      install(CODE "execute_process(COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:demarc> -DSCHEMA=${schema} -DOUTPUT=${file}
        -P ${CMAKE_CURRENT_LIST_DIR}/write_schema.cmake COMMAND_ERROR_IS_FATAL ANY)")
      install(FILES ${file} DESTINATION ${CMAKE_INSTALL_DATADIR}/demarc/schemas)
    endforeach()
  endif()
endif()

install(FILES ${CMAKE_CURRENT_LIST_DIR}/demarc.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${PROJECT_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL FILES_MATCHING PATTERN "*.md" PATTERN "*.svg" PATTERN "*.png")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples/iis-dmz ${PROJECT_SOURCE_DIR}/examples/dmz
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples USE_SOURCE_PERMISSIONS PATTERN "__pycache__" EXCLUDE)
install(PROGRAMS ${PROJECT_SOURCE_DIR}/examples/lab.sh DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

# The standing watch and the daily verification; nothing is started until somebody enables it.
install(FILES
  "${CMAKE_CURRENT_LIST_DIR}/systemd/demarc-traffic@.service"
  ${CMAKE_CURRENT_LIST_DIR}/systemd/demarc-verify.service
  ${CMAKE_CURRENT_LIST_DIR}/systemd/demarc-verify.timer
  DESTINATION lib/systemd/system)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME demarc)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_VENDOR "demarc")
set(CPACK_PACKAGE_CONTACT "The demarc developers <demarc@example.net>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "verifies the boundary of a DMZ against its approved port rules")
set(CPACK_PACKAGE_DESCRIPTION
"demarc compares four views of a DMZ's ports: what is documented and approved, what
filters are configured to permit, what probes reach from outside and inside, and
what captures show in use. It says where they disagree, what to do about it, and
never calls clean what nobody measured.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "openssh-client, nftables, python3")
include(CPack)
