// Tokens as rows.
#pragma once

#include <pqxx/pqxx>

#include "storage/ownership.hpp"

namespace turnwise::storage::postgres {

/// What Ownership::tokens() promises, on this connection.
Result<std::optional<TokensRead>> read_tokens(pqxx::connection& connection, std::uint64_t known);

} // namespace turnwise::storage::postgres
