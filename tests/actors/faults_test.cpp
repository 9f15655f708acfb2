// Rows of the fault matrix that a node meets with its journal and its workers. The number in a name is the row's.
#include "tests/actors/harness.hpp"

#include <atomic>
#include <set>
#include <thread>

namespace turnwise::tests {
namespace {

using model::JobState;
using storage::AppendStatus;
using Verb = actors::Answer::Verb;

/// Lets one append go wrong, the first that writes a record of this type.
template <class Record>
std::function<std::optional<AppendStatus>(std::span<const storage::Row>)> once_for(AppendStatus status) {
  auto done = std::make_shared<std::atomic<bool>>();
  return [=](std::span<const storage::Row> rows) -> std::optional<AppendStatus> {
    for (const auto& row : rows) {
      if (std::holds_alternative<Record>(row.record.body) && !done->exchange(true))
        return status;
    }
    return std::nullopt;
  };
}

model::NewJob keyed(const std::string& subject, const std::string& key, const std::string& payload = "{}") {
  auto job = job_for(subject, payload);
  job.key = key;
  job.fingerprint = std::hash<std::string>{}(payload);
  return job;
}

/// How many jobs a subject has, and how often the journal says that one was submitted.
std::size_t jobs_of(TestNode& node, const std::string& subject) {
  return node.subject(subject).jobs.size();
}

// ── Unknown outcomes ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// Submits one job whose commit is lost, written or not; returns what the journal holds of it and whether that is right.
std::string submit_with_lost_answer(bool written) {
  storage::MemoryFaults faults;
  faults.on_append = once_for<model::Submitted>(AppendStatus::unknown);
  faults.write_anyway = [=](auto) { return written; };
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(4, faults));
  {
    TestNode node(store);
    const auto response = node.submit(job_for("a:1"));
    if (!std::holds_alternative<model::Accepted>(response))
      return "not accepted";
  }
  TestNode again(store); // what a restart finds is what was acknowledged
  const auto jobs = jobs_of(again, "a:1");
  return jobs == 1 ? "" : "acknowledged 1 job, the journal has " + std::to_string(jobs);
}

TEST_CASE("03 17 the answer to a commit that went through is lost: the job exists once and is acknowledged once") {
  CHECK(submit_with_lost_answer(true).empty());
}

TEST_CASE("02 the connection is lost before the commit: the job is written again and acknowledged once") {
  CHECK(submit_with_lost_answer(false).empty());
}

TEST_CASE("M4 is noticed: an unknown outcome taken for a failure writes the job twice") {
  const Mutant mutant("M4");
  storage::MemoryFaults faults;
  faults.on_append = once_for<model::Submitted>(AppendStatus::unknown);
  faults.write_anyway = [](auto) { return true; };
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(1, faults));
  std::optional<model::JobId> id;
  {
    TestNode node(store);
    id = id_of(node.submit(job_for("a:1")));
  }
  const auto history = store->open_reader()->history(id->shard, id->entry);
  CHECK(history->size() == 2); // two `submitted` for one job
}

TEST_CASE("an unknown outcome writes no record twice") {
  storage::MemoryFaults faults;
  faults.on_append = once_for<model::Submitted>(AppendStatus::unknown);
  faults.write_anyway = [](auto) { return true; };
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(1, faults));
  TestNode node(store);
  const auto id = id_of(node.submit(job_for("a:1")));
  const auto history = store->open_reader()->history(id.shard, id.entry);
  CHECK(history->size() == 1);
}

TEST_CASE("M5 is noticed: an unknown outcome taken for a success loses the job") {
  const Mutant mutant("M5");
  CHECK_FALSE(submit_with_lost_answer(false).empty());
}

// ── Acknowledging ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Whether a submit is acknowledged although its commit is held back.
bool is_acknowledged_before_the_commit() {
  std::atomic<bool> held{true};
  std::atomic<bool> reached{false};
  storage::MemoryFaults faults;
  faults.on_append = [&](auto) -> std::optional<AppendStatus> {
    reached = true;
    return held ? std::optional{AppendStatus::unavailable} : std::nullopt;
  };
  TestNode node(storage::open_memory(1, faults));
  auto answers = std::make_shared<Answers>(1);
  node->submit({job_for("a:1")}, answers);
  node.wait_until([&] { return reached.load(); });
  const bool early = answers->arrives_within(50ms);
  held = false;
  answers->wait();
  return early;
}

