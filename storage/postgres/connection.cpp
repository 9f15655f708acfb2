// How a connection is made: parameters that let a dead link be noticed, settings that bound every wait for a lock.
#include "storage/postgres/connection.hpp"

#include <algorithm>
#include <libpq-fe.h>
#include <map>

namespace turnwise::storage::postgres {
namespace {

using Parameters = std::map<std::string, std::string>;

/// What the user's connection string says, by libpq's own parser: a list of words or a URI.
Parameters parse(const std::string& text) {
  char* fault = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed{PQconninfoParse(text.c_str(), &fault),
                                                                            &PQconninfoFree};
  const std::unique_ptr<char, decltype(&PQfreemem)> fault_owner{fault, &PQfreemem};
  if (!parsed) {
    throw pqxx::broken_connection{fault == nullptr ? "out of memory" : fault};
  }
  Parameters parameters;
  for (const auto* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) {
      parameters.emplace(option->keyword, option->val);
    }
  }
  return parameters;
}

/// The user's word where there is one; what safety needs in any case.
Parameters parameters_of(const PostgresOptions& options) {
  auto parameters = parse(options.connection);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(options.connect_timeout).count();
  parameters.emplace("connect_timeout", std::to_string(std::max<std::int64_t>(seconds, 2))); // libpq takes 1 for 2
  parameters.emplace("tcp_user_timeout", std::to_string(options.tcp_user_timeout.count()));
  // A link that has nothing to send is found dead after about as long.
  parameters.emplace("keepalives", "1");
  parameters.emplace("keepalives_idle", "2");
  parameters.emplace("keepalives_interval", "1");
  parameters.emplace("keepalives_count", "2");
  parameters.emplace("fallback_application_name", "turnwise");
  parameters["client_encoding"] = "UTF8";
  parameters["target_session_attrs"] = "read-write";
  return parameters;
}

/// A lane's COMMIT is never cancelled, so statements have no time limit unless a connection's own settings say so; but waits
/// for locks do, and so has a transaction whose client has been frozen.
/// What is proved here about locks and what is looked up after them holds for read committed, whatever a database says by
/// itself.
constexpr std::string_view common_settings = "SET default_transaction_isolation = 'read committed';"
                                             "SET statement_timeout = 0; SET lock_timeout = '10s';"
                                             "SET idle_in_transaction_session_timeout = '5s';"
                                             "SET client_min_messages = warning; SET TimeZone = 'UTC';"
                                             // Statements are short; compiling one takes longer than running it.
                                             "SET jit = off;";

} // namespace

pqxx::connection& Connection::open() {
  if (is_open()) {
    return *connection_;
  }
  close();
  *standby_warning_ = false;
  connection_.emplace(parameters_of(options_));
  // Verbose texts name the place in PostgreSQL's source, whatever language the server speaks.
  connection_->set_verbosity(pqxx::error_verbosity::verbose);
  connection_->set_notice_handler([warning = standby_warning_](pqxx::zview text) noexcept {
    if (text.find("SyncRepWaitForLSN") != pqxx::zview::npos) {
      *warning = true;
    }
  });
  try {
    pqxx::nontransaction{*connection_}.exec(std::string{common_settings} + settings_);
  } catch (...) {
    close();
    throw;
  }
  return *connection_;
}

void Connection::close() noexcept {
  prepared_.clear();
  connection_.reset();
}

pqxx::prepped Connection::prepare(const std::string& name, std::string_view sql) {
  const auto [known, added] = prepared_.insert(name);
  if (added) {
    try {
      connection_->prepare(name, std::string{sql});
    } catch (...) {
      prepared_.erase(known);
      throw;
    }
  }
  return pqxx::prepped{*known};
}

void Connection::forget(const std::string& name) {
  if (prepared_.erase(name) != 0 && is_open()) {
    connection_->unprepare(name);
  }
}

model::Error Connection::unavailable(const std::exception& fault) {
  return {.code = model::Errc::unavailable, .detail = "PostgreSQL: " + first_line(fault), .pointer = {}};
}

std::string first_line(const std::exception& fault) {
  const std::string_view text = fault.what();
  return std::string{text.substr(0, text.find('\n'))};
}

} // namespace turnwise::storage::postgres
