// What people see, and what the carrier asks: head, timers, views.
#include "tests/model/fixture.hpp"

namespace turnwise::model {

TEST_CASE("the head says what the next step waits for") {
  Fixture desk;
  desk.policy.backoff.jitter = Jitter::none;
  const auto status = [&] { return desk.mailbox.head(desk.now).status; };
  CHECK(status() == Head::Status::empty);
  const Accepted job = desk.submit();
  desk.submit("test");
  const Head head = desk.mailbox.head(desk.now);
  CHECK(head.status == Head::Status::ready);
  CHECK(head.entry == job.entry);
  CHECK(desk.kinds.name(head.kind) == "build");
  const Claim claim = desk.begin();
  CHECK(status() == Head::Status::busy);
  desk.fail(claim);
  CHECK(status() == Head::Status::later);
  desk.pass(1s);
  CHECK(status() == Head::Status::ready);
  desk.policy.on_failure = OnFailure::halt;
  desk.fail(desk.begin(), Retry::never);
  CHECK(status() == Head::Status::stopped);
}

TEST_CASE("the timer is set for what comes first, and for nothing that has come") {
  Fixture desk;
  desk.policy.backoff.jitter = Jitter::none;
  CHECK_FALSE(desk.mailbox.next_timer(desk.now));
  desk.submit();
  CHECK_FALSE(desk.mailbox.next_timer(desk.now));
  const Claim claim = desk.begin();
  CHECK(desk.mailbox.next_timer(desk.now) == desk.now.mono + 30'300ms);
  desk.fail(claim);
  CHECK(desk.mailbox.next_timer(desk.now) == desk.now.mono + 1s);
  desk.pass(1s);
  CHECK_FALSE(desk.mailbox.next_timer(desk.now)); // it can start: a worker is what it waits for
}

TEST_CASE("a subject tells who has the turn") {
  Fixture desk;
  desk.policy.lease = 10s;
  const Accepted job = desk.submit();
  CHECK_FALSE(desk.describe().turn);
  desk.begin();
  const WallTime started_at = desk.now.wall;
  desk.pass(2s);
  desk.tell(Cancel{job.entry, {}});
  const SubjectView view = desk.describe();
  REQUIRE(view.turn);
  CHECK(view.turn->entry == job.entry);
  CHECK(view.turn->attempt == Attempt{1});
  CHECK(view.turn->worker == "worker-1");
  CHECK(view.turn->started_at == started_at);
  CHECK(view.turn->deadline == started_at + 10'100ms);
  CHECK(view.turn->cancel_requested);
}

TEST_CASE("a subject tells why each job waits") {
  Fixture desk;
  desk.policy.backoff.jitter = Jitter::none;
  desk.policy.on_failure = OnFailure::park;
  const Accepted parked = desk.submit();
  desk.fail(desk.begin(), Retry::never);
  NewJob later = desk.job();
  later.delay = 1h;
  const Accepted scheduled = desk.submit(later);
  const Accepted first = desk.submit();
  const Accepted second = desk.submit("test");
  const auto reason = [&](const Accepted& job) { return desk.view(job.entry).reason; };

  CHECK(reason(parked) == WaitReason::parked);
  CHECK(reason(scheduled) == WaitReason::scheduled);
  CHECK(desk.view(scheduled.entry).due == desk.now.wall + 1h);
  CHECK(reason(first) == WaitReason::no_worker);
  CHECK(reason(second) == WaitReason::behind);
  CHECK(desk.view(second.entry).behind == first.entry);
  CHECK(desk.view(second.entry).position == 1);

  const Claim claim = desk.begin();
  CHECK(reason(first) == WaitReason::none);
  CHECK(reason(second) == WaitReason::behind);
  desk.fail(claim);
  CHECK(reason(first) == WaitReason::backing_off);
  CHECK(desk.view(first.entry).due == desk.now.wall + 1s);
  desk.pass(1s);
  CHECK(reason(first) == WaitReason::no_worker);
  desk.policy.on_failure = OnFailure::halt;
  desk.fail(desk.begin(), Retry::never);
  CHECK(reason(first) == WaitReason::halted);
  CHECK(reason(second) == WaitReason::behind);
  CHECK_FALSE(desk.mailbox.view(EntryNumber{1}, desk.context()));
}

TEST_CASE("a subject lists its jobs in order, the mailbox first, up to the limit") {
  Fixture desk;
  NewJob later = desk.job();
  later.delay = 1h;
  const Accepted scheduled = desk.submit(later);
  std::vector<EntryNumber> order;
  for (int job = 0; job < 5; ++job) {
    order.push_back(desk.submit().entry);
  }
  order.push_back(scheduled.entry);

  const SubjectView all = desk.describe();
  CHECK(all.queue_length == 5);
  CHECK(all.outside_count == 1);
  REQUIRE(all.jobs.size() == 6);
  for (std::size_t place = 0; place < order.size(); ++place) {
    CHECK(all.jobs[place].entry == order[place]);
  }
  CHECK(desk.describe(3).jobs.size() == 3);
  CHECK(desk.describe(0).jobs.empty());
  CHECK(desk.describe(0).queue_length == 5);
}

TEST_CASE("claims that may still be answered are those of open turns and of late workers") {
  Fixture desk;
  desk.policy.max_attempts = 1;
  desk.submit();
  desk.submit();
  desk.submit();
  const Claim late = desk.begin();
  desk.pass(60s);
  desk.tick();
  desk.fail(desk.begin());
  const Claim current = desk.begin();
  const std::vector<EntryNumber> claims = desk.mailbox.answerable();
  REQUIRE(claims.size() == 2);
  CHECK(claims[0] == current.entry);
  CHECK(claims[1] == late.entry);
}

} // namespace turnwise::model
