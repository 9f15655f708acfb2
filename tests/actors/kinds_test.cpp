// Settings, pauses and limits of kinds through the whole engine.
#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "tests/actors/harness.hpp"

namespace turnwise::tests {
namespace {

using model::JobState;

std::shared_ptr<Answers> begin_change(TestNode& node, decltype(model::KindChange::what) what) {
  auto answers = std::make_shared<Answers>(1);
  node->change_kind({"work", std::move(what)}, {answers, 0});
  return answers;
}

model::Kind change(TestNode& node, decltype(model::KindChange::what) what) {
  return *get<std::shared_ptr<const model::Kind>>(begin_change(node, std::move(what))->wait().front());
}

model::Kind limit(TestNode& node, std::optional<std::uint32_t> concurrency) {
  model::KindSettings settings;
  settings.concurrency = concurrency;
  return change(node, model::PutKind{settings, {}});
}

model::KindSettings giving_up_after(std::uint32_t attempts, model::OnFailure on_failure) {
  model::KindSettings settings;
  settings.defaults.max_attempts = attempts;
  settings.defaults.on_failure = on_failure;
  settings.defaults.backoff = model::Backoff{1h, 1.0, 1h, model::Jitter::none};
  return settings;
}

/// Changes the kind behind the back of all nodes, as another node would.
void change_elsewhere(storage::Store& store, decltype(model::KindChange::what) what) {
  REQUIRE(store.open_ownership()->change_kind({"work", std::move(what)}).ok());
}

std::vector<model::JobId> submit_many(TestNode& node, int count) {
  std::vector<model::NewJob> jobs;
  for (int i = 0; i < count; ++i) {
    jobs.push_back(job_for("a:" + std::to_string(i)));
  }
  std::vector<model::JobId> ids;
  for (const auto& response : node.submit_all(std::move(jobs))) {
    ids.push_back(id_of(response));
  }
  return ids;
}

std::shared_ptr<Claimed> begin_claim(TestNode& node, std::uint32_t max = 1, milliseconds wait = 10s) {
  auto claimed = std::make_shared<Claimed>();
  node->claim({"worker-1", {"work"}, max, {}, wait}, claimed);
  return claimed;
}

double figure(TestNode& node, const std::string& line_start) {
  const std::string text = node->metrics();
  const auto at = text.find("\n" + line_start + " ");
  REQUIRE(at != std::string::npos);
  return std::stod(text.substr(at + line_start.size() + 2));
}

} // namespace

// ── Policies ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("the jobs of a kind are tried as their kind says, unless they say otherwise") {
  TestNode node(storage::open_memory(4));
  change(node, model::PutKind{giving_up_after(1, model::OnFailure::halt), {}});
  auto own = job_for("b:1");
  own.options.on_failure = model::OnFailure::park;
  const auto first = id_of(node.submit(job_for("a:1")));
  const auto second = id_of(node.submit(own));
  for (const auto& grant : {node.claim("work").at(0), node.claim("work").at(0)}) {
    node.fail(grant);
  }
  CHECK(node.story(first).state == JobState::halted);
  CHECK(node.story(second).state == JobState::parked);
}

TEST_CASE("a replay under other settings gives the same state, and an attempt goes on under those that it began with") {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(4));
  std::vector<model::JobId> ids;
  std::optional<model::Grant> running;
  std::map<std::string, JobState> before;
  {
    TestNode node(store);
    change(node, model::PutKind{giving_up_after(1, model::OnFailure::park), {}});
    ids = submit_many(node, 2);
    node.fail(node.claim("work").at(0));
    change(node, model::PutKind{giving_up_after(5, model::OnFailure::halt), {}});
    ids.push_back(id_of(node.submit(job_for("b:1"))));
    node.fail(node.claim("work").at(0));
    change(node, model::PutKind{giving_up_after(1, model::OnFailure::halt), {}});
    running = node.claim("work").at(0);
    for (const auto& id : ids) {
      before[model::to_string(id)] = node.story(id).state;
    }
  }
  change_elsewhere(*store, model::PutKind{giving_up_after(9, model::OnFailure::discard), {}});
  TestNode node(store);
  std::multiset<JobState> states;
  for (const auto& id : ids) {
    CHECK(node.story(id).state == before[model::to_string(id)]);
    states.insert(node.story(id).state);
  }
  CHECK(states == std::multiset{JobState::running, JobState::retrying, JobState::parked});
  node.fail(*running);
  CHECK(node.story({running->shard, running->entry}).state == JobState::halted);
}

TEST_CASE("a node goes by what another one has set, soon") {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(4));
  TestNode node(store);
  submit_many(node, 1);
  const auto waiting = begin_claim(node);
  CHECK(waiting->wait().size() == 1);
  change_elsewhere(*store, model::PauseKind{"ann", "incident 7"});
  node.wait_until([&] { return node->kind("work")->kind.pause.has_value(); });
  change_elsewhere(*store, model::ResumeKind{"ann"});
  node.wait_until([&] { return node->kind("work")->kind.is_plain(); });
}

