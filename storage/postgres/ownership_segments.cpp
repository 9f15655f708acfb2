// The life of segments: made, out of use, dropped.
#include <algorithm>

#include "model/test_hooks.hpp"
#include "storage/postgres/ownership.hpp"
#include "storage/postgres/row_batch.hpp"
#include "storage/postgres/segment_statements.hpp"

namespace turnwise::storage::postgres {
namespace {

std::string text(std::string_view statement) {
  return std::string{statement};
}

/// As many rows, bytes or milliseconds as no journal has.
constexpr std::int64_t plenty = 1'000'000'000'000'000;
/// Dropped by one call: files are removed at the commit, and a beat is due every second.
constexpr std::size_t drops_max = 4;

std::int64_t at_most_plenty(std::uint64_t number) {
  return static_cast<std::int64_t>(std::min(number, static_cast<std::uint64_t>(plenty)));
}

std::int64_t count(std::chrono::milliseconds span) {
  return std::clamp<std::int64_t>(span.count(), 0, plenty);
}

} // namespace

Result<Segments> OwnershipTables::extend_journal(const SegmentEnd& end) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<Segments> {
    pqxx::nontransaction transaction{connection};
    const pqxx::params parameters{at_most_plenty(end.rows_max), at_most_plenty(end.rows_min), count(end.age_max)};
    const auto newest = transaction.query_value<std::uint64_t>(text(sql::extend_journal), parameters);
    return Segments{.newest = newest, .count = transaction.query_value<std::uint64_t>(text(sql::count_segments))};
  });
}

Result<std::vector<Laggard>> OwnershipTables::laggards(Incarnation owner, std::uint64_t segment) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<std::vector<Laggard>> {
    std::vector<Laggard> found;
    const pqxx::params parameters{model::to_uuid(owner.bits), segment};
    for (const auto& row : pqxx::nontransaction{connection}.exec(text(sql::laggards), parameters)) {
      found.push_back({ShardId{row[0].as<std::uint16_t>()}, Sequence{row[1].as<std::uint64_t>()}});
    }
    return found;
  });
}

Result<model::Done> OwnershipTables::advance_replay(Incarnation owner, std::span<const Holding> holdings,
                                                    std::uint64_t segment) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<model::Done> {
    HoldingArrays arrays{holdings};
    pqxx::params parameters{model::to_uuid(owner.bits)};
    arrays.append_to(parameters);
    parameters.append(segment + (TURNWISE_MUTANT("M14") ? 1 : 0));
    pqxx::nontransaction{connection}.exec(text(sql::advance_replay), parameters);
    return model::Done{};
  });
}

Result<std::size_t> OwnershipTables::drop_segments(const Retention& retention) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<std::size_t> {
    pqxx::nontransaction transaction{connection};
    std::size_t dropped = 0;
    for (; dropped < drops_max; ++dropped) {
      const auto oldest = transaction.query_value<std::int64_t>(text(sql::oldest_segment));
      const pqxx::params parameters{oldest, count(retention.age_max), at_most_plenty(retention.bytes_max)};
      if (!transaction.query_value<bool>(text(sql::drop_segment), parameters)) {
        break;
      }
    }
    return dropped;
  });
}

} // namespace turnwise::storage::postgres
