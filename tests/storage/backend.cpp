// Makes the stores that the conformance suite runs against.
#include "tests/storage/backend.hpp"

#include <algorithm>
#include <random>

#include "storage/memory/store.hpp"
#include "storage/migrator.hpp"
#include "storage/postgres/store.hpp"

namespace turnwise::storage {

Backend memory_backend() {
  return {.database = nullptr, .store = open_memory(shards_in_tests)};
}

Backend postgres_backend() {
  auto database = std::make_unique<tests::TestDatabase>();
  const auto migrated = migrate(database->connection(), shards_in_tests);
  REQUIRE(migrated.ok());
  auto store = open_postgres({.connection = database->connection()});
  return {.database = std::move(database), .store = std::move(store)};
}

Incarnation random_incarnation() {
  static std::random_device random;
  Incarnation incarnation;
  std::ranges::generate(incarnation.bits, [] { return static_cast<std::uint8_t>(random()); });
  return incarnation;
}

TestNode::TestNode(Store& store, const std::string& address)
    : info{.incarnation = random_incarnation(), .name = "test", .address = address},
      ownership(store.open_ownership()),
      writer(store.open_writer()),
      reader(store.open_reader()) {
  REQUIRE(ownership->join(info, std::chrono::seconds{6}).ok());
}

Holding TestNode::acquire(ShardId shard) {
  const auto shards = ownership->shards();
  REQUIRE(shards.ok());
  const auto found = std::ranges::find(*shards, shard, &ShardRow::shard);
  REQUIRE(found != shards->end());
  const std::vector<Holding> seen{{shard, found->epoch}};
  const auto taken = ownership->acquire(info.incarnation, seen);
  REQUIRE(taken.ok());
  REQUIRE(taken->size() == 1);
  return taken->front();
}

Sequence number(const Holding& holding, std::uint64_t n) {
  return Sequence{model::first_number(holding.epoch) + n};
}

Row row(const Holding& holding, std::uint64_t entry, std::uint64_t sequence, model::RecordBody body) {
  return {.shard = holding.shard,
          .sequence = number(holding, sequence),
          .record = {.entry = EntryNumber{number(holding, entry).value()}, .at = noon, .body = std::move(body)}};
}

Row opening(const Holding& holding, std::uint64_t n, std::string subject, std::string key) {
  model::Submitted job;
  job.subject = std::move(subject);
  job.kind = "expire_build_artifacts";
  job.key = std::move(key);
  job.fingerprint = 0xfedc'ba98'7654'3210 + n;
  job.payload = "{}";
  return row(holding, n, n, std::move(job));
}

std::vector<std::pair<EntryNumber, Sequence>> replayed(JournalReader& reader, ShardId shard) {
  std::vector<std::pair<EntryNumber, Sequence>> rows;
  const auto done =
      reader.replay(shard, [&](Sequence sequence, model::Record&& record) { rows.emplace_back(record.entry, sequence); });
  REQUIRE(done.ok());
  return rows;
}

} // namespace turnwise::storage
