// Rows into columns.
#include "storage/postgres/row_batch.hpp"

#include <algorithm>
#include <limits>

namespace turnwise::storage::postgres {
namespace {

/// PostgreSQL counts microseconds from the year 2000. It refuses what lies before its calendar, so the floor needs no care.
std::int64_t since_2000(model::WallTime time) {
  constexpr std::int64_t offset_us = 946'684'800'000'000;
  constexpr auto floor_us = std::numeric_limits<std::int64_t>::min() + 1 + offset_us;
  return std::max<std::int64_t>(time.time_since_epoch().count(), floor_us) - offset_us;
}

} // namespace

void RowBatch::clear() {
  for (auto* column :
       {&shards_, &entries_, &sequences_, &times_, &events_, &subjects_, &kinds_, &keys_, &details_, &payloads_}) {
    column->clear();
  }
}

void RowBatch::assign(std::span<const Row> rows) {
  clear();
  for (const auto& row : rows) {
    encode(row.record, columns_);
    shards_.add(static_cast<std::int16_t>(row.shard.value()));
    entries_.add(static_cast<std::int64_t>(row.record.entry.value()));
    sequences_.add(static_cast<std::int64_t>(row.sequence.value()));
    times_.add(since_2000(row.record.at));
    events_.add(columns_.event);
    subjects_.add_or_null(columns_.subject);
    kinds_.add_or_null(columns_.kind);
    keys_.add_or_null(columns_.key);
    details_.add_or_null(columns_.detail);
    payloads_.add_or_null(columns_.payload);
  }
}

void RowBatch::append_to(pqxx::params& parameters) {
  for (auto* column :
       {&shards_, &entries_, &sequences_, &times_, &events_, &subjects_, &kinds_, &keys_, &details_, &payloads_}) {
    parameters.append(column->bytes());
  }
}

HoldingArrays::HoldingArrays(std::span<const Holding> holdings) {
  for (const auto& holding : holdings) {
    shards_.add(static_cast<std::int16_t>(holding.shard.value()));
    epochs_.add(static_cast<std::int64_t>(holding.epoch.value()));
  }
}

void HoldingArrays::append_to(pqxx::params& parameters) {
  parameters.append(shards_.bytes());
  parameters.append(epochs_.bytes());
}

} // namespace turnwise::storage::postgres
