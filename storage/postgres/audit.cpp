// Reading whole shards in the order in which they were written.
#include <utility>

#include "storage/journal_audit.hpp"
#include "storage/postgres/audit_statements.hpp"
#include "storage/postgres/connection.hpp"
#include "storage/record_codec.hpp"

namespace turnwise::storage {
namespace {

using postgres::Connection;
namespace sql = postgres::sql;
using Snapshot = pqxx::transaction<pqxx::isolation_level::repeatable_read, pqxx::write_policy::read_only>;

/// Along the primary key, whatever the statistics say of a young segment; a shard's part of it is sorted in memory where that
/// fits.
constexpr auto audit_settings = "SET max_parallel_workers_per_gather = 0; SET enable_seqscan = off;"
                                "SET enable_bitmapscan = off; SET work_mem = '64MB';";

/// A segment may be dropped between its listing and its lock, over and over again only if nodes do nothing else.
constexpr int listings_max = 20;

model::ShardExtent extent_of(Snapshot& snapshot, ShardId shard) {
  model::ShardExtent extent;
  extent.shard = shard;
  const pqxx::params parameters{shard.value()};
  const auto standing = snapshot.exec(std::string{sql::shard_standing}, parameters).one_row();
  extent.epoch = Epoch{standing[0].as<std::uint32_t>()};
  extent.replay_from = standing[1].as<std::uint64_t>();
  for (const auto& row : snapshot.exec(std::string{sql::segment_notes}, parameters)) {
    model::SegmentNote note{row[0].as<std::uint64_t>(), std::nullopt};
    if (!row[1].is_null()) {
      note.first = Sequence{row[1].as<std::uint64_t>()};
    }
    extent.segments.push_back(note);
  }
  return extent;
}

/// Whether all are still there, and stay.
bool keep_segments(Snapshot& snapshot, const model::ShardExtent& extent) {
  try {
    for (const auto& note : extent.segments) {
      snapshot.exec(sql::keep_segment(note.segment));
    }
    return true;
  } catch (const pqxx::undefined_table&) {
    return false;
  }
}

void stream(Snapshot& snapshot, ShardId shard, std::uint64_t segment, AuditSink& sink) {
  using Text = std::string_view;
  const auto query = sql::rows_as_written(shard.value(), segment);
  for (const auto& [entry, sequence, at_us, event, subject, kind, key, detail] :
       snapshot.stream<std::uint64_t, std::uint64_t, std::int64_t, std::int16_t, Text, Text, Text, Text>(query)) {
    const auto record = decode({.entry = entry,
                                .sequence = sequence,
                                .at_us = at_us,
                                .event = event,
                                .subject = subject,
                                .kind = kind,
                                .key = key,
                                .detail = detail,
                                .payload = {}});
    if (record) {
      sink.row(segment, Sequence{sequence}, *record);
    } else {
      sink.unreadable(segment, Sequence{sequence}, EntryNumber{entry}, record.error().detail);
    }
  }
}

class PostgresAudit final : public JournalAudit {
public:
  explicit PostgresAudit(PostgresOptions options) : connection_(std::move(options), audit_settings) {}

  Result<std::vector<ShardId>> shards() override {
    return connection_.attempt([](pqxx::connection& connection) -> Result<std::vector<ShardId>> {
      std::vector<ShardId> found;
      for (const auto& row : pqxx::nontransaction{connection}.exec(std::string{sql::all_shards})) {
        found.emplace_back(row[0].as<std::uint16_t>());
      }
      return found;
    });
  }

  Result<model::Done> read(ShardId shard, AuditSink& sink) override {
    return connection_.attempt([&](pqxx::connection& connection) -> Result<model::Done> {
      for (int listing = 0; listing < listings_max; ++listing) {
        Snapshot snapshot{connection};
        auto extent = extent_of(snapshot, shard);
        if (!keep_segments(snapshot, extent)) {
          continue;
        }
        const auto notes = extent.segments;
        sink.begin(std::move(extent));
        for (const auto& note : notes) {
          stream(snapshot, shard, note.segment, sink);
        }
        sink.end();
        return model::Done{};
      }
      return model::Error{model::Errc::unavailable, "segments are being dropped faster than they can be listed", {}};
    });
  }

private:
  Connection connection_;
};

} // namespace

std::unique_ptr<JournalAudit> open_audit(PostgresOptions options) {
  return std::make_unique<PostgresAudit>(std::move(options));
}

} // namespace turnwise::storage
