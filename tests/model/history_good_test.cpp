// The oracle of the journal: good histories that only look wrong.
#include "tests/model/told_history.hpp"

namespace turnwise::model {

TEST_CASE("a parked job is passed by younger ones, and then goes before those that wait") {
  History good;
  const auto parked = good.submitted();
  good.started(parked);
  good.ended(parked, 1, JobState::parked);
  const auto second = good.submitted();
  const auto third = good.submitted();
  good.started(second);
  good.row(parked, Retried{}); // while a younger one runs
  good.succeeded(second);
  good.started(parked, 2);
  good.succeeded(parked, 2);
  good.started(third);
  CHECK(good.words().empty());
}

TEST_CASE("a success may come late: after the lease has run out, while another job has the turn, after a retry by hand") {
  History good;
  const auto late = good.submitted();
  good.started(late);
  good.ended(late, 1, JobState::parked, FailureCause::expired);
  const auto other = good.submitted();
  good.started(other);
  good.row(late, Retried{});
  good.succeeded(late, 1);
  good.row(other, CancelRequested{});
  good.succeeded(other);
  CHECK(good.words().empty());
}

TEST_CASE("holds, pauses and jobs of other subjects stand between the rows of a job") {
  History good;
  const auto waiting_hold = good.take(); // waits from here on, which is in no row
  const auto job = good.submitted();
  const auto pause = good.paused();
  good.row(pause, Paused{good.subject, "bob", "still"});
  good.subject = "a:2";
  good.passed();
  good.subject = "a:1";
  good.row(pause, Resumed{"ann"});
  good.row(waiting_hold, Held{good.subject, "web", 10s}); // an older number than the job's
  good.row(waiting_hold, HoldProlonged{20s});
  good.row(job, Replaced{});
  good.row(job, Coalesced{good.subject, "work", "key", 1});
  good.row(waiting_hold, HoldExpired{});
  good.started(job);
  good.paused(); // what runs goes on
  good.succeeded(job);
  CHECK(good.words().empty());
}

TEST_CASE("an owner goes on where another one stopped, at a later epoch") {
  History good;
  good.epoch = Epoch{3};
  const auto job = good.submitted();
  good.started(job);
  good.rows.push_back({1, Sequence{first_number(Epoch{3})}, {job, noon, Released{Attempt{1}}}});
  good.rows.push_back({1, Sequence{first_number(Epoch{3}) + 9}, {job, noon, Started{Attempt{2}, {}, {}, {}}}});
  CHECK(good.words().empty());
}

TEST_CASE("what is left of a journal whose oldest segments were dropped is clean") {
  History good;
  const auto closed = good.submitted();
  const auto parked = good.submitted();
  good.started(closed);
  good.subject = "a:2";
  const auto running = good.submitted();
  const auto begin = good.started(running);
  const auto pause = good.paused();
  good.subject = "a:1";
  good.next_segment();
  good.row(closed, Coalesced{good.subject, "work", "key", 1});
  good.succeeded(closed); // opened in a segment that will be gone, ended in this one
  good.started(parked);
  good.ended(parked, 1, JobState::parked);
  good.next_segment();
  auto body = good.carried(JobState::parked);
  body.attempt = Attempt{1};
  body.failures = 1;
  good.row(parked, body);
  body = good.carried(JobState::running);
  body.job.subject = "a:2";
  body.attempt = Attempt{1};
  body.turn = turn_with(begin);
  good.row(running, body);
  body = good.carried(JobState{});
  body.type = CarriedType::pause;
  body.job.subject = "a:2";
  good.row(pause, body);
  CHECK(good.words().empty());
  good.drop_before(2);
  good.replay_from = 2;
  good.row(parked, Retried{});
  good.started(parked, 2);
  good.succeeded(running);
  CHECK(good.words().empty());
}

TEST_CASE("a job that is scheduled, comes early by hand, waits too long or is cancelled has done nothing wrong") {
  History good;
  const auto early = good.submitted(noon + 1h);
  const auto expired = good.submitted(noon + 1h);
  const auto cancelled = good.submitted(noon + 1h);
  good.passed(); // those are not in the queue yet
  good.row(early, Due{});
  good.row(expired, WaitExpired{});
  good.row(cancelled, Cancelled{});
  good.started(early);
  good.row(early, CancelRequested{});
  good.ended(early, 1, JobState::cancelled);
  CHECK(good.words().empty());
}

} // namespace turnwise::model