TEST_CASE("no submit is acknowledged before its commit") {
  CHECK_FALSE(is_acknowledged_before_the_commit());
}

TEST_CASE("M3 is noticed: an acknowledgement before the commit") {
  const Mutant mutant("M3");
  CHECK(is_acknowledged_before_the_commit());
}

TEST_CASE("while PostgreSQL is away new jobs are refused as unavailable, and nothing that was taken is lost") {
  std::atomic<bool> down{false};
  storage::MemoryFaults faults;
  faults.on_append = [&](auto) { return down ? std::optional{AppendStatus::unavailable} : std::nullopt; };
  TestNode node(storage::open_memory(1, faults));
  down = true;
  auto first = std::make_shared<Answers>(1);
  node->submit({job_for("a:1", "1")}, first);
  model::Errc code{};
  node.wait_until([&] {
    auto refused = std::make_shared<Answers>(1);
    node->submit({job_for("b:1", "2")}, refused);
    if (!refused->arrives_within(20ms))
      return false;
    code = get<model::Error>(refused->wait()[0]).code;
    return true;
  });
  CHECK(code == model::Errc::unavailable);
  down = false;
  get<model::Accepted>(first->wait()[0]);
  CHECK(jobs_of(node, "a:1") == 1);
}

TEST_CASE("19 a full disk is told apart: insufficient storage") {
  std::atomic<bool> full{false};
  storage::MemoryFaults faults;
  faults.on_append = [&](auto) { return full ? std::optional{AppendStatus::no_space} : std::nullopt; };
  TestNode node(storage::open_memory(1, faults));
  full = true;
  auto first = std::make_shared<Answers>(1);
  node->submit({job_for("a:1")}, first);
  node.wait_until([&] {
    auto refused = std::make_shared<Answers>(1);
    node->submit({job_for("b:1")}, refused);
    return refused->arrives_within(20ms) && get<model::Error>(refused->wait()[0]).code == model::Errc::insufficient_storage;
  });
  full = false;
  get<model::Accepted>(first->wait()[0]);
}

TEST_CASE("39 a refused record fails only its own request: batch-mates commit and the shard goes on") {
  storage::MemoryFaults faults;
  faults.on_append = [](std::span<const storage::Row> rows) -> std::optional<AppendStatus> {
    for (const auto& row : rows) {
      if (const auto* job = std::get_if<model::Submitted>(&row.record.body); job != nullptr && job->payload == "bad")
        return AppendStatus::refused;
    }
    return std::nullopt;
  };
  TestNode node(storage::open_memory(4, faults));
  std::vector<model::NewJob> jobs;
  for (int i = 0; i < 100; ++i)
    jobs.push_back(job_for("s:" + std::to_string(i), i == 50 ? "bad" : "{}"));
  const auto responses = node.submit_all(std::move(jobs));
  int accepted = 0;
  for (std::size_t i = 0; i < responses.size(); ++i) {
    if (std::holds_alternative<model::Accepted>(responses[i])) {
      ++accepted;
    } else {
      const auto error = get<model::Error>(responses[i]);
      CHECK(error.code == (i == 50 ? model::Errc::malformed : model::Errc::unavailable));
    }
  }
  CHECK(accepted >= 75); // all of the three other shards, and what came before in its own
  node.wait_until_ready();
  get<model::Accepted>(node.submit(job_for("s:50")));
  CHECK(node->stats().jobs_open == static_cast<std::uint64_t>(accepted) + 1);
}

// ── Idempotency ──────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("28 the same key and body, fifty times at once: one job, fifty times its id") {
  TestNode node(storage::open_memory(4));
  std::vector<std::shared_ptr<Answers>> all;
  for (int i = 0; i < 50; ++i) {
    all.push_back(std::make_shared<Answers>(1));
    node->submit({keyed("a:1", "k")}, all.back());
  }
  std::set<model::JobId> ids;
  int fresh = 0;
  for (const auto& answers : all) {
    const auto response = answers->wait()[0];
    ids.insert(id_of(response));
    fresh += get<model::Accepted>(response).disposition == model::Disposition::accepted ? 1 : 0;
  }
  CHECK(ids.size() == 1);
  CHECK(fresh == 1);
  CHECK(node->stats().jobs_open == 1);
}

