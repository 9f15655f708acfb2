// A connection that reads the journal: replay of a shard, bodies and stories of entries, idempotency keys.
#pragma once

#include "storage/journal.hpp"
#include "storage/postgres/connection.hpp"

namespace turnwise::storage::postgres {

class Reader final : public JournalReader {
public:
  explicit Reader(PostgresOptions options);

  Result<Replayed> replay(ShardId shard, const RowSink& sink) override;
  Result<std::vector<Body>> bodies(std::span<const std::pair<ShardId, EntryNumber>> entries) override;
  Result<model::Done> history(ShardId shard, EntryNumber entry, const RowSink& sink) override;
  Result<std::vector<KeyMatch>> find_keys(ShardId shard, std::span<const KeyQuery> queries, model::WallTime since) override;
  Result<SubjectEntries> entries_of(const SubjectQuery& query) override;
  Result<model::Done> outlines(std::span<const std::pair<ShardId, EntryNumber>> entries, const EntryRowSink& sink) override;

private:
  Connection connection_;
};

} // namespace turnwise::storage::postgres
