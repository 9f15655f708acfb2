// Reading all that there is of the journal, for those who check it: beside nodes that write, and without being one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/history_check.hpp"
#include "storage/journal.hpp"
#include "storage/postgres/store.hpp"

namespace turnwise::storage {

/// Gets the rows of shards, one shard after the other: begin, rows, end.
class AuditSink {
public:
  virtual ~AuditSink() = default;
  virtual void begin(model::ShardExtent extent) = 0;
  /// Segment by segment, oldest first, within a segment by sequence; without payloads, results and error texts.
  virtual void row(std::uint64_t segment, Sequence sequence, const model::Record& record) = 0;
  /// A row, in its place, that this version cannot read.
  virtual void unreadable(std::uint64_t segment, Sequence sequence, EntryNumber entry, std::string why) = 0;
  virtual void end() = 0;
};

/// One connection. Owned and used by one thread. Errors are Errc::unavailable, with PostgreSQL's words.
class JournalAudit {
public:
  virtual ~JournalAudit() = default;

  virtual Result<std::vector<ShardId>> shards() = 0;

  /// Reads a shard as it is at one moment, in one read-only transaction: what is written, dropped or acquired meanwhile changes
  /// nothing of it. Segments that it reads are not dropped until it is done. Rows are not kept: memory does not grow with them.
  /// After an error the sink has got a part of the shard.
  virtual Result<model::Done> read(ShardId shard, AuditSink& sink) = 0;
};

/// Connects when it is first used. The role needs to read the tables of the schema, as a node's role may.
std::unique_ptr<JournalAudit> open_audit(PostgresOptions options);

/// What a check of the whole journal came to.
struct Verification {
  std::uint64_t shards{};
  std::uint64_t segments{}; ///< most that a shard had
  model::HistoryTally tally;
  std::uint64_t findings_count{};
  std::vector<model::Finding> findings; ///< the first of them
};

/// Reads and checks every shard. @param findings_max  more are counted, not kept
Result<Verification> verify(JournalAudit& audit, std::size_t findings_max);

} // namespace turnwise::storage
