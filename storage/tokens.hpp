// The tokens of a database, for whoever gives them out. Nodes read theirs over their own connection, see Ownership::tokens().
#pragma once

#include <string>
#include <vector>

#include "model/errors.hpp"
#include "model/token.hpp"

namespace turnwise::storage {

/// Good tokens of a database; a node keeps as many in memory.
inline constexpr std::size_t tokens_max = 10'000;

/// A token as the table has it. Its hash is left out.
struct ListedToken {
  model::Token token;
  model::WallTime created_at;
  std::string created_by; ///< a role of PostgreSQL
  std::optional<model::WallTime> revoked_at;
  bool expired{};
};

/// Each call opens a connection (a libpq connection string or URI) as a role that may write the table: its owner. A wrong role
/// or a missing schema is Errc::internal with PostgreSQL's words, a server that is away Errc::unavailable.

/// @param lifetime  from now on; nothing: for ever. The token's own expires_at is not looked at
/// @returns Errc::backlog_full when there are tokens_max good ones
model::Result<model::Done> add_token(const std::string& connection, const model::Token& token,
                                     std::optional<model::milliseconds> lifetime);

/// The newest first; those that ended longest ago are left out when there are many.
model::Result<std::vector<ListedToken>> list_tokens(const std::string& connection);

/// @returns Errc::not_found when there is no such token; success also when it was revoked before.
model::Result<model::Done> revoke_token(const std::string& connection, const std::string& id);

} // namespace turnwise::storage
