// What the conformance suite runs against: a store in memory, or one on a PostgreSQL database of its own. And the words in
// which its cases are written.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>
#include <vector>

#include "storage/journal.hpp"
#include "storage/ownership.hpp"
#include "tests/support/private_postgres.hpp"

namespace turnwise::storage {

inline constexpr std::uint16_t shards_in_tests = 16;

/// A store and, with PostgreSQL, the database under it.
struct Backend {
  std::unique_ptr<tests::TestDatabase> database; ///< null in memory
  std::unique_ptr<Store> store;
};
Backend memory_backend();
/// A fresh database with the newest schema.
Backend postgres_backend();

/// A node: an incarnation with its connections, joined, owner of what it acquires.
class TestNode {
public:
  explicit TestNode(Store& store, const std::string& address = "127.0.0.1:1");

  /// Takes a free shard at whatever epoch it is.
  Holding acquire(ShardId shard);

  AppendResult append(const std::vector<Holding>& holdings, const std::vector<Row>& rows) const {
    return writer->append(info.incarnation, holdings, rows);
  }

  NodeInfo info;
  std::unique_ptr<Ownership> ownership;
  std::unique_ptr<JournalWriter> writer;
  std::unique_ptr<JournalReader> reader;
};

Incarnation random_incarnation();

/// The wall time of the tests: fixed, with odd microseconds.
inline constexpr model::WallTime noon{std::chrono::microseconds{1'767'268'800'123'457}};

/// The n-th number that an owner at this epoch gives.
Sequence number(const Holding& holding, std::uint64_t n);

/// A row about the entry whose opening row has number `entry`, as number `sequence`.
Row row(const Holding& holding, std::uint64_t entry, std::uint64_t sequence, model::RecordBody body);
/// The opening row of an entry.
Row opening(const Holding& holding, std::uint64_t n, std::string subject = "artifact:1", std::string key = "");

/// All rows of a shard as (entry, sequence) in the order of the replay.
std::vector<std::pair<EntryNumber, Sequence>> replayed(JournalReader& reader, ShardId shard);

} // namespace turnwise::storage

/// One case for both implementations; the second is tagged [postgres]. The body follows and sees `backend`.
#define TURNWISE_CONFORMANCE_NAME_(line) conformance_case_##line
#define TURNWISE_CONFORMANCE_(name, line)                                                                                      \
  static void TURNWISE_CONFORMANCE_NAME_(line)(::turnwise::storage::Backend & backend);                                        \
  TEST_CASE("memory: " name, "[memory]") {                                                                                     \
    auto backend = ::turnwise::storage::memory_backend();                                                                      \
    TURNWISE_CONFORMANCE_NAME_(line)(backend);                                                                                 \
  }                                                                                                                            \
  TEST_CASE("PostgreSQL: " name, "[postgres]") {                                                                               \
    auto backend = ::turnwise::storage::postgres_backend();                                                                    \
    TURNWISE_CONFORMANCE_NAME_(line)(backend);                                                                                 \
  }                                                                                                                            \
  static void TURNWISE_CONFORMANCE_NAME_(line)([[maybe_unused]] ::turnwise::storage::Backend & backend)
#define TURNWISE_CONFORMANCE_AT_(name, line) TURNWISE_CONFORMANCE_(name, line)
#define CONFORMANCE(name) TURNWISE_CONFORMANCE_AT_(name, __LINE__)
