// The life of segments under a node: what is open is carried, what is old is dropped, and a restart finds the same and reads
// little. The number in a test's name is the row of docs/FAULTS.md.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <csignal>

#include "storage/journal_audit.hpp"
#include "storage/migrator.hpp"
#include "storage/postgres/store.hpp"
#include "tests/actors/segment_life.hpp"
#include "tests/support/private_postgres.hpp"

namespace turnwise::tests {
namespace {

/// A store that counts the rows of its replays, and holds bodies back after they were read.
class CountingStore : public SharedStore {
public:
  using SharedStore::SharedStore;
  std::unique_ptr<storage::JournalReader> open_reader() override {
    return std::make_unique<Reader>(SharedStore::open_reader(), *this);
  }
  std::atomic<std::size_t> rows{};
  std::atomic<bool> holds_bodies{};
  std::atomic<bool> has_bodies{};

private:
  struct Reader : storage::JournalReader {
    Reader(std::unique_ptr<storage::JournalReader> to, CountingStore& of) : inner(std::move(to)), store(of) {}
    model::Result<storage::Replayed> replay(model::ShardId shard, const storage::RowSink& sink) override {
      return inner->replay(shard, [&](model::Sequence sequence, model::Record&& record) {
        ++store.rows;
        sink(sequence, std::move(record));
      });
    }
    model::Result<std::vector<storage::Body>>
    bodies(std::span<const std::pair<model::ShardId, model::EntryNumber>> entries) override {
      auto found = inner->bodies(entries);
      store.has_bodies = true;
      store.holds_bodies.wait(true);
      return found;
    }
    model::Result<model::Done> history(model::ShardId shard, model::EntryNumber entry, const storage::RowSink& sink) override {
      return inner->history(shard, entry, sink);
    }
    model::Result<std::vector<storage::KeyMatch>> find_keys(model::ShardId shard, std::span<const storage::KeyQuery> queries,
                                                            model::WallTime since) override {
      return inner->find_keys(shard, queries, since);
    }
    model::Result<storage::SubjectEntries> entries_of(const storage::SubjectQuery& query) override {
      return inner->entries_of(query);
    }
    model::Result<model::Done> outlines(std::span<const std::pair<model::ShardId, model::EntryNumber>> entries,
                                        const storage::EntryRowSink& sink) override {
      return inner->outlines(entries, sink);
    }
    std::unique_ptr<storage::JournalReader> inner;
    CountingStore& store;
  };
};

std::shared_ptr<storage::Store> postgres(const TestDatabase& database) {
  REQUIRE(storage::migrate(database.connection(), 4).ok());
  return storage::open_postgres({.connection = database.connection()});
}

/// Nothing is in the journal that must not be, and nothing is missing.
void check_journal(const TestDatabase& database) {
  const auto audit = storage::open_audit({.connection = database.connection()});
  const auto done = storage::verify(*audit, 10);
  REQUIRE(done.ok());
  for (const auto& finding : done->findings) {
    INFO(name(finding.what) << ": " << finding.subject << ' ' << finding.entry.value() << ' ' << finding.sentence);
    CHECK(false);
  }
  CHECK(done->findings_count == 0);
  CHECK(done->segments >= 2);
}

void carry_and_restart(const std::shared_ptr<storage::Store>& store) {
  std::optional<StandingEntries> standing;
  std::string before;
  {
    TestNode node(store, use_small_segments);
    standing.emplace(node);
    before = StandingEntries::in_words(node);
    node.wait_until([&] { // some segments later, and once more from carried row to carried row
      pass_jobs(node, 50);
      return is_carried_alone(*store, standing->parked);
    });
    for (int i = 0; i < 20; ++i) {
      pass_jobs(node, 50);
    }
    CHECK(StandingEntries::in_words(node) == before);
  }
  {
    TestNode node(store, use_small_segments);
    CHECK(StandingEntries::in_words(node) == before);
    for (int i = 0; i < 10; ++i) { // the new owner carries what its predecessor did
      pass_jobs(node, 50);
    }
  }
  TestNode node(store, use_small_segments);
  CHECK(StandingEntries::in_words(node) == before);
  CHECK(standing->use(node).empty());
}

TEST_CASE("what is open outlives the segments that it was written to, in memory") {
  carry_and_restart(std::shared_ptr<storage::Store>(storage::open_memory(4)));
}

TEST_CASE("what is open outlives the segments that it was written to, in PostgreSQL", "[postgres]") {
  const TestDatabase database;
  carry_and_restart(postgres(database));
  check_journal(database);
}

TEST_CASE("entries that change while they are carried are what they have become") {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(1));
  std::vector<model::JobId> jobs;
  {
    TestNode node(store, use_small_segments);
    for (int i = 0; i < 300; ++i) {
      auto job = job_for("a:" + std::to_string(i), "\"first\"");
      job.coalesce = model::Coalesce::replace;
      jobs.push_back(id_of(node.submit(job)));
    }
    for (int round = 0; round < 30; ++round) {
      pass_jobs(node, 60);
      std::vector<model::NewJob> changes;
      for (int i = 0; i < 300; ++i) {
        changes.push_back(job_for("a:" + std::to_string(i), std::to_string(round)));
        changes.back().coalesce = model::Coalesce::replace;
      }
      node.submit_all(std::move(changes));
    }
    node.wait_until([&] {
      pass_jobs(node, 500);
      return is_carried_alone(*store, jobs.front()) && is_carried_alone(*store, jobs.back());
    });
  }
  TestNode node(store, use_small_segments);
  for (std::size_t granted = 0; granted < jobs.size();) {
    const auto grants = node.claim("work", 100);
    REQUIRE_FALSE(grants.empty());
    granted += grants.size();
    for (const auto& grant : grants) {
      CHECK(grant.payload == "29");
    }
  }
}

TEST_CASE("a job that is replaced between the reading of its body and its carried row has the newer body") {
  auto store = std::make_shared<CountingStore>(std::shared_ptr<storage::Store>(storage::open_memory(1)));
  {
    TestNode node(store, use_small_segments);
    const auto ownership = store->open_ownership();
    node.submit(job_for("a:1", "\"old\""));
    store->holds_bodies = true;
    for (int i = 0; !store->has_bodies; ++i) {
      auto absorbed = job_for("a:1");
      absorbed.coalesce = model::Coalesce::skip;
      absorbed.key = std::to_string(i);
      node.submit(absorbed);
    }
    auto newer = job_for("a:1", "\"new\"");
    newer.coalesce = model::Coalesce::replace;
    CHECK(get<model::Accepted>(node.submit(newer)).disposition == model::Disposition::replaced);
    store->holds_bodies = false;
    store->holds_bodies.notify_all();
    node.wait_until([&] { return ownership->laggards(node->incarnation(), 2)->empty(); });
  }
  TestNode node(store, use_small_segments);
  CHECK(node.claim("work").at(0).payload == "\"new\"");
}

TEST_CASE("no replay is moved before what was carried is durable") {
  std::atomic<bool> held{true};
  std::atomic<bool> reached{false};
  storage::MemoryFaults faults;
  faults.on_append = [&](std::span<const storage::Row> rows) -> std::optional<storage::AppendStatus> {
    const bool carries =
        std::ranges::any_of(rows, [](const auto& row) { return std::holds_alternative<model::Carried>(row.record.body); });
    reached = reached || carries;
    return carries && held ? std::optional{storage::AppendStatus::unavailable} : std::nullopt;
  };
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(1, faults));
  TestNode node(store, use_small_segments);
  const auto ownership = store->open_ownership();
  const auto lags = [&] { return !ownership->laggards(node->incarnation(), 2)->empty(); };
  node.submit(job_for("a:1"));
  auto answers = std::make_shared<Answers>(1);
  for (int i = 0; !reached; ++i) { // rows without end; not waited for, since what comes after the carried row is held up too
    auto absorbed = job_for("a:1");
    absorbed.coalesce = model::Coalesce::skip;
    absorbed.key = std::to_string(i);
    node->submit({absorbed}, std::make_shared<Answers>(1));
    answers->arrives_within(1ms);
  }
  CHECK_FALSE(answers->arrives_within(200ms)); // nobody answers it: ten beats, and two looks of the keeper
  CHECK(lags());
  held = false;
  node.wait_until([&] { return !lags(); });
}

