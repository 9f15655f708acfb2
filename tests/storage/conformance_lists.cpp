// What lists are made of: the entries of a subject, and how they stand.
#include <map>

#include "tests/storage/backend.hpp"

namespace turnwise::storage {
namespace {

constexpr ShardId shard{3};

/// Entries 10, 20 … of two subjects in turns, each closed, in two segments.
struct Subjects {
  explicit Subjects(Backend& backend) : node(*backend.store), here(node.acquire(shard)) {
    std::uint64_t last = 0;
    for (std::uint64_t n = 10; n <= 80; n += 10) {
      const std::string subject = n % 20 == 0 ? "artifact:1" : "artifact:2";
      append({opening(here, n, subject), row(here, n, last = n + 1, model::Cancelled{})});
      if (n == 40) {
        REQUIRE(node.ownership->extend_journal({}).ok());
      }
    }
  }
  void append(const std::vector<Row>& rows) { REQUIRE(node.append({here}, rows).status == AppendStatus::committed); }
  [[nodiscard]] EntryNumber entry(std::uint64_t n) const { return EntryNumber{number(here, n).value()}; }
  [[nodiscard]] SubjectEntries read(EntryNumber before, std::size_t entries_max = 100, std::size_t rows_max = 1'000) const {
    const auto found = node.reader->entries_of({shard, "artifact:1", before, entries_max, rows_max});
    REQUIRE(found.ok());
    return *found;
  }

  TestNode node;
  Holding here;
};

constexpr EntryNumber newest{~std::uint64_t{0}};

CONFORMANCE("the entries of a subject come newest first, from a place on, in portions") {
  const Subjects journal{backend};
  const auto all = journal.read(newest);
  CHECK(all.entries == std::vector{journal.entry(80), journal.entry(60), journal.entry(40), journal.entry(20)});
  CHECK_FALSE(all.next);
  CHECK(journal.read(journal.entry(60)).entries == std::vector{journal.entry(40), journal.entry(20)});
  const auto two = journal.read(newest, 2);
  CHECK(two.entries == std::vector{journal.entry(80), journal.entry(60)});
  CHECK(two.next == journal.entry(60));
  CHECK(journal.read(journal.entry(20)).entries.empty());
}

CONFORMANCE("the search for entries of a subject ends after so many rows, and goes on there") {
  const Subjects journal{backend};
  std::vector<EntryNumber> found;
  std::size_t steps = 0;
  for (std::optional<EntryNumber> before = newest; before; ++steps) {
    const auto part = journal.read(*before, 100, 3); // ends in the middle of an entry, which is told whatever its subject
    for (const auto entry : part.entries) {
      if (entry.value() % 20 == journal.entry(20).value() % 20) {
        found.push_back(entry);
      }
    }
    before = part.next;
  }
  CHECK(found == journal.read(newest).entries);
  CHECK(steps > 3);
}

CONFORMANCE("a shard without rows has no entries of any subject") {
  TestNode node{*backend.store};
  node.acquire(shard);
  const auto found = node.reader->entries_of({shard, "artifact:1", newest, 10, 10});
  REQUIRE(found.ok());
  CHECK(found->entries.empty());
  CHECK_FALSE(found->next);
}

CONFORMANCE("an outline tells how entries stand, without payloads and results, across segments") {
  Subjects journal{backend};
  journal.append({opening(journal.here, 90)});
  REQUIRE(journal.node.ownership->extend_journal({}).ok());
  journal.append(
      {row(journal.here, 90, 91, model::Started{model::Attempt{1}, {}, "w", {}}),
       row(journal.here, 90, 92,
           model::AttemptFailed{model::Attempt{1}, model::FailureCause::failed, model::JobState::retrying, noon, "no disk"}),
       row(journal.here, 90, 93, model::Started{model::Attempt{2}, {}, "w", {}}),
       row(journal.here, 90, 94, model::Succeeded{model::Attempt{2}, "[1]"})});
  std::map<EntryNumber, std::vector<model::Record>> told;
  const std::vector wanted{std::pair{shard, journal.entry(90)}, std::pair{shard, journal.entry(40)},
                           std::pair{shard, journal.entry(5)}};
  REQUIRE(journal.node.reader
              ->outlines(wanted,
                         [&](ShardId of, Sequence, model::Record&& record) {
                           CHECK(of == shard);
                           told[record.entry].push_back(std::move(record));
                         })
              .ok());
  REQUIRE(told[journal.entry(90)].size() == 5);
  CHECK(std::get<model::Submitted>(told[journal.entry(90)][0].body).payload.empty());
  CHECK(std::get<model::AttemptFailed>(told[journal.entry(90)][2].body).error == "no disk");
  CHECK(std::get<model::Succeeded>(told[journal.entry(90)][4].body).result.empty());
  CHECK(told[journal.entry(40)].size() == 2);
  CHECK_FALSE(told.contains(journal.entry(5)));
}

} // namespace
} // namespace turnwise::storage
