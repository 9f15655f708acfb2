// Rows of users' transactions into wishes.
#include "storage/postgres/outside.hpp"

#include <charconv>

#include "storage/postgres/binary_array.hpp"
#include "storage/postgres/outside_statements.hpp"
#include "storage/record_codec.hpp"

namespace turnwise::storage::postgres {
namespace {

/// As for a reader: segments have no statistics, so always along their keys.
constexpr auto outside_settings = "SET plan_cache_mode = force_generic_plan; SET max_parallel_workers_per_gather = 0;"
                                  "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off;"
                                  "SET statement_timeout = '10s'; SET lock_timeout = '2s';";

/// A segment comes every few minutes at most.
constexpr int listings_max = 5;

enum class Verb : std::int16_t { submit = 1, complete = 2 };

std::vector<std::int64_t> numbers_in(std::string_view list) {
  std::vector<std::int64_t> numbers;
  for (const char* at = list.data(); at < list.data() + list.size();) {
    std::int64_t number = 0;
    at = std::from_chars(at, list.data() + list.size(), number).ptr + 1;
    numbers.push_back(number);
  }
  return numbers;
}

OutsideWish wish_of(Verb verb, const StoredRow& row) {
  if (verb == Verb::submit) {
    auto job = decode_new_job(row);
    return job ? OutsideWish{std::move(*job)} : OutsideWish{job.error()};
  }
  if (verb == Verb::complete) {
    auto answer = decode_completion(row);
    return answer ? OutsideWish{std::move(*answer)} : OutsideWish{answer.error()};
  }
  return model::Error{model::Errc::internal, "a row of a later version", ""};
}

OutsideRow outside_row(const pqxx::row& row) {
  const StoredRow stored{.entry = row[7].as<std::uint64_t>(0),
                         .sequence = {},
                         .at_us = {},
                         .event = {},
                         .subject = row[8].view(),
                         .kind = row[9].view(),
                         .key = row[10].view(),
                         .detail = row[11].view(),
                         .payload = row[12].view()};
  return {.shard = ShardId{row[4].as<std::uint16_t>()},
          .id = model::OutsideId{row[5].as<std::uint64_t>()},
          .wish = wish_of(static_cast<Verb>(row[6].as<std::int16_t>()), stored)};
}

pqxx::params parameters_of(std::span<const OutsideWanted> wanted, const OutsideBounds& bounds) {
  BinaryArray shards{ElementType::int2};
  BinaryArray after{ElementType::int8};
  BinaryArray gap_shards{ElementType::int2};
  BinaryArray firsts{ElementType::int8};
  BinaryArray lasts{ElementType::int8};
  for (const auto& [shard, taken] : wanted) {
    const auto number = static_cast<std::int16_t>(shard.value());
    shards.add(number);
    after.add(static_cast<std::int64_t>(taken.to.value()));
    for (const auto& gap : taken.gaps) {
      gap_shards.add(number);
      firsts.add(static_cast<std::int64_t>(gap.first.value()));
      lasts.add(static_cast<std::int64_t>(gap.last.value()));
    }
  }
  pqxx::params parameters;
  for (auto* array : {&shards, &after, &gap_shards, &firsts, &lasts}) {
    parameters.append(pqxx::bytes{array->bytes()}); // a copy: the arrays end here
  }
  parameters.append(static_cast<std::int64_t>(bounds.rows_per_shard));
  parameters.append(static_cast<std::int64_t>(bounds.bytes));
  parameters.append(static_cast<std::int64_t>(bounds.first_shard));
  return parameters;
}

} // namespace

OutsideRows::OutsideRows(PostgresOptions options) : connection_(std::move(options), outside_settings) {}

Result<std::uint64_t> OutsideRows::doorbell() {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<std::uint64_t> {
    const auto statement = connection_.prepare("doorbell", sql::doorbell);
    return pqxx::nontransaction{connection}.exec(statement).one_field().as<std::uint64_t>();
  });
}

