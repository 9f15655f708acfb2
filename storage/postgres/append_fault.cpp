// Exceptions of libpqxx and PostgreSQL's SQLSTATE, told apart by what they say about an append.
#include "storage/postgres/append_fault.hpp"

#include <algorithm>
#include <array>
#include <pqxx/pqxx>
#include <string_view>

namespace turnwise::storage::postgres {
namespace {

/// Classes of SQLSTATE that mean: not with this data, however often it is tried.
constexpr std::array<std::string_view, 5> data_classes{"0A", "21", "22", "23", "54"};

/// An ERROR is the statement's answer: it was rolled back. With FATAL the session ended, perhaps after its commit.
bool ends_the_session(std::string_view sqlstate) {
  return sqlstate == "57P01" || sqlstate == "57P02" || sqlstate == "57P04" || sqlstate == "57P05" || sqlstate == "25P03";
}

} // namespace

AppendStatus status_of_sent(const std::exception& fault, bool connection_lives) {
  if (dynamic_cast<const pqxx::protocol_violation*>(&fault) != nullptr && connection_lives) {
    return AppendStatus::refused; // the server could not read a parameter
  }
  const auto* error = dynamic_cast<const pqxx::sql_error*>(&fault);
  if (error == nullptr) {
    return AppendStatus::unknown;
  }
  const std::string_view sqlstate = error->sqlstate();
  if (sqlstate == "FZ001") {
    return AppendStatus::fenced;
  }
  if (std::ranges::find(data_classes, sqlstate.substr(0, 2)) != data_classes.end()) {
    return AppendStatus::refused;
  }
  if (ends_the_session(sqlstate) || !connection_lives) {
    return AppendStatus::unknown;
  }
  return sqlstate == "53100" ? AppendStatus::no_space : AppendStatus::unavailable;
}

AppendStatus status_of_unsent(const std::exception& fault) {
  return dynamic_cast<const pqxx::disk_full*>(&fault) != nullptr ? AppendStatus::no_space : AppendStatus::unavailable;
}

} // namespace turnwise::storage::postgres
