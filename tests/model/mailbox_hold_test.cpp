// Holds and pauses: turns for outside code, and subjects that an operator has stopped.
#include "tests/model/fixture.hpp"

namespace turnwise::model {

namespace {

TakeHold hold(Fixture& desk, OnBusy on_busy, milliseconds wait = 0ms) {
  TakeHold command;
  command.entry = EntryNumber{++desk.last_number};
  command.subject = "artifact:123";
  command.owner = "web-1";
  command.ttl = 10s;
  command.on_busy = on_busy;
  command.wait = wait;
  command.arrived = desk.now.mono;
  return command;
}

} // namespace

TEST_CASE("a hold on a subject that nobody uses has the turn at once, and jobs wait behind it") {
  Fixture desk;
  const auto grant = desk.ask<HoldGrant>(hold(desk, OnBusy::skip));
  CHECK(desk.events() == std::vector{Event::held});
  CHECK(grant.ttl == 10s);
  CHECK(grant.waited == 0ms);
  const Accepted job = desk.submit();
  desk.cannot_start();
  CHECK(desk.view(job.entry).reason == WaitReason::behind_hold);
  CHECK(desk.view(job.entry).behind == grant.entry);
  const SubjectView view = desk.describe();
  REQUIRE(view.turn);
  CHECK(view.turn->type == EntryType::hold);
  CHECK(view.turn->worker == "web-1");
  CHECK(view.jobs.size() == 1);
  desk.ask<HoldGone>(ReleaseHold{grant.entry, {}});
  desk.begin();
}

TEST_CASE("busy: a hold that skips is told by whom, and leaves nothing behind") {
  Fixture desk;
  desk.submit();
  desk.begin();
  const auto busy = desk.ask<SubjectBusy>(hold(desk, OnBusy::skip));
  REQUIRE(busy.turn);
  CHECK(busy.turn->worker == "worker-1");
  CHECK(desk.events().empty());
  CHECK(desk.mailbox.open_count() == 1);
}

TEST_CASE("a job that waits, backs off or is halted makes its subject busy; parked and scheduled ones do not") {
  Fixture desk;
  desk.policy.on_failure = OnFailure::park;
  desk.submit();
  desk.ask<SubjectBusy>(hold(desk, OnBusy::skip));
  desk.fail(desk.begin());
  desk.ask<SubjectBusy>(hold(desk, OnBusy::skip));
  desk.pass(1h);
  desk.fail(desk.begin(), Retry::never);
  NewJob later = desk.job();
  later.delay = 1h;
  desk.submit(later);
  desk.ask<HoldGrant>(hold(desk, OnBusy::skip));
}

TEST_CASE("a hold that waits stands in the queue: after older jobs, before younger ones") {
  Fixture desk;
  desk.submit();
  const Claim first = desk.begin();
  desk.tell(hold(desk, OnBusy::wait, 20s));
  CHECK(desk.actions.empty());
  const Accepted younger = desk.submit();
  CHECK(younger.position == 2);
  desk.pass(3s);
  desk.tell(Complete{first, "{}", {}});
  REQUIRE(desk.events() == std::vector{Event::succeeded, Event::held});
  const auto grant = std::get<HoldGrant>(std::get<Reply>(desk.actions.back()).response);
  CHECK(grant.waited == 3s);
  desk.cannot_start();
  desk.ask<HoldGone>(ReleaseHold{grant.entry, {}});
  CHECK(desk.start().entry == younger.entry);
}

TEST_CASE("a wait that runs out is told so, and its place is given up") {
  Fixture desk;
  desk.submit();
  const Claim claim = desk.begin();
  desk.tell(hold(desk, OnBusy::wait, 2s));
  CHECK(desk.mailbox.next_timer(desk.now) == desk.now.mono + 2s);
  desk.pass(2s);
  desk.ask<SubjectBusy>(Tick{});
  CHECK(desk.mailbox.open_count() == 1);
  desk.complete(claim);
  CHECK(desk.mailbox.empty());
}

TEST_CASE("a deferred hold leaves a job in its place, or gets the turn when nobody has it") {
  Fixture desk;
  TakeHold command = hold(desk, OnBusy::defer);
  command.deferred = desk.job("move");
  const auto grant = desk.ask<HoldGrant>(command);
  command.entry = EntryNumber{++desk.last_number};
  const auto accepted = desk.ask<Accepted>(command);
  CHECK(accepted.entry == command.entry);
  CHECK(desk.events() == std::vector{Event::submitted});
  desk.ask<HoldGone>(ReleaseHold{grant.entry, {}});
  CHECK(desk.start("move").entry == accepted.entry);
}

TEST_CASE("a hold lasts as long as it is renewed; a span that changes is journaled") {
  Fixture desk;
  const auto grant = desk.ask<HoldGrant>(hold(desk, OnBusy::skip));
  desk.pass(8s);
  CHECK(desk.ask<Extended>(RenewHold{grant.entry, {}, {}}).lease == 10s);
  CHECK(desk.events().empty());
  CHECK(desk.ask<Extended>(RenewHold{grant.entry, 30s, {}}).lease == 30s);
  CHECK(desk.events() == std::vector{Event::hold_prolonged});
  desk.pass(30s);
  desk.tick();
  CHECK(desk.events().empty()); // one percent later than by an exact clock
  desk.pass(300ms);
  desk.tick();
  CHECK(desk.events() == std::vector{Event::hold_expired});
  CHECK(desk.refused(RenewHold{grant.entry, {}, {}}) == Errc::stale_fence);
  CHECK(desk.refused(ReleaseHold{grant.entry, {}}) == Errc::stale_fence);
}

TEST_CASE("no receipt of a job answers for a hold") {
  Fixture desk;
  const auto grant = desk.ask<HoldGrant>(hold(desk, OnBusy::skip));
  desk.tell(Complete{Claim{grant.entry, Attempt{0}, Nonce{}}, "{}", {}});
  CHECK(desk.count<AskJournal>() == 1);
  desk.tell(Cancel{grant.entry, {}});
  CHECK(desk.count<AskJournal>() == 1);
  CHECK(desk.events().empty());
}

TEST_CASE("a paused subject starts nothing and gives no hold; what runs goes on to its end") {
  Fixture desk;
  desk.submit();
  const Claim claim = desk.begin();
  const Accepted next = desk.submit();
  desk.tell(hold(desk, OnBusy::wait, 20s));
  const auto paused = desk.ask<PauseChanged>(Pause{EntryNumber{++desk.last_number}, "artifact:123", "ann", "incident 7", {}});
  REQUIRE(paused.pause);
  CHECK(paused.pause->by == "ann");
  desk.complete(claim);
  desk.cannot_start();
  CHECK(desk.view(next.entry).reason == WaitReason::paused);
  CHECK(desk.describe().pause->why == "incident 7");
  desk.ask<SubjectBusy>(hold(desk, OnBusy::skip));
  CHECK_FALSE(desk.ask<PauseChanged>(Resume{"bob", {}}).pause);
  CHECK(desk.start().entry == next.entry);
}

TEST_CASE("a pause stands alone, is said again with other words, and ends once") {
  Fixture desk;
  desk.tell(Pause{EntryNumber{++desk.last_number}, "artifact:123", "ann", "first", {}});
  CHECK(desk.mailbox.open_count() == 1);
  desk.tell(Pause{EntryNumber{++desk.last_number}, "artifact:123", "bob", "second", {}});
  CHECK(desk.mailbox.open_count() == 1);
  CHECK(desk.describe().pause->by == "bob");
  desk.tell(Resume{"bob", {}});
  CHECK(desk.events() == std::vector{Event::resumed});
  CHECK(desk.mailbox.empty());
  desk.tell(Resume{"bob", {}});
  CHECK(desk.events().empty());
}

TEST_CASE("whoever waits for a hold is answered when its mailbox is given up") {
  Fixture desk;
  desk.submit();
  desk.begin();
  desk.tell(hold(desk, OnBusy::wait, 20s));
  CHECK(desk.mailbox.take_waiting().size() == 1);
  CHECK(desk.mailbox.open_count() == 1);
}

} // namespace turnwise::model