Result<OutsidePage> OutsideRows::read(std::span<const OutsideWanted> wanted, const OutsideBounds& bounds) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<OutsidePage> {
    for (int listed = 0; listed < listings_max; ++listed) {
      if (segments_.empty() || listed > 0) {
        list_segments(connection);
      }
      try {
        if (auto page = read_known(connection, wanted, bounds)) {
          return std::move(*page);
        }
      } catch (const pqxx::undefined_table&) { // dropped: what was in it is taken over
      }
    }
    return model::Error{model::Errc::unavailable, "the segments of users' transactions changed again and again", ""};
  });
}

void OutsideRows::list_segments(pqxx::connection& connection) {
  if (!statement_.empty()) {
    connection_.forget(statement_);
  }
  segments_ = pqxx::nontransaction{connection}.query_value<std::string>(std::string{sql::outside_segments});
  statement_ = "outside_" + segments_;
}

std::optional<OutsidePage> OutsideRows::read_known(pqxx::connection& connection, std::span<const OutsideWanted> wanted,
                                                   const OutsideBounds& bounds) {
  const auto statement = connection_.prepare(statement_, sql::outside_page(numbers_in(segments_)));
  const auto rows = pqxx::nontransaction{connection}.exec(statement, parameters_of(wanted, bounds));
  if (rows[0][2].view() != segments_) {
    return std::nullopt;
  }
  OutsidePage page{.rows = {},
                   .is_cut = rows[0][3].as<bool>(),
                   .oldest_open = rows[0][0].as<std::uint64_t>(),
                   .next = rows[0][1].as<std::uint64_t>()};
  for (const auto& row : rows) {
    if (!row[4].is_null()) {
      page.rows.push_back(outside_row(row));
    }
  }
  return page;
}

Result<std::vector<TurnVerdict>> OutsideRows::lock_turns(std::span<const TurnToEnd> turns) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<std::vector<TurnVerdict>> {
    BinaryArray shards{ElementType::int2};
    BinaryArray entries{ElementType::int8};
    BinaryArray evictions{ElementType::int2};
    for (const auto& turn : turns) {
      shards.add(static_cast<std::int16_t>(turn.shard.value()));
      entries.add(static_cast<std::int64_t>(turn.entry.value()));
      evictions.add(static_cast<std::int16_t>(turn.holders == TurnToEnd::Holders::end ? 1 : 0));
    }
    const pqxx::params parameters{shards.bytes(), entries.bytes(), evictions.bytes()};
    std::vector<TurnVerdict> verdicts;
    for (const auto& row : pqxx::nontransaction{connection}.exec(std::string{sql::lock_turns}, parameters)) {
      verdicts.push_back({static_cast<TurnVerdict::Is>(row[0].as<int>()), model::OutsideId{row[1].as<std::uint64_t>()}});
    }
    return verdicts;
  });
}

Result<model::Done> OutsideRows::unlock_turns(std::span<const std::pair<ShardId, EntryNumber>> turns) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<model::Done> {
    BinaryArray shards{ElementType::int2};
    BinaryArray entries{ElementType::int8};
    for (const auto& [shard, entry] : turns) {
      shards.add(static_cast<std::int16_t>(shard.value()));
      entries.add(static_cast<std::int64_t>(entry.value()));
    }
    const pqxx::params parameters{shards.bytes(), entries.bytes()};
    pqxx::nontransaction{connection}.exec(std::string{sql::unlock_turns}, parameters);
    return model::Done{};
  });
}

Result<model::Done> OutsideRows::tend(const OutsideUpkeep& upkeep) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<model::Done> {
    const pqxx::params parameters{upkeep.bytes_max, upkeep.age_max.count(), upkeep.grace.count()};
    pqxx::nontransaction{connection}.exec(std::string{sql::tend_outside}, parameters);
    return model::Done{};
  });
}

} // namespace turnwise::storage::postgres
