// The story of a job, and the verdict on answers that come after the end.
#include "tests/model/fixture.hpp"

#include "model/job_story.hpp"
#include "model/limits.hpp"

namespace turnwise::model {

namespace {

StoryBuilder builder_of(const Fixture& desk, EntryNumber entry) {
  StoryBuilder builder{ShardId{7}, entry};
  for (const auto& [sequence, record] : desk.journal) {
    if (record.entry == entry) {
      builder.add(sequence, record);
    }
  }
  return builder;
}

JobStory story_of(const Fixture& desk, EntryNumber entry) {
  auto story = builder_of(desk, entry).finish();
  REQUIRE(story);
  return *story;
}

Outcome outcome_of(const Fixture& desk, const Claim& claim) {
  const Response response = builder_of(desk, claim.entry).judge(claim);
  REQUIRE(std::holds_alternative<Outcome>(response));
  return std::get<Outcome>(response);
}

Errc refusal_of(const Fixture& desk, const Claim& claim) {
  const Response response = builder_of(desk, claim.entry).judge(claim);
  REQUIRE(std::holds_alternative<Error>(response));
  return std::get<Error>(response).code;
}

} // namespace

TEST_CASE("a story tells a job from its submission to its success") {
  Fixture desk;
  NewJob job = desk.job();
  job.payload = "[42]";
  const Accepted accepted = desk.submit(job);
  const WallTime submitted_at = desk.now.wall;
  CHECK(story_of(desk, accepted.entry).state == JobState::waiting);
  desk.pass(1s);
  const Claim claim = desk.begin();
  const WallTime started_at = desk.now.wall;
  const auto token = desk.journal.back().first;
  CHECK(story_of(desk, accepted.entry).attempts.at(0).outcome == "running");
  desk.pass(1s);
  desk.complete(claim);

  const JobStory story = story_of(desk, accepted.entry);
  CHECK(story.shard == ShardId{7});
  CHECK(story.entry == accepted.entry);
  CHECK(story.job.payload == "[42]");
  CHECK(story.state == JobState::succeeded);
  CHECK(story.submitted_at == submitted_at);
  CHECK(story.finished_at == desk.now.wall);
  CHECK(story.result == "{}");
  CHECK(story.attempt == Attempt{1});
  REQUIRE(story.attempts.size() == 1);
  CHECK(story.attempts[0].worker == "worker-1");
  CHECK(story.attempts[0].fencing_token == FencingToken{token.value()});
  CHECK(story.attempts[0].started_at == started_at);
  CHECK(story.attempts[0].ended_at == desk.now.wall);
  CHECK(story.attempts[0].outcome == "succeeded");
}

TEST_CASE("a story tells each failed attempt and why the job failed") {
  Fixture desk;
  desk.policy.max_attempts = 2;
  desk.policy.on_failure = OnFailure::discard;
  desk.policy.backoff = {.initial = 5s, .factor = 1, .max = 5s, .jitter = Jitter::none};
  const Accepted job = desk.submit();
  desk.fail(desk.begin());
  CHECK(story_of(desk, job.entry).state == JobState::retrying);
  CHECK(story_of(desk, job.entry).retry_at == desk.now.wall + 5s);
  desk.pass(5s);
  desk.begin();
  CHECK_FALSE(story_of(desk, job.entry).retry_at);
  desk.pass(60s);
  desk.tick();

  const JobStory story = story_of(desk, job.entry);
  CHECK(story.state == JobState::failed);
  CHECK(story.failures == 2);
  CHECK(story.failure == "The worker was silent for longer than its lease.");
  REQUIRE(story.attempts.size() == 2);
  CHECK(story.attempts[0].outcome == "failed");
  CHECK(story.attempts[0].error == "no luck");
  CHECK(story.attempts[1].outcome == "expired");
}

TEST_CASE("a story tells releases, retries by hand, requests to stop and replacements") {
  Fixture desk;
  NewJob job = desk.job();
  job.coalesce = Coalesce::replace;
  job.payload = "1";
  const Accepted accepted = desk.submit(job);
  job.payload = "2";
  job.fingerprint = 2;
  desk.submit(job);
  desk.release(desk.begin());
  desk.fail(desk.begin(), Retry::never);
  CHECK(story_of(desk, accepted.entry).failures == 1);
  CHECK(story_of(desk, accepted.entry).state == JobState::parked);
  desk.tell(RetryNow{accepted.entry, {}});
  CHECK(story_of(desk, accepted.entry).failures == 0);
  const Claim claim = desk.begin();
  desk.tell(Cancel{accepted.entry, {}});
  CHECK(story_of(desk, accepted.entry).cancel_requested);
  desk.fail(claim);

  const JobStory story = story_of(desk, accepted.entry);
  CHECK(story.job.payload == "2");
  CHECK(story.job.fingerprint == 2);
  CHECK(story.state == JobState::cancelled);
  CHECK(story.failure.empty());
  REQUIRE(story.attempts.size() == 3);
  CHECK(story.attempts[0].outcome == "released");
}

TEST_CASE("a story tells until when a job was given back, and of which trace it is a part") {
  Fixture desk;
  NewJob job = desk.job();
  job.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const Accepted accepted = desk.submit(job);
  desk.release(desk.begin(), 5s);
  const JobStory story = story_of(desk, accepted.entry);
  CHECK(story.state == JobState::retrying);
  CHECK(story.retry_at == desk.now.wall + 5s);
  CHECK(story.failures == 0);
  CHECK(story.job.traceparent == job.traceparent);
}

TEST_CASE("a story tells that a wait ran out") {
  Fixture desk;
  NewJob job = desk.job();
  job.expires_at = desk.now.wall + 5s;
  job.delay = 1s;
  const Accepted accepted = desk.submit(job);
  CHECK(story_of(desk, accepted.entry).state == JobState::scheduled);
  desk.pass(1s);
  desk.tick();
  CHECK(story_of(desk, accepted.entry).state == JobState::waiting);
  desk.pass(4s);
  desk.tick();
  const JobStory story = story_of(desk, accepted.entry);
  CHECK(story.state == JobState::failed);
  CHECK(story.failure == "The job was still waiting when its expires_at came.");
  CHECK(story.finished_at == desk.now.wall);
}

TEST_CASE("a story shows the last attempts and counts all") {
  Fixture desk;
  const Accepted job = desk.submit();
  for (std::size_t attempt = 0; attempt < attempts_shown_max + 5; ++attempt) {
    desk.release(desk.begin());
  }
  const JobStory story = story_of(desk, job.entry);
  CHECK(story.attempt == Attempt{attempts_shown_max + 5});
  REQUIRE(story.attempts.size() == attempts_shown_max);
  CHECK(story.attempts.front().attempt == Attempt{6});
}

TEST_CASE("there is no story without a submission") {
  StoryBuilder builder{ShardId{1}, EntryNumber{1}};
  builder.add(Sequence{2}, {EntryNumber{1}, {}, Started{}});
  CHECK(std::get<Error>(builder.judge({EntryNumber{1}, Attempt{}, {}})).code == Errc::not_found);
  CHECK_FALSE(std::move(builder).finish());
}

TEST_CASE("a repeated answer hears the outcome that stands") {
  Fixture desk;
  desk.random = ~std::uint64_t{0};
  desk.submit();
  const Claim failed = desk.begin();
  const Outcome outcome = desk.fail(failed);
  CHECK(outcome_of(desk, failed).state == JobState::retrying);
  CHECK(outcome_of(desk, failed).retry_at == outcome.retry_at);
  desk.pass(1h);
  const Claim completed = desk.begin();
  desk.complete(completed);
  CHECK(outcome_of(desk, completed).state == JobState::succeeded);
  CHECK(refusal_of(desk, failed) == Errc::stale_fence);
}

TEST_CASE("an answer with the wrong nonce or attempt is stale after the end, too") {
  Fixture desk;
  desk.submit();
  const Claim claim = desk.begin();
  desk.complete(claim);
  Claim other = claim;
  other.nonce = desk.fresh_nonce();
  CHECK(refusal_of(desk, other) == Errc::stale_fence);
  other = claim;
  other.attempt = Attempt{2};
  CHECK(refusal_of(desk, other) == Errc::stale_fence);
  const Accepted cancelled = desk.submit();
  desk.tell(Cancel{cancelled.entry, {}});
  CHECK(refusal_of(desk, {cancelled.entry, Attempt{0}, {}}) == Errc::stale_fence);
}

TEST_CASE("a late success overwrites the expiry of its attempt") {
  Fixture desk;
  const Accepted job = desk.submit();
  const Claim claim = desk.begin();
  desk.pass(60s);
  desk.tick();
  CHECK(story_of(desk, job.entry).attempts.at(0).outcome == "expired");
  desk.complete(claim);
  const JobStory story = story_of(desk, job.entry);
  CHECK(story.attempts.at(0).outcome == "succeeded");
  CHECK(story.attempts.at(0).error.empty());
  CHECK(outcome_of(desk, claim).state == JobState::succeeded);
}

} // namespace turnwise::model
