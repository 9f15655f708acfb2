// A lane's connection: appends batches to the journal behind the fence, one round trip each.
#pragma once

#include <set>

#include "storage/journal.hpp"
#include "storage/postgres/connection.hpp"
#include "storage/postgres/row_batch.hpp"

namespace turnwise::storage::postgres {

class Writer final : public JournalWriter {
public:
  explicit Writer(PostgresOptions options);

  AppendResult append(Incarnation owner, std::span<const Holding> holdings, std::span<const Row> rows) override;
  Result<std::vector<Holding>> reacquire(Incarnation owner, std::span<const Holding> holdings) override;
  Result<bool> contains(ShardId shard, EntryNumber entry, Sequence sequence) override;

private:
  /// Sends the batch, to the next segment when the one we know has come to its end.
  AppendResult send(Incarnation owner, std::span<const Holding> holdings, std::span<const Row> rows);
  /// One attempt for the segment we know. @returns whether the rows were written; false: the segment is not the newest.
  bool insert(Incarnation owner, std::span<const Holding> holdings, std::span<const Row> rows);
  /// Connects, and finds out the newest segment where that is not known.
  void make_ready();
  void leave_segment();
  /// Drops the connection and what was known through it.
  void disconnect();

  Connection connection_;
  RowBatch batch_;
  std::int64_t segment_{};       // the newest as far as we know; zero: not known
  std::set<ShardId> noted_;      // shards that have a row in segment_shard for it
  std::string append_statement_; // prepared for segment_
  bool sent_{};                  // of the current append: the batch may have reached the server
};

} // namespace turnwise::storage::postgres