TEST_CASE("29 the same key with another body is refused as idempotency-mismatch") {
  TestNode node(storage::open_memory(4));
  node.submit(keyed("a:1", "k", "1"));
  CHECK(get<model::Error>(node.submit(keyed("a:1", "k", "2"))).code == model::Errc::idempotency_mismatch);
  get<model::Accepted>(node.submit(keyed("a:2", "k", "2"))); // another subject, another scope
}

/// Submits under a key before and after a restart; returns how many jobs there are.
std::size_t jobs_after_resubmission() {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(1));
  {
    TestNode node(store);
    node.submit(keyed("a:1", "k"));
  }
  TestNode node(store);
  node.submit(keyed("a:1", "k"));
  return jobs_of(node, "a:1");
}

TEST_CASE("04 after a restart the same key still means the same job") {
  CHECK(jobs_after_resubmission() == 1);
}

TEST_CASE("M13 is noticed: idempotency keys not known after a takeover") {
  const Mutant mutant("M13");
  CHECK(jobs_after_resubmission() == 2);
}

TEST_CASE("a key that the shard has forgotten is looked up in the journal, and the order of the batch holds") {
  TestNode node(storage::open_memory(1));
  std::vector<model::NewJob> jobs;
  for (int i = 0; i < 5'000; ++i)
    jobs.push_back(keyed("s:" + std::to_string(i), "k"));
  const auto first = id_of(node.submit_all(std::move(jobs)).front());

  const auto responses =
      node.submit_all({keyed("s:0", "k"), keyed("s:0", "new", "{}"), job_for("s:0"), keyed("s:0", "new", "{}")});
  CHECK(id_of(responses[0]) == first);
  CHECK(get<model::Accepted>(responses[0]).disposition == model::Disposition::duplicate);
  CHECK(id_of(responses[1]) == id_of(responses[3]));
  CHECK(id_of(responses[1]) < id_of(responses[2]));
}

TEST_CASE("a duplicate of a finished job answers with that job") {
  TestNode node(storage::open_memory(1));
  const auto id = id_of(node.submit(keyed("a:1", "k")));
  node.complete(node.claim("work").at(0));
  const auto again = get<model::Accepted>(node.submit(keyed("a:1", "k")));
  CHECK(again.entry == id.entry);
  CHECK(again.state == JobState::succeeded);
  CHECK(again.disposition == model::Disposition::duplicate);
}

// ── Workers ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("30 a worker that hangs loses its lease, and the job starts again as attempt 2") {
  TestNode node(storage::open_memory(1));
  auto job = job_for("a:1");
  job.options.backoff = model::Backoff{1ms, 1.0, 1ms, model::Jitter::none};
  const auto id = id_of(node.submit(job));
  const auto first = node.claim("work", 1, 10s, 60ms).at(0);
  const auto second = node.claim("work").at(0);
  CHECK(second.attempt.value() == 2);
  CHECK(second.fencing_token > first.fencing_token);
  const auto story = node.story(id);
  CHECK(story.attempts.at(0).outcome == "expired");
}

TEST_CASE("31 a late answer that nobody superseded is accepted") {
  TestNode node(storage::open_memory(1));
  auto job = job_for("a:1");
  job.options.backoff = model::Backoff{1h, 1.0, 1h, model::Jitter::none};
  const auto id = id_of(node.submit(job));
  const auto grant = node.claim("work", 1, 10s, 60ms).at(0);
  node.wait_until([&] { return node->stats().attempts_failed == 1; });
  CHECK(get<model::Outcome>(node.complete(grant)).state == JobState::succeeded);
  CHECK(node.story(id).state == JobState::succeeded);
}

TEST_CASE("32 a late answer that a newer attempt superseded is refused as stale-fence") {
  TestNode node(storage::open_memory(1));
  auto job = job_for("a:1");
  job.options.backoff = model::Backoff{1ms, 1.0, 1ms, model::Jitter::none};
  node.submit(job);
  const auto first = node.claim("work", 1, 10s, 60ms).at(0);
  const auto second = node.claim("work").at(0);
  CHECK(get<model::Error>(node.complete(first)).code == model::Errc::stale_fence);
  CHECK(get<model::Error>(node.answer(first, Verb::heartbeat)).code == model::Errc::stale_fence);
  CHECK(get<model::Outcome>(node.complete(second)).state == JobState::succeeded);
  CHECK(get<model::Error>(node.complete(first)).code == model::Errc::stale_fence);
}

