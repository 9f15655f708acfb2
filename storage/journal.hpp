// storage/ is durability. This file: what a lane writes and a reader reads. PostgreSQL stays behind these interfaces; the
// real implementation is in storage/postgres, a reference one for tests in storage/memory, and one suite runs against both.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/errors.hpp"
#include "model/record.hpp"
#include "model/strong.hpp"

namespace turnwise::storage {

using model::EntryNumber;
using model::Epoch;
using model::Incarnation;
using model::Result;
using model::Sequence;
using model::ShardId;

/// A shard at the epoch at which somebody owns it.
struct Holding {
  ShardId shard;
  Epoch epoch;
  friend auto operator<=>(const Holding&, const Holding&) = default;
};

/// A record with its number, ready to be written.
struct Row {
  ShardId shard;
  Sequence sequence;
  model::Record record;
};

/// What became of a batch.
enum class AppendStatus : std::uint8_t {
  committed,   ///< durable, all of it
  fenced,      ///< nothing was written: a shard of the batch is not ours at that epoch any more
  refused,     ///< nothing was written: PostgreSQL does not accept the data of a row; `error` says why
  no_space,    ///< nothing was written: the disk is full
  unavailable, ///< nothing was written: no connection, a read-only server, a server that is starting or going down
  unknown,     ///< the connection was lost after the batch was sent: it may be durable or not
};

struct AppendResult {
  AppendStatus status{};
  std::string error; ///< PostgreSQL's words, for the log; empty when committed
};

/// One connection that appends to the journal. Owned and used by one thread (a lane's). Reconnects by itself on the next call.
class JournalWriter {
public:
  virtual ~JournalWriter() = default;

  /// Writes all rows or none, in one transaction whose first act is the fence.
  /// @param owner     the incarnation that claims to own the shards
  /// @param holdings  every shard that occurs in `rows`, once, in ascending order
  /// @param rows      ascending by sequence within each shard
  virtual AppendResult append(Incarnation owner, std::span<const Holding> holdings, std::span<const Row> rows) = 0;

  /// First step of the drill for an unknown outcome: raises the epoch of those of `holdings` that are still ours, on a new
  /// connection. Blocks until a doubtful transaction that holds them has ended.
  /// @returns the shards that are still ours with their new epochs; Errc::unavailable when PostgreSQL cannot be reached.
  virtual Result<std::vector<Holding>> reacquire(Incarnation owner, std::span<const Holding> holdings) = 0;

  /// Second step: whether this row is in the journal. Errc::unavailable when PostgreSQL cannot be reached.
  virtual Result<bool> contains(ShardId shard, EntryNumber entry, Sequence sequence) = 0;
};

/// Takes rows one by one, so that nobody has to hold all of them.
using RowSink = std::function<void(Sequence, model::Record&&)>;

/// What a replay has read.
struct Replayed {
  bool is_whole{}; ///< false: the shard has older segments, with closed entries only, or did have
};

/// The record that opened an entry, with its payload, as changed by later `replaced` records.
struct Body {
  ShardId shard;
  EntryNumber entry;
  model::Submitted job;
  model::WallTime since;                ///< when it was submitted
  model::Fingerprint key_fingerprint{}; ///< of the request that used its key: a `replaced` does not change that
};

struct KeyQuery {
  std::string subject;
  std::string kind;
  std::string key;
};
struct KeyMatch {
  EntryNumber entry;
  model::Fingerprint fingerprint{};
  bool found{};
};

/// Which entries of a subject, from where on, and how much may be looked at.
struct SubjectQuery {
  ShardId shard;
  std::string subject;
  EntryNumber before;        ///< entries with smaller numbers
  std::size_t entries_max{}; ///< found
  std::size_t rows_max{};    ///< looked at, of all subjects of the shard
};
struct SubjectEntries {
  std::vector<EntryNumber> entries; ///< newest first; the last may be another subject's
  std::optional<EntryNumber> next;  ///< there may be more before this one; nothing at the end
};

/// Rows that outlines() reads of an entry besides the one that opens it.
inline constexpr std::size_t outline_rows_max = 20;
using EntryRowSink = std::function<void(ShardId, Sequence, model::Record&&)>;

/// One connection that reads. Owned and used by one thread. Every call fails with Errc::unavailable when PostgreSQL cannot be
/// reached, and may be repeated then.
class JournalReader {
public:
  virtual ~JournalReader() = default;

  /// All rows of a shard from the segment on with which its replay begins, without payload, result and error texts, ordered by
  /// entry, then sequence. An entry whose rows do not begin with one that opens it has been closed, or is carried by a later
  /// one of them. After an error the sink has got a part of them.
  virtual Result<Replayed> replay(ShardId shard, const RowSink& sink) = 0;

  /// The bodies of these open entries, in any order; entries that do not exist are left out, closed ones may be.
  virtual Result<std::vector<Body>> bodies(std::span<const std::pair<ShardId, EntryNumber>> entries) = 0;

  /// Everything that happened to an entry, by sequence, texts included; nothing when there is no such entry. What was in
  /// segments that have been dropped is missing: an entry that outlived them begins with a `carried` then. After an error the
  /// sink has got a part of it.
  virtual Result<model::Done> history(ShardId shard, EntryNumber entry, const RowSink& sink) = 0;

  /// Which of these idempotency keys of a shard were used since `since`: one match per query, in order.
  virtual Result<std::vector<KeyMatch>> find_keys(ShardId shard, std::span<const KeyQuery> queries, model::WallTime since) = 0;

  /// Entries of a subject, newest first, open ones and closed ones, holds and pauses too. There is no index by subject: the
  /// rows of its shard are looked at.
  virtual Result<SubjectEntries> entries_of(const SubjectQuery& query) = 0;

  /// What tells how entries stand: of each the first row that opens or carries it, and the last outline_rows_max others of a
  /// segment at most, by sequence; payloads and results left out. Not in the order of the entries.
  virtual Result<model::Done> outlines(std::span<const std::pair<ShardId, EntryNumber>> entries, const EntryRowSink& sink) = 0;
};

} // namespace turnwise::storage
