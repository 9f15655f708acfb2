// Reading, making and revoking tokens, a transaction per call.
#include "storage/tokens.hpp"

#include "storage/postgres/connection.hpp"
#include "storage/postgres/token_statements.hpp"
#include "storage/postgres/tokens.hpp"

namespace turnwise::storage {
namespace postgres {
namespace {

std::string text(std::string_view statement) {
  return std::string{statement};
}

std::optional<model::WallTime> moment(const pqxx::field& micros) {
  const auto count = micros.as<std::optional<std::int64_t>>();
  return count ? std::optional{model::WallTime{model::microseconds{*count}}} : std::nullopt;
}

model::SecretHash hash_of(std::string_view hexadecimal) {
  model::SecretHash hash{};
  for (std::size_t i = 0; i < hash.size(); ++i) {
    hash.at(i) = static_cast<std::uint8_t>(std::stoul(text(hexadecimal.substr(2 * i, 2)), nullptr, 16));
  }
  return hash;
}

std::string hexadecimal(const model::SecretHash& hash) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const auto byte : hash) {
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

/// Scopes that this version does not know are passed over: they allow nothing here.
model::Scopes scopes_of(std::string_view names) {
  model::Scopes scopes;
  while (!names.empty()) {
    const auto end = std::min(names.find(','), names.size());
    if (const auto scope = model::scope_of(names.substr(0, end))) {
      scopes.add(*scope);
    }
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return scopes;
}

/// A wrong role or a missing table is no outage, so the words of PostgreSQL come under another code.
template <class Work>
auto with_connection(const std::string& where, Work&& work) -> decltype(work(std::declval<pqxx::connection&>())) {
  Connection connection{{.connection = where}, ""};
  try {
    return work(connection.open());
  } catch (const pqxx::undefined_table&) {
    return model::Error{model::Errc::internal, "this database has no table of tokens yet: run `turnwise migrate`", {}};
  } catch (const pqxx::sql_error& fault) {
    return model::Error{model::Errc::internal, "PostgreSQL: " + first_line(fault), {}};
  } catch (const std::exception& fault) {
    return Connection::unavailable(fault);
  }
}

} // namespace

Result<std::optional<TokensRead>> read_tokens(pqxx::connection& connection, std::uint64_t known) {
  pqxx::nontransaction transaction{connection};
  try {
    // First the version: a change in between is seen by the list, and read once more next time.
    TokensRead read{transaction.query_value<std::uint64_t>(text(sql::token_version)), {}};
    if (read.version == known) {
      return std::optional<TokensRead>{};
    }
    for (const auto& row : transaction.exec(text(sql::good_tokens), pqxx::params{tokens_max})) {
      read.tokens.push_back({.id = row[0].as<std::string>(),
                             .owner = row[1].as<std::string>(),
                             .scopes = scopes_of(row[2].as<std::string>()),
                             .secret_hash = hash_of(row[3].as<std::string>()),
                             .expires_at = moment(row[4])});
    }
    return std::optional{std::move(read)};
  } catch (const pqxx::undefined_table&) {
    return model::Error{model::Errc::unavailable, "this database has no table of tokens yet: run `turnwise migrate`", {}};
  }
}

} // namespace postgres

namespace sql = postgres::sql;

model::Result<model::Done> add_token(const std::string& connection, const model::Token& token,
                                     std::optional<model::milliseconds> lifetime) {
  return postgres::with_connection(connection, [&](pqxx::connection& open) -> model::Result<model::Done> {
    pqxx::work transaction{open};
    transaction.exec(std::string{sql::lock_tokens});
    const auto span = lifetime ? std::optional{lifetime->count()} : std::nullopt;
    const pqxx::params parameters{token.id, token.owner, to_string(token.scopes), postgres::hexadecimal(token.secret_hash),
                                  span,     tokens_max};
    if (transaction.exec(std::string{sql::add_token}, parameters).affected_rows() == 0) {
      return model::Error{model::Errc::backlog_full,
                          "there are " + std::to_string(tokens_max) + " tokens, as many as may be: revoke some first",
                          {}};
    }
    transaction.commit();
    return model::Done{};
  });
}

model::Result<std::vector<ListedToken>> list_tokens(const std::string& connection) {
  return postgres::with_connection(connection, [](pqxx::connection& open) -> model::Result<std::vector<ListedToken>> {
    std::vector<ListedToken> found;
    pqxx::nontransaction transaction{open};
    for (const auto& row : transaction.exec(std::string{sql::list_tokens}, pqxx::params{2 * tokens_max})) {
      ListedToken listed;
      listed.token.id = row[0].as<std::string>();
      listed.token.owner = row[1].as<std::string>();
      listed.token.scopes = postgres::scopes_of(row[2].as<std::string>());
      listed.created_at = postgres::moment(row[3]).value_or(model::WallTime{});
      listed.created_by = row[4].as<std::string>();
      listed.token.expires_at = postgres::moment(row[5]);
      listed.revoked_at = postgres::moment(row[6]);
      listed.expired = row[7].as<bool>();
      found.push_back(std::move(listed));
    }
    return found;
  });
}

model::Result<model::Done> revoke_token(const std::string& connection, const std::string& id) {
  return postgres::with_connection(connection, [&](pqxx::connection& open) -> model::Result<model::Done> {
    if (pqxx::nontransaction{open}.exec(std::string{sql::revoke_token}, pqxx::params{id}).affected_rows() == 0) {
      return model::Error{
          model::Errc::not_found, "there is no token " + id + "; `turnwise token list` shows those there are", {}};
    }
    return model::Done{};
  });
}

} // namespace turnwise::storage
