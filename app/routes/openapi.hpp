// The contract: docs/openapi.json, built into the program.
#pragma once

#include <string_view>

namespace turnwise::routes {

/// The document that GET /openapi.json answers with. tests/app/openapi_test.cpp holds it and the server together.
std::string_view openapi_document();

} // namespace turnwise::routes