TEST_CASE("33 two answers race: one outcome is accepted, and the same answer again gets it again") {
  TestNode node(storage::open_memory(1));
  const auto id = id_of(node.submit(job_for("a:1")));
  const auto grant = node.claim("work").at(0);
  actors::Answer complete;
  complete.receipt = {grant.shard, {grant.entry, grant.attempt, grant.nonce}};
  complete.verb = Verb::complete;
  complete.text = "1";
  actors::Answer fail = complete;
  fail.verb = Verb::fail;
  fail.text = "too late";
  auto answers = std::make_shared<Answers>(3);
  node->answer({complete, fail, complete}, answers);
  for (const auto& response : answers->wait())
    CHECK(get<model::Outcome>(response).state == JobState::succeeded);
  CHECK(node.story(id).state == JobState::succeeded);
  CHECK(node->stats().attempts_failed == 0);
}

TEST_CASE("34 a poison job is tried ten times and then parked, and the subject goes on") {
  TestNode node(storage::open_memory(1));
  auto poison = job_for("a:1", "1");
  poison.options.backoff = model::Backoff{1ms, 1.0, 1ms, model::Jitter::none};
  const auto id = id_of(node.submit(poison));
  node.submit(job_for("a:1", "2"));
  for (int attempt = 1; attempt <= 10; ++attempt) {
    const auto grant = node.claim("work").at(0);
    CHECK(grant.payload == "1");
    node.fail(grant);
  }
  CHECK(node.claim("work").at(0).payload == "2");
  CHECK(node.story(id).state == JobState::parked);
}

TEST_CASE("a claim whose worker has gone gives its jobs back unused") {
  struct Gone : Claimed {
    [[nodiscard]] bool gone() const override { return is_gone; }
    std::atomic<bool> is_gone{false};
  };
  std::atomic<bool> held{false};
  auto leaving = std::make_shared<Gone>();
  storage::MemoryFaults faults;
  faults.on_append = [&](std::span<const storage::Row> rows) -> std::optional<AppendStatus> {
    for (const auto& row : rows) {
      if (std::holds_alternative<model::Started>(row.record.body))
        leaving->is_gone = true; // between the start and its answer
    }
    return std::nullopt;
  };
  TestNode node(storage::open_memory(1, faults));
  const auto id = id_of(node.submit(job_for("a:1")));
  node->claim({"w", {"work"}, 1, {}, 0ms}, leaving);
  const auto grant = node.claim("work").at(0);
  CHECK(grant.attempt.value() == 2);
  CHECK(node.story(id).attempts.at(0).outcome == "released");
  CHECK(node.story(id).failures == 0);
}

// ── Heartbeats ───────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("a heartbeat keeps the lease, and then the answer is taken") {
  TestNode node(storage::open_memory(1));
  node.submit(job_for("a:1"));
  const auto grant = node.claim("work", 1, 10s, 300ms).at(0);
  const auto until = std::chrono::steady_clock::now() + 700ms;
  while (std::chrono::steady_clock::now() < until)
    get<model::Extended>(node.answer(grant, Verb::heartbeat));
  CHECK(node->stats().attempts_failed == 0);
  CHECK(get<model::Outcome>(node.complete(grant)).state == JobState::succeeded);
}

