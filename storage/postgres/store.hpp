// The real journal: PostgreSQL through libpqxx.
#pragma once

#include <memory>
#include <string>

#include "storage/ownership.hpp"

namespace turnwise::storage {

struct PostgresOptions {
  std::string connection; ///< a libpq connection string or URI
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds tcp_user_timeout{4'000}; ///< a silent link is given up before the node's ttl runs out
};

/// Sessions have settings and prepared statements, so the connection must not go through a pooler in transaction mode.
/// Opens nothing yet: connections are made by the threads that use them, and again after each loss.
std::unique_ptr<Store> open_postgres(PostgresOptions options);

} // namespace turnwise::storage
