// Cancelling and retrying by hand, schedules and waits that run out.
#include "tests/model/fixture.hpp"

#include "model/limits.hpp"

namespace turnwise::model {

TEST_CASE("a job that does not run is cancelled at once") {
  Fixture desk;
  const Accepted job = desk.submit();
  const auto changed = desk.ask<Changed>(Cancel{job.entry, {}});
  CHECK(changed.state == JobState::cancelled);
  CHECK_FALSE(changed.cancel_requested);
  CHECK(desk.events() == std::vector{Event::cancelled});
  CHECK(desk.mailbox.empty());
}

TEST_CASE("scheduled, retrying, halted and parked jobs can be cancelled") {
  Fixture desk;
  NewJob later = desk.job();
  later.delay = 1h;
  CHECK(desk.ask<Changed>(Cancel{desk.submit(later).entry, {}}).state == JobState::cancelled);
  desk.policy.on_failure = OnFailure::halt;
  for (const Retry retry : {Retry::by_policy, Retry::never}) {
    const Accepted job = desk.submit();
    desk.fail(desk.begin(), retry);
    CHECK(desk.ask<Changed>(Cancel{job.entry, {}}).state == JobState::cancelled);
  }
  desk.policy.on_failure = OnFailure::park;
  const Accepted job = desk.submit();
  desk.fail(desk.begin(), Retry::never);
  CHECK(desk.ask<Changed>(Cancel{job.entry, {}}).state == JobState::cancelled);
  CHECK(desk.mailbox.empty());
}

TEST_CASE("a running job is asked to stop, once") {
  Fixture desk;
  const Accepted job = desk.submit();
  const Claim claim = desk.begin();
  const auto changed = desk.ask<Changed>(Cancel{job.entry, {}});
  CHECK(changed.state == JobState::running);
  CHECK(changed.cancel_requested);
  CHECK(desk.events() == std::vector{Event::cancel_requested});
  CHECK(desk.heartbeat(claim).cancel);

  CHECK(desk.ask<Changed>(Cancel{job.entry, {}}).cancel_requested);
  CHECK(desk.events().empty());
}

TEST_CASE("a success wins over a request to stop") {
  Fixture desk;
  const Accepted job = desk.submit();
  const Claim claim = desk.begin();
  desk.tell(Cancel{job.entry, {}});
  CHECK(desk.complete(claim).state == JobState::succeeded);
}

TEST_CASE("any other ending of a job that was asked to stop cancels it") {
  Fixture desk;
  const Accepted job = desk.submit();
  const Claim claim = desk.begin();
  desk.tell(Cancel{job.entry, {}});
  SECTION("a failure") {
    CHECK(desk.fail(claim).state == JobState::cancelled);
    CHECK(desk.events() == std::vector{Event::failed});
  }
  SECTION("a release") {
    CHECK(desk.release(claim).state == JobState::cancelled);
    CHECK(desk.events() == std::vector{Event::failed});
  }
  SECTION("a lease that runs out") {
    desk.pass(60s);
    desk.tick();
    CHECK(desk.events() == std::vector{Event::expired});
  }
  CHECK(std::get<AttemptFailed>(desk.journal.back().second.body).next == JobState::cancelled);
  CHECK(desk.mailbox.empty());
}

TEST_CASE("a parked job that is retried runs before younger ones, with all its attempts") {
  Fixture desk;
  desk.policy.max_attempts = 2;
  desk.policy.backoff.initial = 0ms;
  const Accepted parked = desk.submit();
  const Accepted running = desk.submit();
  desk.submit();
  desk.fail(desk.begin(), Retry::never);
  const Claim younger = desk.begin();
  CHECK(younger.entry == running.entry);

  CHECK(desk.ask<Changed>(RetryNow{parked.entry, {}}).state == JobState::waiting);
  CHECK(desk.events() == std::vector{Event::retried});
  desk.cannot_start();
  CHECK(desk.view(parked.entry).reason == WaitReason::behind_turn);
  CHECK(desk.view(parked.entry).behind == running.entry);
  CHECK(desk.view(parked.entry).position == 1);
  desk.complete(younger);
  const Claim again = desk.begin();
  CHECK(again.entry == parked.entry);
  CHECK(again.attempt == Attempt{2});
  CHECK(desk.fail(again).state == JobState::retrying);
}

TEST_CASE("a halted and a retrying job are retried in their place") {
  Fixture desk;
  desk.random = ~std::uint64_t{0};
  desk.policy.on_failure = OnFailure::halt;
  const Accepted job = desk.submit();
  desk.fail(desk.begin(), GENERATE(Retry::never, Retry::by_policy));
  desk.cannot_start();
  CHECK(desk.ask<Changed>(RetryNow{job.entry, {}}).state == JobState::waiting);
  CHECK(desk.begin().attempt == Attempt{2});
}

TEST_CASE("a scheduled job that is retried enters now") {
  Fixture desk;
  NewJob later = desk.job();
  later.delay = 1h;
  const Accepted job = desk.submit(later);
  CHECK(desk.ask<Changed>(RetryNow{job.entry, {}}).state == JobState::waiting);
  CHECK(desk.events() == std::vector{Event::due});
  CHECK(desk.begin().entry == job.entry);
}

TEST_CASE("a waiting and a running job cannot be retried") {
  Fixture desk;
  const Accepted job = desk.submit();
  CHECK(desk.refused(RetryNow{job.entry, {}}) == Errc::wrong_state);
  desk.begin();
  const auto error = desk.ask<Error>(RetryNow{job.entry, {}});
  CHECK(error.code == Errc::wrong_state);
  CHECK(error.detail.starts_with("The job is running"));
}

TEST_CASE("a job is due at its run_at, at the place of its number") {
  Fixture desk;
  NewJob later = desk.job();
  later.delay = 5s;
  const Accepted first = desk.submit(later);
  const Accepted second = desk.submit();
  CHECK(desk.mailbox.next_timer(desk.now) == desk.now.mono + 5s);
  desk.pass(5s);
  desk.tick();
  CHECK(desk.events() == std::vector{Event::due});
  CHECK(desk.begin().entry == first.entry);
  CHECK(desk.view(second.entry).position == 1);
}

TEST_CASE("a start finds what became due since the last tick") {
  Fixture desk;
  NewJob later = desk.job();
  later.delay = 5s;
  const Accepted older = desk.submit(later);
  desk.submit();
  desk.pass(6s);
  CHECK(desk.begin().entry == older.entry);
  CHECK(desk.events() == std::vector{Event::due, Event::started});
}

TEST_CASE("a job that nobody starts in time fails") {
  Fixture desk;
  NewJob job = desk.job();
  job.expires_at = desk.now.wall + 5s;
  job.delay = GENERATE(0s, 10s); // waiting, scheduled
  desk.submit(job);
  desk.pass(5s - 1us);
  desk.tick();
  CHECK(desk.actions.empty());
  desk.pass(1us);
  if (GENERATE(true, false)) {
    desk.tick();
  } else {
    desk.cannot_start(); // a start that comes too late finds it out as well
  }
  CHECK(desk.events() == std::vector{Event::wait_expired});
  CHECK(desk.mailbox.empty());
}

TEST_CASE("a running job is not touched by its expires_at, but it does not back off past it") {
  Fixture desk;
  desk.random = ~std::uint64_t{0};
  NewJob job = desk.job();
  job.expires_at = desk.now.wall + 5s;
  desk.submit(job);
  const Claim claim = desk.begin();
  desk.pass(6s);
  desk.tick();
  CHECK(desk.actions.empty());
  SECTION("a success counts") {
    CHECK(desk.complete(claim).state == JobState::succeeded);
  }
  SECTION("a failure is the last one") {
    CHECK(desk.fail(claim).state == JobState::retrying);
    desk.tick();
    CHECK(desk.events() == std::vector{Event::wait_expired});
  }
  CHECK(desk.mailbox.empty());
}

TEST_CASE("a job that was retried by hand does not expire any more") {
  Fixture desk;
  NewJob job = desk.job();
  job.expires_at = desk.now.wall + 5s;
  const Accepted accepted = desk.submit(job);
  desk.fail(desk.begin(), Retry::never);
  desk.tell(RetryNow{accepted.entry, {}});
  desk.fail(desk.begin());
  desk.pass(1h);
  desk.tick();
  CHECK(desk.actions.empty());
  CHECK(desk.view(accepted.entry).state == JobState::retrying);
}

TEST_CASE("what many cancelled jobs were waiting for does not disturb the others") {
  Fixture desk;
  NewJob lasting = desk.job();
  lasting.delay = 1h;
  lasting.expires_at = desk.now.wall + 2h;
  const Accepted kept = desk.submit(lasting);
  NewJob passing = desk.job();
  passing.delay = 10s;
  passing.expires_at = desk.now.wall + 20s;
  for (int job = 0; job < 500; ++job) {
    desk.tell(Cancel{desk.submit(passing).entry, {}});
  }
  desk.pass(1min);
  desk.tick();
  CHECK(desk.actions.empty());
  CHECK(desk.mailbox.next_timer(desk.now) == desk.now.mono + 59min);
  desk.pass(59min);
  desk.tick();
  CHECK(desk.events() == std::vector{Event::due});
  CHECK(desk.view(kept.entry).state == JobState::waiting);
  desk.pass(1h);
  desk.tick();
  CHECK(desk.events() == std::vector{Event::wait_expired});
}

TEST_CASE("one tick makes a bounded number of records, and the next goes on") {
  Fixture desk;
  NewJob later = desk.job();
  later.delay = 5s;
  for (std::size_t job = 0; job < tick_records_max + 10; ++job) {
    desk.submit(later);
  }
  desk.pass(5s);
  desk.cannot_start(); // not settled yet: an older one might still be outside
  CHECK(desk.events().size() == tick_records_max);
  CHECK(desk.mailbox.next_timer(desk.now) <= desk.now.mono);
  desk.tick();
  CHECK(desk.events().size() == 10);
  CHECK_FALSE(desk.mailbox.next_timer(desk.now));
}

} // namespace turnwise::model