/// Whether a heartbeat is acknowledged by a node that cannot reach PostgreSQL any more.
bool isolated_node_acknowledges() {
  auto memory = std::shared_ptr<storage::Store>(storage::open_memory(1));
  struct Isolated : SharedStore {
    using SharedStore::SharedStore;
    struct Cut : storage::Ownership {
      Cut(std::unique_ptr<storage::Ownership> to, std::atomic<bool>& is_cut) : inner(std::move(to)), cut(is_cut) {}
      model::Result<storage::ServerFacts> server() override { return inner->server(); }
      model::Result<storage::ClusterMeta> meta() override { return inner->meta(); }
      model::Result<std::size_t> join(const storage::NodeInfo& n, milliseconds ttl) override { return inner->join(n, ttl); }
      model::Result<storage::Beat> beat(model::Incarnation n, milliseconds ttl) override {
        if (cut)
          return model::Error{model::Errc::unavailable, "cut", ""};
        return inner->beat(n, ttl);
      }
      model::Result<std::vector<storage::Peer>> peers(model::Incarnation n) override { return inner->peers(n); }
      model::Result<bool> declare_dead(model::Incarnation n) override { return inner->declare_dead(n); }
      model::Result<std::vector<storage::ShardRow>> shards() override { return inner->shards(); }
      model::Result<std::vector<storage::Holding>> acquire(model::Incarnation n, std::span<const storage::Holding> s) override {
        return inner->acquire(n, s);
      }
      model::Result<model::Done> release(model::Incarnation n, std::span<const storage::Holding> h) override {
        return inner->release(n, h);
      }
      model::Result<model::Done> leave(model::Incarnation n) override { return inner->leave(n); }
      model::Result<model::Done> extend_journal(std::uint64_t rows) override { return inner->extend_journal(rows); }
      std::unique_ptr<storage::Ownership> inner;
      std::atomic<bool>& cut;
    };
    std::unique_ptr<storage::Ownership> open_ownership() override {
      return std::make_unique<Cut>(SharedStore::open_ownership(), is_cut);
    }
    std::atomic<bool> is_cut{false};
  };
  auto store = std::make_shared<Isolated>(memory);
  TestNode node(store);
  node.submit(job_for("a:1"));
  const auto grant = node.claim("work").at(0);
  store->is_cut = true;
  node.wait_until([&] { return !node->stats().journal_up; });
  auto answers = std::make_shared<Answers>(1);
  actors::Answer heartbeat;
  heartbeat.receipt = {grant.shard, {grant.entry, grant.attempt, grant.nonce}};
  node->answer({heartbeat}, answers);
  const bool acknowledged = answers->arrives_within(200ms);
  store->is_cut = false;
  answers->wait();
  return acknowledged;
}

TEST_CASE("14 a node that cannot beat acknowledges no heartbeat until it can again") {
  CHECK_FALSE(isolated_node_acknowledges());
}

TEST_CASE("M9 is noticed: a heartbeat acknowledged without a beat") {
  const Mutant mutant("M9");
  CHECK(isolated_node_acknowledges());
}

// ── Takeover ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("06 a worker that lived through the restart of its node completes its first attempt") {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(4));
  std::optional<model::Grant> grant;
  std::optional<model::JobId> id;
  {
    TestNode node(store);
    id = id_of(node.submit(job_for("a:1")));
    grant = node.claim("work").at(0);
  }
  TestNode node(store);
  get<model::Extended>(node.answer(*grant, Verb::heartbeat));
  CHECK(get<model::Outcome>(node.complete(*grant)).state == JobState::succeeded);
  CHECK(node.story(*id).attempts.size() == 1);
}

/// Whether another worker gets the job although the lease of the first, given before a restart, is not over.
bool is_granted_again_after_restart() {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(1));
  {
    TestNode node(store);
    auto job = job_for("a:1");
    job.options.backoff = model::Backoff{1ms, 1.0, 1ms, model::Jitter::none};
    node.submit(job);
    REQUIRE(node.claim("work", 1, 10s, 5s).size() == 1);
  }
  TestNode node(store);
  return !node.claim("work", 1, 300ms).empty();
}

TEST_CASE("after a takeover nothing is granted again before the lease is over") {
  CHECK_FALSE(is_granted_again_after_restart());
}

TEST_CASE("M8 is noticed: granted again at takeover") {
  const Mutant mutant("M8");
  CHECK(is_granted_again_after_restart());
}

/// Acknowledged jobs that a restart does not find.
std::size_t jobs_lost_by_restart() {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(1));
  {
    TestNode node(store);
    for (int i = 0; i < 10; ++i)
      get<model::Accepted>(node.submit(job_for("a:1")));
  }
  TestNode node(store);
  return 10 - jobs_of(node, "a:1");
}

TEST_CASE("a restart finds every acknowledged job") {
  CHECK(jobs_lost_by_restart() == 0);
}

TEST_CASE("M11 is noticed: replay drops the last batch") {
  const Mutant mutant("M11");
  CHECK(jobs_lost_by_restart() > 0);
}

TEST_CASE("12 a node that lost its shards writes nothing more and says so") {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(2));
  TestNode old(store);
  old.submit(job_for("a:1", "1"));
  TestNode successor(store); // at the same address: the first is declared dead, whatever it thinks
  const auto response = old.submit(job_for("a:1", "2"));
  CHECK(get<model::Error>(response).code == model::Errc::unavailable);
  CHECK(jobs_of(successor, "a:1") == 1);
}

} // namespace
} // namespace turnwise::tests
