// A restart is a takeover. The number in a test's name is the row of docs/FAULTS.md.
#include "tests/actors/harness.hpp"

namespace turnwise::tests {
namespace {

using model::JobState;
using Verb = actors::Answer::Verb;

/// How many open jobs a subject has.
std::size_t jobs_of(TestNode& node, const std::string& subject) {
  return node.subject(subject).jobs.size();
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
    for (int i = 0; i < 10; ++i) {
      get<model::Accepted>(node.submit(job_for("a:1")));
    }
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
