// Turns for outside code, and pauses, through the whole engine.
#include "tests/actors/harness.hpp"

namespace turnwise::tests {
namespace {

using model::JobState;

actors::HoldRequest hold_of(const std::string& subject, model::OnBusy on_busy = model::OnBusy::skip, milliseconds ttl = 10s,
                            milliseconds wait = 10s) {
  actors::HoldRequest request;
  request.subject = subject;
  request.owner = "web-1";
  request.ttl = ttl;
  request.on_busy = on_busy;
  request.wait = wait;
  return request;
}

std::shared_ptr<Answers> begin_hold(TestNode& node, actors::HoldRequest request) {
  auto answers = std::make_shared<Answers>(1);
  node->hold(std::move(request), {answers, 0});
  return answers;
}

model::Response hold(TestNode& node, actors::HoldRequest request) {
  return begin_hold(node, std::move(request))->wait().front();
}

model::JobId id_of(const model::HoldGrant& grant) {
  return {grant.shard, grant.entry};
}

model::Response renew(TestNode& node, const model::HoldGrant& grant, std::optional<milliseconds> ttl = {}) {
  auto answers = std::make_shared<Answers>(1);
  node->renew_hold({id_of(grant), grant.fencing_token}, ttl, {answers, 0});
  return answers->wait().front();
}

model::Response release(TestNode& node, const model::HoldGrant& grant) {
  auto answers = std::make_shared<Answers>(1);
  node->release_hold({id_of(grant), grant.fencing_token}, {answers, 0});
  return answers->wait().front();
}

model::PauseChanged pause(TestNode& node, const std::string& subject) {
  auto answers = std::make_shared<Answers>(1);
  node->pause(subject, "ann", "incident 7", {answers, 0});
  return get<model::PauseChanged>(answers->wait().front());
}

void resume(TestNode& node, const std::string& subject) {
  auto answers = std::make_shared<Answers>(1);
  node->resume(subject, "ann", {answers, 0});
  CHECK_FALSE(get<model::PauseChanged>(answers->wait().front()).pause);
}

TEST_CASE("a hold keeps jobs from their turn until it is given back, and its token fits between theirs") {
  TestNode node(storage::open_memory(4));
  const auto grant = get<model::HoldGrant>(hold(node, hold_of("a:1")));
  node.submit(job_for("a:1"));
  CHECK(node.claim("work", 1, 100ms).empty());
  CHECK(node.subject("a:1").turn->fencing_token == grant.fencing_token);
  get<model::HoldGone>(release(node, grant));
  const auto job = node.claim("work").at(0);
  CHECK(job.fencing_token > grant.fencing_token);
  get<model::SubjectBusy>(hold(node, hold_of("a:1")));
  node.complete(job);
  CHECK(get<model::HoldGrant>(hold(node, hold_of("a:1"))).fencing_token > job.fencing_token);
}

TEST_CASE("a hold that waits gets the turn when it comes, before younger jobs") {
  TestNode node(storage::open_memory(1));
  node.submit(job_for("a:1"));
  const auto first = node.claim("work").at(0);
  const auto waiting = begin_hold(node, hold_of("a:1", model::OnBusy::wait));
  node.wait_until([&] { return node.subject("a:1").queue_length == 2; });
  node.submit(job_for("a:1"));
  node.complete(first);
  const auto grant = get<model::HoldGrant>(waiting->wait().front());
  CHECK(node.claim("work", 1, 100ms).empty());
  get<model::HoldGone>(release(node, grant));
  CHECK(node.claim("work").size() == 1);
}

TEST_CASE("a wait for a turn ends, and other jobs are not kept from theirs by it") {
  TestNode node(storage::open_memory(1));
  node.submit(job_for("a:1"));
  const auto first = node.claim("work").at(0);
  const auto busy = get<model::SubjectBusy>(hold(node, hold_of("a:1", model::OnBusy::wait, 10s, 50ms)));
  REQUIRE(busy.turn);
  CHECK(busy.turn->fencing_token == first.fencing_token);
  CHECK(node.subject("a:1").queue_length == 1);
}

TEST_CASE("a hold whose owner is silent expires; renewed, it lives; then its token is worth nothing") {
  TestNode node(storage::open_memory(1));
  const auto grant = get<model::HoldGrant>(hold(node, hold_of("a:1", model::OnBusy::skip, 300ms)));
  CHECK(get<model::Extended>(renew(node, grant, 400ms)).lease == 400ms);
  node.submit(job_for("a:1"));
  const auto job = node.claim("work").at(0); // only when the hold is over
  CHECK(get_error(renew(node, grant)) == model::Errc::stale_fence);
  CHECK(get_error(release(node, grant)) == model::Errc::stale_fence);
  node.complete(job);
}

TEST_CASE("a hold survives a restart like a lease; one that waits for its turn is given up") {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(1));
  std::optional<model::HoldGrant> grant;
  std::shared_ptr<Answers> waiting;
  {
    TestNode node(store);
    grant = get<model::HoldGrant>(hold(node, hold_of("a:1")));
    waiting = begin_hold(node, hold_of("a:1", model::OnBusy::wait));
    node.wait_until([&] { return node.subject("a:1").queue_length == 2; });
  }
  CHECK(get_error(waiting->wait().front()) == model::Errc::unavailable);
  TestNode node(store);
  node.submit(job_for("a:1"));
  CHECK(node.claim("work", 1, 100ms).empty());
  get<model::Extended>(renew(node, *grant));
  get<model::HoldGone>(release(node, *grant));
  CHECK(node.claim("work").size() == 1);
}

TEST_CASE("a deferred hold leaves a job behind") {
  TestNode node(storage::open_memory(1));
  node.submit(job_for("a:1"));
  auto request = hold_of("a:1", model::OnBusy::defer);
  request.deferred = job_for("a:1", "7");
  get<model::Accepted>(hold(node, request));
  node.complete(node.claim("work").at(0));
  CHECK(node.claim("work").at(0).payload == "7");
}

TEST_CASE("a pause holds over a restart, and the job that runs goes on to its end") {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(1));
  {
    TestNode node(store);
    node.submit(job_for("a:1"));
    const auto running = node.claim("work").at(0);
    node.submit(job_for("a:1"));
    CHECK(pause(node, "a:1").pause->by == "ann");
    CHECK(get<model::Outcome>(node.complete(running)).state == JobState::succeeded);
    CHECK(node.claim("work", 1, 100ms).empty());
  }
  TestNode node(store);
  CHECK(node.claim("work", 1, 100ms).empty());
  const auto view = node.subject("a:1");
  REQUIRE(view.pause);
  CHECK(view.pause->why == "incident 7");
  CHECK(view.jobs.at(0).reason == model::WaitReason::paused);
  resume(node, "a:1");
  CHECK(node.claim("work").size() == 1);
}

TEST_CASE("a subject without any job is paused and resumed") {
  TestNode node(storage::open_memory(1));
  pause(node, "a:1");
  get<model::Accepted>(node.submit(job_for("a:1")));
  CHECK(node.claim("work", 1, 100ms).empty());
  get<model::SubjectBusy>(hold(node, hold_of("a:1")));
  resume(node, "a:1");
  CHECK(node.claim("work").size() == 1);
  resume(node, "a:2");
}

} // namespace
} // namespace turnwise::tests
