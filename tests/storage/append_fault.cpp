// What an error during an append says about the batch.
#include "storage/postgres/append_fault.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <pqxx/pqxx>

namespace turnwise::storage::postgres {
namespace {

constexpr bool lives = true;

AppendStatus sent(const std::string& sqlstate, bool connection_lives = lives) {
  return status_of_sent(pqxx::sql_error{"words", "statement", sqlstate.c_str()}, connection_lives);
}

TEST_CASE("the fence's own error means fenced") {
  CHECK(sent("FZ001") == AppendStatus::fenced);
}

TEST_CASE("errors about the data mean refused, however the connection is") {
  const auto* sqlstate = GENERATE("22001", "22021", "22P02", "22008", "23502", "23505", "23514", "54000", "0A000");
  CHECK(sent(sqlstate) == AppendStatus::refused);
  CHECK(sent(sqlstate, !lives) == AppendStatus::refused);
}

TEST_CASE("a full disk is told apart") {
  CHECK(sent("53100") == AppendStatus::no_space);
  CHECK(status_of_unsent(pqxx::disk_full{"words", "statement", "53100"}) == AppendStatus::no_space);
}

TEST_CASE("errors that rolled back for another reason mean that nothing was written") {
  const auto* sqlstate =
      GENERATE("25006", "40001", "40P01", "42501", "42P01", "53200", "53300", "55P03", "57014", "57P03", "XX000");
  CHECK(sent(sqlstate) == AppendStatus::unavailable);
}

TEST_CASE("after a session that ended nobody knows") {
  const auto* sqlstate = GENERATE("57P01", "57P02", "57P04", "57P05", "25P03");
  CHECK(sent(sqlstate) == AppendStatus::unknown);
  CHECK(sent("XX000", !lives) == AppendStatus::unknown);
  CHECK(status_of_sent(pqxx::broken_connection{"gone"}, !lives) == AppendStatus::unknown);
  CHECK(status_of_sent(pqxx::in_doubt_error{"gone"}, !lives) == AppendStatus::unknown);
}

TEST_CASE("what fails before the batch was sent has written nothing") {
  CHECK(status_of_unsent(pqxx::broken_connection{"refused"}) == AppendStatus::unavailable);
  CHECK(status_of_unsent(pqxx::sql_error{"words", "statement", "57P01"}) == AppendStatus::unavailable);
}

} // namespace
} // namespace turnwise::storage::postgres
