# Run by `cmake -P`: writes OUT, a C++ file that holds the SQL texts of FOLDER as raw strings.
file(GLOB texts "${FOLDER}/*.sql")
list(SORT texts)
set(rows "")
foreach(path IN LISTS texts)
  get_filename_component(file_name "${path}" NAME_WE)
  if(NOT file_name MATCHES "^([0-9][0-9][0-9][0-9])_(.+)$")
    message(FATAL_ERROR "${path}: a migration is named NNNN_what.sql")
  endif()
  math(EXPR number "1${CMAKE_MATCH_1} - 10000") # without the leading zeroes, which C++ would take for octal
  set(name "${CMAKE_MATCH_2}")
  file(READ "${path}" sql)
  string(APPEND rows "    {${number}, \"${name}\", R\"turnwise(${sql})turnwise\"},\n")
endforeach()
file(WRITE "${OUT}" "// Made from migrations/*.sql by embed_migrations.cmake.
#include \"storage/postgres/migrations.hpp\"

namespace turnwise::storage::postgres {

const std::vector<Migration>& migrations() {
  static const std::vector<Migration> all{
${rows}  };
  return all;
}

} // namespace turnwise::storage::postgres
")