/// Parked jobs of every segment that a restart does not find.
std::size_t parked_lost_by_restart() {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(1));
  std::size_t parked = 0;
  {
    TestNode node(store, use_small_segments);
    const auto newest = [&] {
      return store->open_ownership()->extend_journal({.rows_max = 1'000'000'000, .rows_min = 1'000'000'000})->newest;
    };
    for (; newest() < 8; ++parked) {
      auto job = job_for("parked:" + std::to_string(parked % 5));
      job.options.on_failure = model::OnFailure::park;
      job.options.max_attempts = 1;
      node.submit(job);
      node.fail(node.claim("work").at(0));
      pass_jobs(node, 5);
    }
  }
  TestNode node(store, use_small_segments);
  std::size_t found = 0;
  for (int i = 0; i < 5; ++i) {
    found += node.subject("parked:" + std::to_string(i)).outside_count;
  }
  return parked - found;
}

TEST_CASE("a job parked in any segment is found after a restart") {
  CHECK(parked_lost_by_restart() == 0);
}

TEST_CASE("M14 is noticed: a segment dropped one too early") {
  const Mutant mutant("M14");
  CHECK(parked_lost_by_restart() > 0);
}

// ── Killed on the way ────────────────────────────────────────────────────────────────────────────────────────────────────

