// Repeated requests. The number in a test's name is the row of docs/FAULTS.md.
#include "tests/actors/harness.hpp"

#include <set>

namespace turnwise::tests {
namespace {

using model::JobState;

model::NewJob keyed(const std::string& subject, const std::string& key, const std::string& payload = "{}") {
  auto job = job_for(subject, payload);
  job.key = key;
  job.fingerprint = std::hash<std::string>{}(payload);
  return job;
}

/// How many open jobs a subject has.
std::size_t jobs_of(TestNode& node, const std::string& subject) {
  return node.subject(subject).jobs.size();
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
  for (int i = 0; i < 5'000; ++i) {
    jobs.push_back(keyed("s:" + std::to_string(i), "k"));
  }
  const auto first = id_of(node.submit_all(std::move(jobs)).front());

  const auto responses =
      node.submit_all({keyed("s:0", "k"), keyed("s:0", "new", "{}"), job_for("s:0"), keyed("s:0", "new", "{}")});
  CHECK(id_of(responses[0]) == first);
  CHECK(get<model::Accepted>(responses[0]).disposition == model::Disposition::duplicate);
  CHECK(id_of(responses[1]) == id_of(responses[3]));
  CHECK(id_of(responses[1]) < id_of(responses[2]));
}

TEST_CASE("28 more keys than a shard remembers, twice in one batch: no job twice") {
  constexpr std::size_t keys = 5'000;
  TestNode node(storage::open_memory(1));
  std::vector<model::NewJob> jobs;
  for (std::size_t i = 0; i < 2 * keys; ++i) {
    jobs.push_back(keyed("a:1", "k" + std::to_string(i % keys)));
  }
  const auto responses = node.submit_all(std::move(jobs));
  for (std::size_t i = 0; i < keys; ++i) {
    REQUIRE(id_of(responses[i]) == id_of(responses[keys + i]));
  }
  CHECK(node->stats().jobs_open == keys);
}

TEST_CASE("28 29 a key that coalesces, twice in one batch: one job, and another body is refused") {
  TestNode node(storage::open_memory(1));
  auto job = keyed("a:1", "k", "1");
  job.coalesce = model::Coalesce::skip;
  job.delay = 10s; // nothing absorbs a job that starts later
  auto other = keyed("a:1", "k", "2");
  other.coalesce = model::Coalesce::replace;
  const auto responses = node.submit_all({job, job, other});
  CHECK(id_of(responses[0]) == id_of(responses[1]));
  CHECK(get<model::Accepted>(responses[1]).disposition == model::Disposition::duplicate);
  CHECK(get_error(responses[2]) == model::Errc::idempotency_mismatch);
  CHECK(node->stats().jobs_open == 1);
}

/// Submits under a key, absorbed by the job that is there, and once more when that job is done; perhaps with a restart between.
void check_absorbed_key(model::Coalesce mode, bool restarts) {
  CAPTURE(static_cast<int>(mode), restarts);
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(1));
  auto node = std::make_unique<TestNode>(store);
  const auto there = id_of(node->submit(job_for("a:1")));
  auto absorbed = keyed("a:1", "k", "2");
  absorbed.coalesce = mode;
  CHECK(id_of(node->submit(absorbed)) == there);
  node->complete(node->claim("work").at(0));
  if (restarts) {
    node.reset();
    node = std::make_unique<TestNode>(store);
  }
  const auto again = get<model::Accepted>(node->submit(absorbed));
  CHECK(again.entry == there.entry);
  CHECK(again.disposition == model::Disposition::duplicate);
  auto other = absorbed;
  other.fingerprint += 1;
  CHECK(get<model::Error>(node->submit(other)).code == model::Errc::idempotency_mismatch);
}

TEST_CASE("a repeated submit that a job had absorbed answers with that job, also when it is done") {
  for (const auto mode : {model::Coalesce::skip, model::Coalesce::once_more, model::Coalesce::replace}) {
    for (const bool restarts : {false, true}) {
      check_absorbed_key(mode, restarts);
    }
  }
}

TEST_CASE("a key is not used up by a job that was refused") {
  TestNode node(storage::open_memory(1));
  auto late = keyed("a:1", "k");
  late.expires_at = model::WallTime{model::microseconds{1}};
  CHECK(get<model::Error>(node.submit(late)).code == model::Errc::malformed);
  CHECK(get<model::Error>(node.submit(late)).code == model::Errc::malformed);
  CHECK(get<model::Accepted>(node.submit(keyed("a:1", "k", "2"))).disposition == model::Disposition::accepted);
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

} // namespace
} // namespace turnwise::tests