TEST_CASE("a change of a kind is refused while PostgreSQL is away, and not forgotten when the node ends") {
  auto store = std::make_shared<IsolatedStore>(storage::open_memory(4));
  TestNode node(store);
  store->is_cut = true;
  CHECK(get_error(begin_change(node, model::PauseKind{"ann", "why"})->wait().front()) == model::Errc::unavailable);
  store->is_cut = false;
  node.wait_until([&] {
    return std::holds_alternative<std::shared_ptr<const model::Kind>>(
        begin_change(node, model::PauseKind{"ann", "why"})->wait().front());
  });
  CHECK(node->kind("work")->kind.pause->by == "ann");
  node->drain();
  CHECK(get_error(begin_change(node, model::ResumeKind{"ann"})->wait().front()) == model::Errc::unavailable);
}

// ── Pauses ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("nothing of a paused kind starts, what runs goes on to its end, and a waiting worker gets a job when it is resumed") {
  TestNode node(storage::open_memory(4));
  submit_many(node, 3);
  const auto running = node.claim("work").at(0);
  CHECK(change(node, model::PauseKind{"ann", "incident 7"}).pause->why == "incident 7");
  CHECK(node.claim("work", 10, 100ms).empty());
  CHECK(get<model::Outcome>(node.complete(running)).state == JobState::succeeded);
  auto other = job_for("b:1");
  other.kind = "rest";
  node.submit(other);
  CHECK(node.claim("rest").size() == 1);
  const auto waiting = begin_claim(node);
  node.wait_until([&] { return node->stats().claims_waiting == 1; });
  submit_many(node, 5);
  CHECK(node->stats().claims_waiting == 1);
  const auto resumed_at = std::chrono::steady_clock::now();
  change(node, model::ResumeKind{"ann"});
  CHECK(waiting->wait().size() == 1);
  CHECK(std::chrono::steady_clock::now() - resumed_at < 2s);
}

TEST_CASE("a node that starts anew starts nothing of a paused kind") {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(16));
  {
    TestNode node(store);
    submit_many(node, 50);
    change(node, model::PauseKind{"ann", "incident 7"});
  }
  TestNode node(store);
  CHECK(node.claim("work", 10, 200ms).empty());
  CHECK(node.subject("a:1").jobs.at(0).reason == model::WaitReason::kind_paused);
  change(node, model::ResumeKind{"ann"});
  CHECK(node.claim("work", 10).size() == 10);
}

TEST_CASE("a job whose kind is paused says who did it, why and since when") {
  TestNode node(storage::open_memory(4));
  const auto id = submit_many(node, 1).front();
  change(node, model::PauseKind{"ann", "incident 7"});
  const auto job = node.subject("a:0").jobs.at(0);
  CHECK(job.reason == model::WaitReason::kind_paused);
  REQUIRE(job.kind_wait);
  CHECK(job.kind_wait->pause->by == "ann");
  CHECK(job.kind_wait->pause->since.time_since_epoch().count() > 0);
  CHECK(node.story(id).now->reason == model::WaitReason::kind_paused);
}

TEST_CASE("mutant K2: a paused kind that starts jobs is noticed") {
  const Mutant mutant("K2");
  TestNode node(storage::open_memory(4));
  submit_many(node, 1);
  change(node, model::PauseKind{"ann", "incident 7"});
  CHECK(node.claim("work").size() == 1);
}

// ── Limits ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

namespace {

/// Several workers claim and complete as fast as they can. @returns the most that ran at a time
int most_at_a_time(TestNode& node, int jobs) {
  std::atomic<int> left{jobs};
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::vector<std::thread> workers;
  submit_many(node, jobs);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (int worker = 0; worker < 8; ++worker) {
    workers.emplace_back([&] {
      while (left > 0 && std::chrono::steady_clock::now() < deadline) {
        const auto grants = begin_claim(node, 2, 50ms)->wait();
        const int now = running += static_cast<int>(grants.size());
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::yield();
        for (const auto& grant : grants) {
          --running; // before it is said: another may start at once
          const auto answer = node.answer(grant, actors::Answer::Verb::complete, "1");
          left -= std::holds_alternative<model::Outcome>(answer) ? 1 : 0;
        }
      }
    });
  }
  for (auto& worker : workers) {
    worker.join();
  }
  CHECK(left == 0);
  return most;
}

} // namespace

TEST_CASE("of a kind with a limit of 3 there are never 4 running, however many workers claim") {
  TestNode node(storage::open_memory(16));
  limit(node, 3);
  const int most = most_at_a_time(node, 300);
  CHECK(most <= 3);
  CHECK(most > 1); // else nothing was tried
  CHECK(node->kind("work")->running == 0);
  CHECK(node->kind("work")->waiting == 0);
}

TEST_CASE("mutant K1: a limit that is not kept is noticed") {
  const Mutant mutant("K1");
  TestNode node(storage::open_memory(16));
  limit(node, 3);
  CHECK(most_at_a_time(node, 300) > 3);
}