// What the child process does: runs a node until the failpoint kills it, and tells how its standing entries were.
TEST_CASE("a node that is to be killed", "[.child]") {
  const char* database = std::getenv("TURNWISE_CHILD_DATABASE");
  REQUIRE(database != nullptr);
  TestNode node(storage::open_postgres({.connection = database}), use_small_segments);
  const StandingEntries standing(node);
  const auto words = StandingEntries::in_words(node);
  REQUIRE(write(STDERR_FILENO, words.data(), words.size()) == static_cast<ssize_t>(words.size()));
  close(STDERR_FILENO);
  for (int i = 0; i < 400; ++i) {
    pass_jobs(node, 50);
  }
}

/// This program as another process, with a failpoint. @returns how the standing entries were, line by line.
std::string words_of_a_killed_node(const TestDatabase& database, const std::string& failpoint) {
  int told[2];
  REQUIRE(pipe(told) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    dup2(told[1], STDERR_FILENO);
    close(told[0]);
    close(told[1]);
    ::setenv("TURNWISE_FAILPOINTS", failpoint.c_str(), 1);
    ::setenv("TURNWISE_CHILD_DATABASE", database.connection().c_str(), 1);
    execl("/proc/self/exe", "test_actors", "a node that is to be killed", nullptr);
    _exit(7);
  }
  close(told[1]);
  std::string words;
  char buffer[4096];
  for (ssize_t count = 0; (count = read(told[0], buffer, sizeof buffer)) > 0;) {
    words.append(buffer, static_cast<std::size_t>(count));
  }
  close(told[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
  return words.substr(0, words.find("failpoint "));
}

TEST_CASE("10 a node killed while it carries, moves replays, changes or drops segments leaves the same state", "[postgres]") {
  const std::string failpoint =
      GENERATE("segment-changed=abort@3", "carry-portion=abort", "carry-portion=abort@3", "before-replay-from=abort",
               "after-replay-from=abort", "after-replay-from=abort@2", "before-drop=abort@2", "after-drop=abort");
  CAPTURE(failpoint);
  const TestDatabase database;
  const auto store = postgres(database);
  const std::string before = words_of_a_killed_node(database, failpoint);
  REQUIRE_FALSE(before.empty());
  {
    TestNode node(store, use_small_segments);
    CHECK(StandingEntries::in_words(node) == before);
    for (int i = 0; i < 10; ++i) {
      pass_jobs(node, 50);
    }
    CHECK(StandingEntries::in_words(node) == before);
  }
  TestNode node(store, use_small_segments);
  CHECK(StandingEntries::in_words(node) == before);
  check_journal(database); // beside the node
}

// ── What a restart reads ─────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("a restart reads the newest segments and what was carried, however long the history is", "[postgres]") {
  const char* asked = std::getenv("TURNWISE_FINISHED_JOBS");
  const std::size_t finished = asked == nullptr ? 20'000 : std::stoul(asked);
  const TestDatabase database;
  auto counting = std::make_shared<CountingStore>(postgres(database));
  constexpr std::size_t parts = 5;
  const std::size_t segment_rows = std::max<std::size_t>(5'000, finished / 10);
  const auto keep_history = [segment_rows](actors::EngineConfig& config) { config.segment_rows_max = segment_rows; };
  std::optional<model::JobId> parked;
  {
    TestNode node(counting, keep_history);
    auto job = job_for("parked:1", "\"still there\"");
    job.options.max_attempts = 1;
    parked = id_of(node.submit(job));
    node.fail(node.claim("work").at(0));
    for (std::size_t part = 1; part <= parts; ++part) { // segments end when somebody looks
      pass_jobs(node, finished / parts, 1'000);
      node.wait_until([&] { return std::stoul(database.query("SELECT max(number) FROM turnwise.segment")) > part; });
    }
    node.wait_until([&] {
      return database.query("SELECT min(replay_from) >= max(number) - 1 FROM turnwise.shard, turnwise.segment") == "t";
    });
  }
  counting->rows = 0;
  const auto began = std::chrono::steady_clock::now();
  TestNode node(counting, keep_history);
  const auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);
  WARN("finished jobs " << finished << ", segments " << database.query("SELECT count(*) FROM turnwise.segment")
                        << ", rows replayed " << counting->rows << ", ready after " << took.count() << " ms");
  CHECK(counting->rows < finished * 3 / 2); // of three times as many
  CHECK(node.story(*parked).state == model::JobState::parked);
  CHECK(node.story(*parked).job.payload == "\"still there\"");
  CHECK(node.subject("parked:1").outside_count == 1);
}

} // namespace
} // namespace turnwise::tests
