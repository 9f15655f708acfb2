// The way of a job through one node, on the journal in memory.
#include "tests/actors/harness.hpp"

#include <map>
#include <set>
#include <thread>

namespace turnwise::tests {
namespace {

using model::JobState;
using Verb = actors::Answer::Verb;

TEST_CASE("a job is accepted, claimed and completed") {
  TestNode node(storage::open_memory(8));
  const auto id = id_of(node.submit(job_for("artifact:123", R"({"x":1})")));

  const auto grants = node.claim("work");
  REQUIRE(grants.size() == 1);
  CHECK(grants[0].subject == "artifact:123");
  CHECK(grants[0].payload == R"({"x":1})");
  CHECK(grants[0].attempt.value() == 1);
  CHECK(grants[0].fencing_token.value() > id.entry.value());

  CHECK(get<model::Outcome>(node.complete(grants[0])).state == JobState::succeeded);
  const auto story = node.story(id);
  CHECK(story.state == JobState::succeeded);
  CHECK(story.result == "1");
  REQUIRE(story.attempts.size() == 1);
  CHECK(story.attempts[0].worker == "worker-1");
}

TEST_CASE("the second job of a subject waits for the first, another subject's does not") {
  TestNode node(storage::open_memory(8));
  node.submit(job_for("job:123", "1"));
  node.submit(job_for("job:123", "2"));
  node.submit(job_for("job:76", "3"));

  auto running = node.claim("work", 10);
  while (running.size() < 2) {
    for (auto& more : node.claim("work", 10)) {
      running.push_back(more);
    }
  }
  std::set<std::string> payloads{running[0].payload, running[1].payload};
  CHECK(payloads == std::set<std::string>{"1", "3"});
  CHECK(node.claim("work", 10, 0ms).empty());

  for (const auto& grant : running) {
    node.complete(grant);
  }
  const auto next = node.claim("work", 10);
  REQUIRE(next.size() == 1);
  CHECK(next[0].payload == "2");
}

TEST_CASE("jobs of a batch run in the order of the batch, one at a time, with growing fencing tokens") {
  TestNode node(storage::open_memory(8));
  std::vector<model::NewJob> jobs;
  for (int i = 0; i < 200; ++i) {
    jobs.push_back(job_for("pipeline:" + std::to_string(i % 3), std::to_string(i)));
  }
  node.submit_all(std::move(jobs));

  std::map<std::string, std::pair<int, std::uint64_t>> last;
  for (int done = 0; done < 200;) {
    const auto grants = node.claim("work", 10);
    std::set<std::string> subjects;
    for (const auto& grant : grants) {
      CHECK(subjects.insert(grant.subject).second);
      auto& [number, token] = last.try_emplace(grant.subject, -1, 0).first->second;
      CHECK(std::stoi(grant.payload) > number);
      CHECK(grant.fencing_token.value() > token);
      number = std::stoi(grant.payload);
      token = grant.fencing_token.value();
      get<model::Outcome>(node.complete(grant));
      ++done;
    }
  }
}

TEST_CASE("a claim that waits gets the job that comes") {
  TestNode node(storage::open_memory(8));
  auto claimed = std::make_shared<Claimed>();
  node->claim({"w", {"other", "work"}, 5, {}, 10s}, claimed);
  node.wait_until([&] { return node->stats().claims_waiting == 1; });
  node.submit(job_for("a:1"));
  CHECK(claimed->wait().size() == 1);
}

TEST_CASE("a claim whose wait is over is answered with nothing") {
  TestNode node(storage::open_memory(8));
  CHECK(node.claim("work", 1, 20ms).empty());
  CHECK(node->stats().claims_waiting == 0);
}

TEST_CASE("a failed attempt is tried again in its place and then parked, and the subject goes on") {
  TestNode node(storage::open_memory(8));
  auto poison = job_for("a:1", "1");
  poison.options.max_attempts = 2;
  poison.options.backoff = model::Backoff{1ms, 1.0, 1ms, model::Jitter::none};
  const auto id = id_of(node.submit(poison));
  node.submit(job_for("a:1", "2"));

  CHECK(get<model::Outcome>(node.fail(node.claim("work").at(0))).state == JobState::retrying);
  const auto second = node.claim("work").at(0);
  CHECK(second.payload == "1");
  CHECK(second.attempt.value() == 2);
  CHECK(get<model::Outcome>(node.fail(second)).state == JobState::parked);
  CHECK(node.claim("work").at(0).payload == "2");
  CHECK(node.story(id).state == JobState::parked);
}

TEST_CASE("a retried parked job goes before younger waiting ones") {
  TestNode node(storage::open_memory(8));
  auto poison = job_for("a:1", "1");
  poison.options.max_attempts = 1;
  const auto id = id_of(node.submit(poison));
  node.submit(job_for("a:1", "2"));
  node.submit(job_for("a:1", "3"));
  node.fail(node.claim("work").at(0));
  const auto running = node.claim("work").at(0);

  auto answers = std::make_shared<Answers>(1);
  node->retry(id, {answers, 0});
  CHECK(get<model::Changed>(answers->wait()[0]).state == JobState::waiting);
  node.complete(running);
  CHECK(node.claim("work").at(0).payload == "1");
}

TEST_CASE("a waiting job is cancelled, a running one is asked to stop") {
  TestNode node(storage::open_memory(8));
  const auto first = id_of(node.submit(job_for("a:1", "1")));
  const auto second = id_of(node.submit(job_for("a:1", "2")));
  const auto grant = node.claim("work").at(0);
  auto answers = std::make_shared<Answers>(2);
  node->cancel(second, {answers, 0});
  node->cancel(first, {answers, 1});
  const auto changed = answers->wait();
  CHECK(get<model::Changed>(changed[0]).state == JobState::cancelled);
  CHECK(get<model::Changed>(changed[1]).cancel_requested);
  CHECK(get<model::Extended>(node.answer(grant, Verb::heartbeat)).cancel);
  CHECK(get<model::Outcome>(node.fail(grant)).state == JobState::cancelled);
  CHECK(node.story(second).state == JobState::cancelled);
}

TEST_CASE("a scheduled job leaves the subject to others until it is due") {
  TestNode node(storage::open_memory(8));
  auto later = job_for("a:1", "1");
  later.delay = 100ms;
  CHECK(get<model::Accepted>(node.submit(later)).state == JobState::scheduled);
  node.submit(job_for("a:1", "2"));
  const auto now = node.claim("work").at(0);
  CHECK(now.payload == "2");
  node.complete(now);
  CHECK(node.claim("work").at(0).payload == "1");
}

TEST_CASE("a waiting job that was replaced runs with the new payload, however soon it starts") {
  TestNode node(storage::open_memory(1));
  for (int round = 0; round < 200; ++round) {
    node.submit(job_for("a:1", "\"old\""));
    auto newer = job_for("a:1", "\"new\"");
    newer.coalesce = model::Coalesce::replace;
    auto answers = std::make_shared<Answers>(1);
    auto claimed = std::make_shared<Claimed>();
    node->submit({newer}, answers);
    node->claim({"w", {"work"}, 1, {}, 10s}, claimed); // races with the replacement
    const auto replaced = get<model::Accepted>(answers->wait()[0]);
    const auto grant = claimed->wait().at(0);
    if (replaced.disposition == model::Disposition::replaced) {
      CHECK(grant.payload == "\"new\"");
    } else {
      CHECK(grant.payload == "\"old\"");
      node.complete(grant);
      node.complete(node.claim("work").at(0));
      continue;
    }
    node.complete(grant);
  }
}

TEST_CASE("waiting for a job is answered when it is final") {
  TestNode node(storage::open_memory(8));
  const auto id = id_of(node.submit(job_for("a:1")));
  auto answers = std::make_shared<Answers>(1);
  node->await_job(id, 20s, {answers, 0});
  const auto grant = node.claim("work").at(0);
  CHECK_FALSE(answers->arrives_within(10ms));
  node.complete(grant);
  CHECK(get<std::shared_ptr<const model::JobStory>>(answers->wait()[0])->state == JobState::succeeded);
}

TEST_CASE("waiting for a job is answered with its present state when the wait is over") {
  TestNode node(storage::open_memory(8));
  const auto id = id_of(node.submit(job_for("a:1")));
  auto answers = std::make_shared<Answers>(1);
  node->await_job(id, 10ms, {answers, 0});
  const auto story = get<std::shared_ptr<const model::JobStory>>(answers->wait()[0]);
  CHECK(story->state == JobState::waiting);
  CHECK(story->now->reason == model::WaitReason::no_worker);
}

TEST_CASE("a subject tells who has the turn and why each job waits") {
  TestNode node(storage::open_memory(8));
  node.submit(job_for("a:1", "1"));
  node.submit(job_for("a:1", "2"));
  const auto grant = node.claim("work").at(0);
  const auto view = node.subject("a:1");
  REQUIRE(view.turn);
  CHECK(view.turn->worker == "worker-1");
  CHECK(view.turn->fencing_token == grant.fencing_token);
  REQUIRE(view.jobs.size() == 2);
  CHECK(view.jobs[1].reason == model::WaitReason::behind);
  CHECK(view.jobs[1].behind == grant.entry);
  CHECK(node.subject("nobody:0").jobs.empty());
}

TEST_CASE("an unknown job is not found") {
  TestNode node(storage::open_memory(8));
  auto answers = std::make_shared<Answers>(3);
  const model::JobId unknown{model::ShardId{1}, model::EntryNumber{99}};
  node->describe_job(unknown, {answers, 0});
  node->cancel(unknown, {answers, 1});
  node->retry({model::ShardId{700}, model::EntryNumber{1}}, {answers, 2});
  for (const auto& response : answers->wait()) {
    CHECK(get<model::Error>(response).code == model::Errc::not_found);
  }
}

TEST_CASE("beyond the backlog limits jobs are refused with backlog-full, and taken again later") {
  TestNode node(storage::open_memory(8), [](auto& config) { config.subject_backlog_max = 3; });
  const auto responses = node.submit_all({job_for("a:1"), job_for("a:1"), job_for("a:1"), job_for("a:1"), job_for("b:1")});
  CHECK(get<model::Error>(responses[3]).code == model::Errc::backlog_full);
  get<model::Accepted>(responses[4]);
  std::vector<model::Grant> grants;
  while (grants.size() < 2) {
    for (auto& grant : node.claim("work", 2)) {
      grants.push_back(grant);
    }
  }
  for (const auto& grant : grants) {
    node.complete(grant);
  }
  get<model::Accepted>(node.submit(job_for("a:1")));
}

TEST_CASE("37 subjects that were used once leave nothing behind") {
  TestNode node(storage::open_memory(8));
  for (int round = 0; round < 20; ++round) {
    std::vector<model::NewJob> jobs;
    for (int i = 0; i < 500; ++i) {
      jobs.push_back(job_for("once:" + std::to_string(round) + "-" + std::to_string(i)));
    }
    node.submit_all(std::move(jobs));
    for (int done = 0; done < 500;) {
      auto grants = node.claim("work", 500);
      auto answers = std::make_shared<Answers>(grants.size());
      std::vector<actors::Answer> completes;
      for (const auto& grant : grants) {
        actors::Answer complete;
        complete.receipt = {grant.shard, {grant.entry, grant.attempt, grant.nonce}};
        complete.verb = Verb::complete;
        completes.push_back(complete);
      }
      node->answer(completes, answers);
      for (const auto& response : answers->wait()) {
        get<model::Outcome>(response);
      }
      done += static_cast<int>(grants.size());
    }
  }
  node.wait_until([&] { return node->stats().subjects_active == 0; });
  CHECK(node->stats().jobs_open == 0);
}

TEST_CASE("many waiting subjects do not each keep an actor") {
  TestNode node(storage::open_memory(1));
  std::vector<model::NewJob> jobs;
  for (int i = 0; i < 2'000; ++i) {
    jobs.push_back(job_for("waits:" + std::to_string(i), std::to_string(i)));
  }
  node.submit_all(std::move(jobs));
  node.wait_until([&] { return node->stats().subjects_active <= 64; });
  std::set<std::string> seen;
  while (seen.size() < 2'000) {
    for (const auto& grant : node.claim("work", 100)) {
      seen.insert(grant.payload);
      get<model::Outcome>(node.complete(grant));
    }
  }
}

} // namespace
} // namespace turnwise::tests
