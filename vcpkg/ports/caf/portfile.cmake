# As scripts/setup builds it, but for what Turnwise does not use.
vcpkg_from_github(
  OUT_SOURCE_PATH SOURCE_PATH
  REPO actor-framework/actor-framework
  REF 0.18.7
  SHA512 bf0d5240e83daf5c4f666d8d30168522d494a83968479db3fb38f10c8c1649f087f8862f5b09051e58bfe4e3a408a79f01d43371ab4d3da5d2aade392b4d9edd)
vcpkg_cmake_configure(
  SOURCE_PATH ${SOURCE_PATH}
  OPTIONS -DCMAKE_CXX_STANDARD=20 -DCAF_ENABLE_EXAMPLES=OFF -DCAF_ENABLE_TOOLS=OFF -DCAF_ENABLE_TESTING=OFF
          -DCAF_ENABLE_IO_MODULE=OFF -DCAF_ENABLE_OPENSSL_MODULE=OFF -DCAF_LOG_LEVEL=QUIET)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(PACKAGE_NAME CAF CONFIG_PATH lib/cmake/CAF)
file(REMOVE_RECURSE ${CURRENT_PACKAGES_DIR}/debug/include)
vcpkg_install_copyright(FILE_LIST ${SOURCE_PATH}/LICENSE)
