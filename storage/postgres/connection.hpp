// One connection to PostgreSQL: made when it is needed, made again after each loss, and the border where libpqxx's exceptions
// become our errors. Not thread-safe: each belongs to one thread.
#pragma once

#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include "model/errors.hpp"
#include "storage/postgres/store.hpp"

namespace turnwise::storage::postgres {

inline constexpr std::string_view no_standby = "a commit did not wait for its synchronous standby";

class Connection {
public:
  /// @param settings  SQL for this session, run after the common settings; may be empty
  Connection(PostgresOptions options, std::string settings) : options_(std::move(options)), settings_(std::move(settings)) {}

  /// The live connection, a new one if need be. Throws what libpqxx throws when there is none to be had.
  pqxx::connection& open();

  /// Forgets the connection; the next call of open() makes a new one. Never blocks.
  void close() noexcept;

  [[nodiscard]] bool is_open() const { return connection_ && connection_->is_open(); }

  /// Prepares the statement unless this session has it.
  pqxx::prepped prepare(const std::string& name, std::string_view sql);
  /// Drops a prepared statement that is of no more use.
  void forget(const std::string& name);

  /// Whether, since the last call, the server said that it gave up waiting for a synchronous standby: a transaction was then
  /// reported as committed but may be lost with this server.
  bool take_standby_warning() { return std::exchange(*standby_warning_, false); }

  /// Runs `work(pqxx::connection&)`, which returns a Result. After an exception, or when the server gave up waiting for its
  /// standby, the connection is dropped and the result is Errc::unavailable.
  template <class Work>
  auto attempt(Work&& work) -> decltype(work(std::declval<pqxx::connection&>())) {
    try {
      auto result = work(open());
      if (!take_standby_warning()) {
        return result;
      }
      close();
      return unavailable(std::runtime_error{std::string{no_standby}});
    } catch (const std::exception& fault) {
      close();
      return unavailable(fault);
    }
  }

  static model::Error unavailable(const std::exception& fault);

private:
  PostgresOptions options_;
  std::string settings_;
  std::shared_ptr<bool> standby_warning_ = std::make_shared<bool>(false); // shared with the notice handler
  std::set<std::string, std::less<>> prepared_;
  std::optional<pqxx::connection> connection_;
};

/// First line of what libpqxx or PostgreSQL said: later lines may quote data.
std::string first_line(const std::exception& fault);

} // namespace turnwise::storage::postgres
