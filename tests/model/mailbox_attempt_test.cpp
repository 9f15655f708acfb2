// Attempts: the turn, and every way in which it ends.
#include "tests/model/fixture.hpp"

#include "model/limits.hpp"

namespace turnwise::model {

TEST_CASE("a start grants the turn for the oldest job") {
  Fixture desk;
  desk.policy.lease = 10s;
  const Accepted job = desk.submit();
  desk.submit();
  const Grant grant = desk.start();
  CHECK(grant.shard == ShardId{7});
  CHECK(grant.entry == job.entry);
  CHECK(grant.attempt == Attempt{1});
  CHECK(grant.kind == "build");
  CHECK(grant.lease == 10s);
  CHECK(grant.deadline == desk.now.mono + 10'100ms);
  REQUIRE(desk.events() == std::vector{Event::started});
  const auto& body = std::get<Started>(desk.journal.back().second.body);
  CHECK(body == Started{Attempt{1}, grant.nonce, "worker-1", desk.policy});
}

TEST_CASE("nothing starts while a turn is open") {
  Fixture desk;
  desk.submit();
  desk.submit();
  desk.begin();
  desk.cannot_start();
  CHECK(desk.events().empty());
}

TEST_CASE("nothing starts that is of another kind than the head") {
  Fixture desk;
  desk.submit("build");
  desk.submit("test");
  desk.cannot_start("test");
  desk.cannot_start("unheard_of");
}

TEST_CASE("nothing starts in an empty mailbox") {
  Fixture desk;
  desk.cannot_start();
}

TEST_CASE("a completed job is closed and the next one can start") {
  Fixture desk;
  desk.submit();
  const Accepted next = desk.submit();
  const Claim claim = desk.begin();
  CHECK(desk.complete(claim).state == JobState::succeeded);
  CHECK(std::get<Succeeded>(desk.journal.back().second.body) == Succeeded{Attempt{1}, "{}"});
  CHECK(desk.mailbox.open_count() == 1);
  CHECK(desk.begin().entry == next.entry);
}

TEST_CASE("what concerns a closed job is for the journal to answer") {
  Fixture desk;
  desk.submit();
  const Claim claim = desk.begin();
  desk.complete(claim);
  for (const Command& command :
       std::vector<Command>{Complete{claim, "{}", {}}, Fail{claim, "", {}, {}, {}}, Release{claim, {}}, Heartbeat{claim, {}},
                            Cancel{claim.entry, {}}, RetryNow{claim.entry, {}}}) {
    desk.tell(command);
    REQUIRE(desk.actions.size() == 1);
    const auto* asked = std::get_if<AskJournal>(&desk.actions[0]);
    REQUIRE(asked != nullptr);
    CHECK(asked->command.index() == command.index());
  }
}

TEST_CASE("a failed attempt is tried again in its place after the backoff") {
  Fixture desk;
  desk.policy.backoff = {.initial = 4s, .factor = 2, .max = 60s, .jitter = Jitter::none};
  const Accepted job = desk.submit();
  desk.submit();
  const Outcome outcome = desk.fail(desk.begin());
  CHECK(outcome.state == JobState::retrying);
  CHECK(outcome.retry_at == desk.now.wall + 4s);
  const auto& body = std::get<AttemptFailed>(desk.journal.back().second.body);
  CHECK(body == AttemptFailed{Attempt{1}, FailureCause::failed, JobState::retrying, outcome.retry_at, "no luck"});

  desk.pass(4s - 1us);
  desk.cannot_start();
  desk.pass(1us);
  const Claim second = desk.begin();
  CHECK(second.entry == job.entry);
  CHECK(second.attempt == Attempt{2});
  CHECK(desk.fail(second).retry_at == desk.now.wall + 8s);
}

TEST_CASE("a worker may say when to retry") {
  Fixture desk;
  desk.submit();
  const Outcome outcome = desk.ask<Outcome>(Fail{desk.begin(), "busy", Retry::by_policy, 90s, {}});
  CHECK(outcome.retry_at == desk.now.wall + 90s);
}

TEST_CASE("the error text is well-formed and bounded") {
  Fixture desk;
  desk.submit();
  desk.ask<Outcome>(Fail{desk.begin(), "bad \xFF" + std::string(100'000, 'x'), Retry::by_policy, {}, {}});
  const auto& body = std::get<AttemptFailed>(desk.journal.back().second.body);
  CHECK(body.error.size() == error_bytes_max);
  CHECK(body.error.starts_with("bad \xEF\xBF\xBDx"));
}

TEST_CASE("a job out of attempts ends as its policy says") {
  Fixture desk;
  desk.policy.max_attempts = 2;
  desk.policy.backoff.initial = 0ms;
  const auto [on_failure, state] = GENERATE(table<OnFailure, JobState>(
      {{OnFailure::park, JobState::parked}, {OnFailure::halt, JobState::halted}, {OnFailure::discard, JobState::failed}}));
  desk.policy.on_failure = on_failure;
  desk.submit();
  const Accepted next = desk.submit();
  CHECK(desk.fail(desk.begin()).state == JobState::retrying);
  CHECK(desk.fail(desk.begin()).state == state);
  CHECK(desk.mailbox.open_count() == (state == JobState::failed ? 1U : 2U));
  if (state == JobState::halted) {
    desk.cannot_start();
    CHECK(desk.mailbox.head(desk.now).status == Head::Status::stopped);
  } else {
    CHECK(desk.begin().entry == next.entry);
  }
}

TEST_CASE("a failure that is not to be retried uses up all attempts") {
  Fixture desk;
  desk.submit();
  CHECK(desk.fail(desk.begin(), Retry::never).state == JobState::parked);
}

TEST_CASE("the same failure told twice is for the journal to answer") {
  Fixture desk;
  desk.submit();
  const Claim claim = desk.begin();
  desk.fail(claim);
  desk.tell(Fail{claim, "no luck", {}, {}, {}});
  CHECK(desk.count<AskJournal>() == 1);
  CHECK(desk.actions.size() == 1);
}

TEST_CASE("an attempt that is given back does not count") {
  Fixture desk;
  desk.policy.max_attempts = 1;
  desk.submit();
  CHECK(desk.release(desk.begin()).state == JobState::waiting);
  CHECK(desk.events() == std::vector{Event::released});
  const Claim second = desk.begin();
  CHECK(second.attempt == Attempt{2});
  CHECK(desk.release(second).state == JobState::waiting);
  CHECK(desk.fail(desk.begin()).state == JobState::parked);
}

TEST_CASE("an attempt that is given back for later keeps its place and does not count") {
  Fixture desk;
  desk.policy.max_attempts = 1;
  const Accepted first = desk.submit();
  desk.submit();
  const Outcome outcome = desk.release(desk.begin(), 5s);
  CHECK(outcome.state == JobState::retrying);
  CHECK(outcome.retry_at == desk.now.wall + 5s);
  CHECK(desk.mailbox.next_timer(desk.now) == desk.now.mono + 5s);
  desk.cannot_start(); // nor the younger one
  desk.pass(5s);
  const Claim again = desk.begin();
  CHECK(again.entry == first.entry);
  CHECK(again.attempt == Attempt{2});
  CHECK(desk.fail(again).state == JobState::parked); // the first attempt that counts
}

TEST_CASE("a job that was given back for later still expires") {
  Fixture desk;
  NewJob job = desk.job();
  job.expires_at = desk.now.wall + 5s;
  desk.submit(job);
  const Claim claim = desk.begin();
  desk.pass(6s); // while it runs, that means nothing
  desk.tick();
  CHECK(desk.events().empty());
  desk.release(claim, 10s);
  desk.tick();
  CHECK(desk.events() == std::vector{Event::wait_expired});
}

TEST_CASE("a job that was asked to stop is not put off") {
  Fixture desk;
  const Accepted accepted = desk.submit();
  const Claim claim = desk.begin();
  desk.tell(Cancel{accepted.entry, {}});
  CHECK(desk.release(claim, 10s).state == JobState::cancelled);
}

TEST_CASE("the answer of an older attempt is stale") {
  Fixture desk;
  desk.policy.backoff.initial = 0ms;
  desk.submit();
  const Claim first = desk.begin();
  desk.fail(first);
  const Claim second = desk.begin();
  CHECK(desk.refused(Complete{first, "{}", {}}) == Errc::stale_fence);
  CHECK(desk.refused(Fail{first, "", {}, {}, {}}) == Errc::stale_fence);
  CHECK(desk.refused(Release{first, {}}) == Errc::stale_fence);
  CHECK(desk.refused(Heartbeat{first, {}}) == Errc::stale_fence);
  CHECK(desk.events().empty());
  CHECK(desk.complete(second).state == JobState::succeeded);
}

TEST_CASE("an answer with another nonce or from the future is stale") {
  Fixture desk;
  desk.submit();
  Claim claim = desk.begin();
  Claim other = claim;
  other.nonce = desk.fresh_nonce();
  CHECK(desk.refused(Complete{other, "{}", {}}) == Errc::stale_fence);
  other = claim;
  other.attempt = Attempt{2};
  CHECK(desk.refused(Complete{other, "{}", {}}) == Errc::stale_fence);
  desk.release(claim);
  CHECK(desk.refused(Complete{other, "{}", {}}) == Errc::stale_fence);
}

TEST_CASE("a heartbeat extends the lease from now on") {
  Fixture desk;
  desk.policy.lease = 10s;
  desk.submit();
  const Claim claim = desk.begin();
  desk.pass(9s);
  const Extended extended = desk.heartbeat(claim);
  CHECK(extended.lease == 10s);
  CHECK_FALSE(extended.cancel);
  CHECK(desk.events().empty());
  CHECK(desk.mailbox.next_timer(desk.now) == desk.now.mono + 10'100ms);
  desk.pass(10s);
  desk.tick();
  CHECK(desk.actions.empty());
}

TEST_CASE("a silent worker loses its lease, but a late success still counts") {
  Fixture desk;
  desk.policy.lease = 10s;
  desk.submit();
  const Claim claim = desk.begin();
  desk.pass(10'099ms);
  desk.tick();
  CHECK(desk.actions.empty());
  desk.pass(1ms);
  desk.tick();
  REQUIRE(desk.events() == std::vector{Event::expired});
  CHECK(desk.refused(Heartbeat{claim, {}}) == Errc::stale_fence);
  CHECK(desk.complete(claim).state == JobState::succeeded);
  CHECK(desk.mailbox.empty());
}

TEST_CASE("a late failure or release hears what became of the job") {
  Fixture desk;
  desk.random = ~std::uint64_t{0};
  desk.submit();
  const Claim claim = desk.begin();
  desk.pass(60s);
  desk.tick();
  const Outcome outcome = desk.fail(claim);
  CHECK(outcome.state == JobState::retrying);
  CHECK(outcome.retry_at == desk.now.wall + 1s);
  CHECK(desk.events().empty());
  CHECK(desk.release(claim).state == JobState::retrying);
  CHECK(desk.events().empty());
}

TEST_CASE("a late success of a superseded attempt is stale") {
  Fixture desk;
  desk.policy.backoff.initial = 0ms;
  desk.submit();
  const Claim first = desk.begin();
  desk.pass(60s);
  desk.tick();
  desk.begin();
  CHECK(desk.refused(Complete{first, "{}", {}}) == Errc::stale_fence);
}

TEST_CASE("a late success reaches a parked and a halted job") {
  Fixture desk;
  desk.policy.max_attempts = 1;
  desk.policy.on_failure = GENERATE(OnFailure::park, OnFailure::halt);
  desk.submit();
  const Claim claim = desk.begin();
  desk.pass(60s);
  desk.tick();
  CHECK(desk.complete(claim).state == JobState::succeeded);
  CHECK(desk.mailbox.empty());
}

TEST_CASE("a late success does not disturb the turn of another job") {
  Fixture desk;
  desk.policy.max_attempts = 1;
  desk.submit();
  desk.submit();
  const Claim late = desk.begin();
  desk.pass(60s);
  desk.tick();
  const Claim current = desk.begin();
  desk.complete(late);
  desk.cannot_start();
  CHECK(desk.complete(current).state == JobState::succeeded);
}

TEST_CASE("an attempt that runs too long is ended although its worker is alive") {
  Fixture desk;
  desk.policy.lease = 10s;
  desk.policy.timeout = 12s;
  desk.submit();
  const Claim claim = desk.begin();
  desk.pass(8s);
  // One percent later than by an exact clock, and the worker is told no more than what is left.
  CHECK(desk.heartbeat(claim).lease == 4'079ms);
  CHECK(desk.mailbox.next_timer(desk.now) == desk.now.mono + 4'120ms);
  desk.pass(4'120ms);
  desk.tick();
  CHECK(desk.events() == std::vector{Event::timed_out});
}

TEST_CASE("no worker is told a lease that outlasts the attempt's timeout") {
  Fixture desk;
  desk.policy.lease = 30s;
  desk.policy.timeout = 5s;
  desk.submit();
  const Claim claim = desk.begin();
  CHECK(std::get<Grant>(std::get<Reply>(desk.actions.back()).response).lease == 5s);
  desk.pass(5s);
  CHECK(desk.heartbeat(claim).lease == 49ms); // of the percent
  desk.pass(1h);
  CHECK(desk.heartbeat(claim).lease == 0ms);
}

} // namespace turnwise::model
