# Run by `cmake -P`: writes OUT, a C++ file that holds the document FILE as a raw string.
file(READ "${FILE}" document)
file(WRITE "${OUT}" "// Made from docs/openapi.json by embed_openapi.cmake.
#include \"app/routes/openapi.hpp\"

namespace turnwise::routes {

std::string_view openapi_document() {
  return R\"turnwise(${document})turnwise\";
}

} // namespace turnwise::routes
")
