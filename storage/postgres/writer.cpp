// Appending: which segment, which statement, and what an exception says about the batch.
#include "storage/postgres/writer.hpp"

#include <algorithm>

#include "model/test_hooks.hpp"
#include "storage/batch_check.hpp"
#include "storage/postgres/append_fault.hpp"
#include "storage/postgres/writer_statements.hpp"

namespace turnwise::storage::postgres {
namespace {

/// Generic plans: those of the batch do not depend on its values, and planning costs more than a small batch. And by index: the
/// shards of a small batch are found faster than by reading the whole table of shards.
constexpr auto lane_settings = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;";

/// A segment lasts for minutes; one that ends twice during an append means that something is wrong.
constexpr int segments_tried_max = 3;

sql::Entrance entrance() {
  if (TURNWISE_MUTANT("M1")) {
    return sql::Entrance::without_fence;
  }
  return TURNWISE_MUTANT("M2") ? sql::Entrance::without_owner : sql::Entrance::fenced;
}

/// The first sequence of each shard that is not in `noted`, NULL for the others; as long as `holdings`.
/// @returns whether there is any that is not NULL.
bool collect_firsts(std::span<const Holding> holdings, std::span<const Row> rows, const std::set<ShardId>& noted,
                    BinaryArray& firsts) {
  bool any = false;
  for (const auto& holding : holdings) {
    const auto row = noted.contains(holding.shard) ? rows.end() : std::ranges::find(rows, holding.shard, &Row::shard);
    if (row == rows.end()) {
      firsts.add_null();
    } else {
      firsts.add(static_cast<std::int64_t>(row->sequence.value()));
      any = true;
    }
  }
  return any;
}

} // namespace

Writer::Writer(PostgresOptions options) : connection_(std::move(options), lane_settings) {}

AppendResult Writer::append(Incarnation owner, std::span<const Holding> holdings, std::span<const Row> rows) {
  if (auto fault = fault_of(holdings, rows); !fault.empty()) {
    return {AppendStatus::refused, std::move(fault)};
  }
  if (rows.empty()) {
    return {AppendStatus::committed, {}};
  }
  if (TURNWISE_FAILPOINT("before-append")) {
    return {AppendStatus::unavailable, "failpoint before-append"};
  }
  if (TURNWISE_FAILPOINT("lose-append")) {
    disconnect();
    return {AppendStatus::unknown, "failpoint lose-append"};
  }
  auto result = send(owner, holdings, rows);
  if (result.status == AppendStatus::committed) {
    static_cast<void>(TURNWISE_FAILPOINT("after-append"));
    if (TURNWISE_FAILPOINT("lose-append-answer")) {
      disconnect();
      return {AppendStatus::unknown, "failpoint lose-append-answer"};
    }
  }
  return result;
}

AppendResult Writer::send(Incarnation owner, std::span<const Holding> holdings, std::span<const Row> rows) {
  sent_ = false;
  try {
    batch_.assign(rows);
    for (int tried = 0; tried < segments_tried_max; ++tried) {
      make_ready();
      if (insert(owner, holdings, rows)) {
        if (connection_.take_standby_warning()) {
          disconnect();
          return {AppendStatus::unknown, std::string{no_standby}};
        }
        return {AppendStatus::committed, {}};
      }
      leave_segment();
      sent_ = false;
    }
    return {AppendStatus::unavailable, "the journal's newest segment changed again and again"};
  } catch (const std::exception& fault) {
    const auto status = sent_ ? status_of_sent(fault, connection_.is_open()) : status_of_unsent(fault);
    // After these the session is as good as before; of the rest we cannot be sure.
    if (status != AppendStatus::fenced && status != AppendStatus::refused && status != AppendStatus::no_space) {
      disconnect();
    }
    return {status, first_line(fault)};
  }
}

bool Writer::insert(Incarnation owner, std::span<const Holding> holdings, std::span<const Row> rows) {
  HoldingArrays held{holdings};
  BinaryArray firsts{ElementType::int8};
  pqxx::params parameters;
  parameters.reserve(15);
  parameters.append(model::to_uuid(owner.bits));
  held.append_to(parameters);
  if (collect_firsts(holdings, rows, noted_, firsts)) {
    parameters.append(firsts.bytes());
  } else {
    parameters.append();
  }
  parameters.append(segment_);
  batch_.append_to(parameters);

  const auto how = entrance();
  const auto name = append_statement_ + (how == sql::Entrance::fenced          ? ""
                                         : how == sql::Entrance::without_fence ? "_M1"
                                                                               : "_M2");
  const auto statement = connection_.prepare(name, sql::append(segment_, how));
  pqxx::nontransaction transaction{connection_.open()};
  static_cast<void>(connection_.take_standby_warning());
  sent_ = true;
  const auto written = transaction.exec(statement, parameters).affected_rows();
  if (written == 0) {
    return false;
  }
  for (const auto& holding : holdings) {
    noted_.insert(holding.shard);
  }
  return true;
}

void Writer::make_ready() {
  if (!connection_.is_open()) {
    disconnect();
  }
  auto& connection = connection_.open();
  if (segment_ == 0) {
    segment_ = pqxx::nontransaction{connection}.query_value<std::int64_t>(std::string{sql::newest_segment});
    append_statement_ = "append_" + std::to_string(segment_);
  }
}

void Writer::leave_segment() {
  connection_.forget(append_statement_);
  noted_.clear();
  segment_ = 0;
}

void Writer::disconnect() {
  connection_.close();
  noted_.clear();
  segment_ = 0;
}

Result<std::vector<Holding>> Writer::reacquire(Incarnation owner, std::span<const Holding> holdings) {
  disconnect();
  return connection_.attempt([&](pqxx::connection& connection) -> Result<std::vector<Holding>> {
    HoldingArrays held{holdings};
    pqxx::params parameters{model::to_uuid(owner.bits)};
    held.append_to(parameters);
    std::vector<Holding> raised;
    for (const auto& row : pqxx::nontransaction{connection}.exec(sql::reacquire, parameters)) {
      raised.push_back({ShardId{row[0].as<std::uint16_t>()}, Epoch{row[1].as<std::uint32_t>()}});
    }
    std::ranges::sort(raised);
    return raised;
  });
}

Result<bool> Writer::contains(ShardId shard, EntryNumber entry, Sequence sequence) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<bool> {
    pqxx::nontransaction transaction{connection};
    const auto segment = transaction.query_value<std::optional<std::int64_t>>(std::string{sql::segment_of_sequence},
                                                                              pqxx::params{shard.value(), sequence.value()});
    if (!segment) {
      return false;
    }
    return transaction.query_value<std::int64_t>(sql::contains(*segment),
                                                 pqxx::params{shard.value(), entry.value(), sequence.value()}) != 0;
  });
}

} // namespace turnwise::storage::postgres
