// Writer and reader of a journal in memory.
#pragma once

#include <memory>

#include "storage/journal.hpp"
#include "storage/memory/content.hpp"

namespace turnwise::storage::memory {

class Writer final : public JournalWriter {
public:
  explicit Writer(std::shared_ptr<Content> content) : content_(std::move(content)) {}

  AppendResult append(Incarnation owner, std::span<const Holding> holdings, std::span<const Row> rows) override;
  Result<std::vector<Holding>> reacquire(Incarnation owner, std::span<const Holding> holdings) override;
  Result<bool> contains(ShardId shard, EntryNumber entry, Sequence sequence) override;

private:
  std::shared_ptr<Content> content_;
};

class Reader final : public JournalReader {
public:
  explicit Reader(std::shared_ptr<Content> content) : content_(std::move(content)) {}

  Result<Replayed> replay(ShardId shard, const RowSink& sink) override;
  Result<std::vector<Body>> bodies(std::span<const std::pair<ShardId, EntryNumber>> entries) override;
  Result<model::Done> history(ShardId shard, EntryNumber entry, const RowSink& sink) override;
  Result<std::vector<KeyMatch>> find_keys(ShardId shard, std::span<const KeyQuery> queries, model::WallTime since) override;
  Result<SubjectEntries> entries_of(const SubjectQuery& query) override;
  Result<model::Done> outlines(std::span<const std::pair<ShardId, EntryNumber>> entries, const EntryRowSink& sink) override;

private:
  std::shared_ptr<Content> content_;
};

} // namespace turnwise::storage::memory
