// Workers that hang, answer late, or go away. The number in a test's name is the row of docs/FAULTS.md.
#include "tests/actors/harness.hpp"

#include <atomic>

namespace turnwise::tests {
namespace {

using model::JobState;
using storage::AppendStatus;
using Verb = actors::Answer::Verb;

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
  for (const auto& response : answers->wait()) {
    CHECK(get<model::Outcome>(response).state == JobState::succeeded);
  }
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
      if (std::holds_alternative<model::Started>(row.record.body)) {
        leaving->is_gone = true; // between the start and its answer
      }
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
  while (std::chrono::steady_clock::now() < until) {
    get<model::Extended>(node.answer(grant, Verb::heartbeat));
  }
  CHECK(node->stats().attempts_failed == 0);
  CHECK(get<model::Outcome>(node.complete(grant)).state == JobState::succeeded);
}

/// Whether a heartbeat is acknowledged by a node that cannot reach PostgreSQL any more.
bool isolated_node_acknowledges() {
  auto memory = std::shared_ptr<storage::Store>(storage::open_memory(1));
  auto store = std::make_shared<IsolatedStore>(memory);
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

} // namespace
} // namespace turnwise::tests