TEST_CASE("when a job of a full kind ends, a waiting worker gets the next one") {
  TestNode node(storage::open_memory(4));
  limit(node, 1);
  submit_many(node, 3);
  auto running = node.claim("work", 10).at(0);
  for (const auto verb : {actors::Answer::Verb::complete, actors::Answer::Verb::release}) {
    const auto waiting = begin_claim(node);
    node.wait_until([&] { return node->stats().claims_waiting == 1; });
    node.answer(running, verb);
    const auto next = waiting->wait();
    REQUIRE(next.size() == 1);
    running = next.front();
  }
}

TEST_CASE("an attempt whose lease runs out makes room for another") {
  TestNode node(storage::open_memory(4));
  limit(node, 1);
  submit_many(node, 2);
  CHECK(node.claim("work", 1, 10s, 100ms).size() == 1);
  CHECK(node.claim("work").size() == 1);
}

TEST_CASE("a changed limit takes effect at once") {
  TestNode node(storage::open_memory(4));
  limit(node, 1);
  submit_many(node, 9);
  auto running = node.claim("work", 10);
  CHECK(running.size() == 1);
  const auto waiting = begin_claim(node, 10);
  node.wait_until([&] { return node->stats().claims_waiting == 1; });
  limit(node, 3);
  auto more = waiting->wait();
  CHECK_FALSE(more.empty());
  while (running.size() + more.size() < 3) {
    more.push_back(node.claim("work").at(0));
  }
  limit(node, 2);
  node.complete(running.at(0));
  CHECK(node.claim("work", 10, 100ms).empty()); // two run
  limit(node, std::nullopt);
  CHECK(node.claim("work", 10).size() == 6);
}

TEST_CASE("a job whose kind is full says so, with the limit") {
  TestNode node(storage::open_memory(4));
  limit(node, 1);
  const auto ids = submit_many(node, 2);
  const auto running = node.claim("work").at(0);
  const auto other = ids[0].entry == running.entry && ids[0].shard == running.shard ? ids[1] : ids[0];
  const auto now = node.story(other).now;
  REQUIRE(now);
  CHECK(now->reason == model::WaitReason::kind_limit);
  CHECK(now->kind_wait->limit == 1);
}

namespace {

/// Whether more than the limit runs after a restart, while shards are still being read.
bool passes_limit_after_restart() {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(64));
  std::vector<model::Grant> running;
  {
    TestNode node(store);
    limit(node, 3);
    submit_many(node, 100);
    while (running.size() < 3) {
      running.push_back(node.claim("work").at(0));
    }
  }
  TestNode node(store);
  if (!node.claim("work", 10, 200ms).empty()) {
    return true;
  }
  node.complete(running.at(0));
  CHECK(node.claim("work", 10).size() == 1);
  return false;
}

} // namespace

TEST_CASE("attempts that ran before a restart count until they end") {
  CHECK_FALSE(passes_limit_after_restart());
}

TEST_CASE("mutant K3: attempts from before a restart that do not count are noticed") {
  const Mutant mutant("K3");
  CHECK(passes_limit_after_restart());
}

// ── Figures ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("a node counts per kind what was submitted, started, done, and how long it took") {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(4));
  {
    TestNode node(store);
    submit_many(node, 4);
    change(node, model::PutKind{giving_up_after(1, model::OnFailure::park), {}});
    node.complete(node.claim("work").at(0));
    node.fail(node.claim("work").at(0));
    const auto running = node.claim("work").at(0);
    CHECK(figure(node, R"(turnwise_kind_jobs_submitted_total{kind="work"})") == 4);
    CHECK(figure(node, R"(turnwise_kind_attempts_started_total{kind="work"})") == 3);
    CHECK(figure(node, R"(turnwise_kind_jobs_succeeded_total{kind="work"})") == 1);
    CHECK(figure(node, R"(turnwise_kind_attempts_failed_total{kind="work"})") == 1);
    CHECK(figure(node, R"(turnwise_kind_jobs_parked_total{kind="work"})") == 1);
    CHECK(figure(node, R"(turnwise_kind_jobs_waiting{kind="work"})") == 1);
    CHECK(figure(node, R"(turnwise_kind_jobs_running{kind="work"})") == 1);
    CHECK(figure(node, R"(turnwise_kind_wait_time_seconds_count{kind="work"})") == 3);
    CHECK(figure(node, R"(turnwise_kind_run_time_seconds_count{kind="work"})") == 2);
  }
  TestNode node(store);
  CHECK(node->kind("work")->waiting == 1);
  CHECK(node->kind("work")->running == 1);
}

TEST_CASE("kinds beyond those with series of their own are counted together") {
  TestNode node(storage::open_memory(4));
  std::vector<model::NewJob> jobs;
  for (int i = 0; i < 120; ++i) {
    auto job = job_for("a:" + std::to_string(i));
    job.kind = "kind \"" + std::to_string(i) + "\"";
    jobs.push_back(std::move(job));
  }
  node.submit_all(std::move(jobs));
  CHECK(figure(node, R"(turnwise_kind_jobs_waiting{kind="other"})") == 20);
  CHECK(figure(node, R"(turnwise_kind_jobs_submitted_total{kind="other"})") == 20);
  CHECK(node->kinds().size() == 120);
}

} // namespace turnwise::tests
