// The oracle of the journal: histories with one thing wrong in each.
#include "tests/model/told_history.hpp"

namespace turnwise::model {

TEST_CASE("two open turns of a subject are an overlap, told with both rows") {
  History bad;
  const auto first = bad.submitted();
  const auto begin = bad.started(first);
  const auto hold = bad.held();
  const auto found = bad.findings();
  REQUIRE(found.size() == 1);
  CHECK(found[0].what == Anomaly::overlap);
  CHECK(found[0].subject == "a:1");
  CHECK(found[0].shard == ShardId{7});
  CHECK(found[0].entry == hold);
  CHECK(found[0].sequences == std::vector{begin, bad.rows.back().sequence});
}

TEST_CASE("an attempt that begins before the one before has ended is an overlap") {
  History bad;
  const auto job = bad.submitted();
  bad.started(job, 1);
  bad.started(job, 2);
  CHECK(bad.words() == "overlap");
}

TEST_CASE("a job that starts before an older one of its subject is out of order, whatever keeps the older one") {
  History bad;
  const auto older = bad.submitted();
  const auto younger = bad.submitted();
  SECTION("it waits") {}
  SECTION("it backs off") {
    bad.started(older);
    bad.ended(older, 1, JobState::retrying);
  }
  SECTION("it is halted") {
    bad.started(older);
    bad.ended(older, 1, JobState::halted);
  }
  SECTION("it was given back") {
    bad.started(older);
    bad.released(older);
  }
  bad.started(younger);
  CHECK(bad.words() == "order");
}

TEST_CASE("a job that became due, or was retried, before a younger one starts goes first") {
  History bad;
  const auto older = bad.submitted(noon);
  const auto younger = bad.submitted();
  bad.row(older, Due{});
  bad.started(younger);
  CHECK(bad.words() == "order");
}

TEST_CASE("a parked job that was retried waits like any other") {
  History bad;
  const auto older = bad.submitted();
  bad.started(older);
  bad.ended(older, 1, JobState::parked);
  const auto younger = bad.submitted();
  bad.row(older, Retried{});
  bad.started(younger);
  CHECK(bad.words() == "order");
}

TEST_CASE("a hold does not pass a job that waits") {
  History bad;
  bad.submitted();
  bad.held();
  CHECK(bad.words() == "order");
}

TEST_CASE("no turn begins while the subject is paused") {
  History bad;
  const auto job = bad.submitted();
  bad.paused();
  bad.started(job);
  CHECK(bad.words() == "order");
}

TEST_CASE("a job is not tried again before its moment") {
  History bad;
  const auto job = bad.submitted();
  bad.started(job, 1);
  bad.row(job, AttemptFailed{Attempt{1}, FailureCause::failed, JobState::retrying, noon + 1s, ""});
  bad.started(job, 2);
  CHECK(bad.words() == "order");
}

TEST_CASE("jobs of a subject are accepted in the order of their numbers") {
  History bad;
  const auto first = bad.take();
  const auto second = bad.take();
  bad.submitted(second);
  bad.submitted(first);
  CHECK(bad.words() == "order");
}

TEST_CASE("a job has one outcome") {
  History bad;
  const auto job = bad.submitted();
  bad.started(job);
  bad.succeeded(job);
  SECTION("not two successes") {
    bad.succeeded(job);
  }
  SECTION("not a failure as well") {
    bad.ended(job, 1, JobState::failed);
  }
  SECTION("nor a cancellation") {
    bad.row(job, Cancelled{});
  }
  CHECK(bad.words() == "double-outcome");
}

TEST_CASE("nothing happens to an entry after its end") {
  History bad;
  const auto job = bad.submitted();
  bad.row(job, Cancelled{});
  SECTION("no start") {
    bad.started(job);
  }
  SECTION("no retry") {
    bad.row(job, Retried{});
  }
  SECTION("no carrying") {
    bad.row(job, bad.carried(JobState::waiting));
  }
  SECTION("no second beginning") {
    bad.submitted(job);
  }
  CHECK(bad.words() == "after-end");
}

TEST_CASE("attempts grow one by one") {
  History bad;
  const auto job = bad.submitted();
  bad.started(job, 1);
  bad.released(job, 1);
  SECTION("not twice the same") {
    bad.started(job, 1);
  }
  SECTION("none is left out") {
    bad.started(job, 3);
  }
  CHECK(bad.words() == "attempt");
}

TEST_CASE("the answer of a superseded attempt is not taken") {
  History bad;
  const auto job = bad.submitted();
  bad.started(job, 1);
  bad.ended(job, 1, JobState::retrying, FailureCause::expired);
  bad.started(job, 2);
  bad.succeeded(job, 1);
  CHECK(bad.words() == "attempt");
}

TEST_CASE("an attempt that was answered cannot succeed any more") {
  History bad;
  const auto job = bad.submitted();
  bad.started(job, 1);
  bad.ended(job, 1, JobState::retrying);
  bad.succeeded(job, 1);
  CHECK(bad.words() == "step");
}

TEST_CASE("a running job is cancelled when somebody asked for it, and then it is") {
  History bad;
  const auto job = bad.submitted();
  bad.started(job, 1);
  SECTION("nobody asked") {
    bad.ended(job, 1, JobState::cancelled);
  }
  SECTION("it was not done") {
    bad.row(job, CancelRequested{});
    bad.ended(job, 1, JobState::retrying);
  }
  SECTION("not behind the back of its worker") {
    bad.row(job, Cancelled{});
  }
  CHECK(bad.words() == "step");
}

TEST_CASE("a row must fit to the state of its entry") {
  History bad;
  const auto job = bad.submitted();
  SECTION("what waits is not due") {
    bad.row(job, Due{});
  }
  SECTION("what waits is not retried") {
    bad.row(job, Retried{});
  }
  SECTION("what waits does not end an attempt") {
    bad.started(job, 1);
    bad.released(job, 1);
    bad.released(job, 1);
  }
  SECTION("a job is not released as a hold") {
    bad.row(job, HoldReleased{});
  }
  SECTION("a subject is paused once") {
    bad.paused();
    bad.paused();
  }
  SECTION("what has run is not replaced") {
    bad.started(job, 1);
    bad.released(job, 1);
    bad.row(job, Replaced{});
  }
  CHECK(bad.words() == "step");
}

TEST_CASE("an entry with events and without an opening row is a loss") {
  History bad;
  bad.passed();
  const auto job = bad.take();
  SECTION("of a job that goes on") {
    bad.started(job);
    bad.succeeded(job);
  }
  SECTION("of one that is carried") {
    bad.row(job, bad.carried(JobState::waiting));
  }
  SECTION("of a hold") {
    bad.row(job, HoldReleased{});
  }
  CHECK(bad.words() == "loss");
}

TEST_CASE("a replay that begins after the last row of an open entry loses it") {
  History bad;
  bad.submitted();
  bad.next_segment();
  bad.next_segment();
  bad.subject = "a:2";
  bad.passed();
  CHECK(bad.words().empty());
  bad.replay_from = 2;
  CHECK(bad.words() == "loss");
}

TEST_CASE("an open entry whose opening was dropped and that was never carried is lost") {
  History bad;
  const auto job = bad.submitted();
  bad.next_segment();
  bad.started(job);
  bad.next_segment();
  bad.subject = "a:2";
  bad.passed();
  bad.drop_before(2);
  bad.replay_from = 2;
  CHECK(bad.words() == "loss");
}

TEST_CASE("the first row that the journal notes for a segment must be there") {
  History bad;
  bad.passed();
  bad.next_segment();
  bad.submitted();
  SECTION("and is not") {
    bad.rows.erase(bad.rows.begin() + 3);
  }
  SECTION("and be noted") {
    bad.notes.back().first.reset();
  }
  SECTION("and be the first") {
    bad.notes.back().first = Sequence{bad.rows.back().sequence.value() + 1};
  }
  CHECK(bad.words() == "loss");
}

TEST_CASE("no number is given twice") {
  History bad;
  const auto job = bad.submitted();
  SECTION("to two rows") {
    bad.started(job);
    bad.row(job, Coalesced{bad.subject, "work", "key", 1});
    bad.rows.back().sequence = bad.rows[1].sequence;
  }
  SECTION("to a row and an entry") {
    bad.started(job);
    bad.submitted(EntryNumber{bad.rows.back().sequence.value()});
  }
  SECTION("to two entries") {
    bad.submitted(job);
  }
  SECTION("nor later than the first row of the entry") {
    bad.submitted(EntryNumber{job.value() + 100});
  }
  CHECK(bad.words() == "number");
}

TEST_CASE("epochs do not go back, and none is written that nobody has had") {
  History bad;
  bad.passed();
  SECTION("an owner whose epoch was over") {
    bad.epoch = Epoch{2};
    const auto before = bad.rows[1].sequence;
    bad.rows[1].sequence = Sequence{first_number(Epoch{2}) + 1};
    CHECK(before < bad.rows[1].sequence);
  }
  SECTION("an epoch that has not come yet") {
    bad.rows.back().sequence = Sequence{first_number(Epoch{2}) + 1};
  }
  CHECK(bad.words() == "epoch");
}

TEST_CASE("a carried row says what the rows before it say") {
  History bad;
  const auto job = bad.submitted();
  auto body = bad.carried(JobState::waiting);
  SECTION("the state") {
    body.state = JobState::halted;
  }
  SECTION("the attempts") {
    body.attempt = Attempt{1};
  }
  SECTION("the subject") {
    body.job.subject = "a:2";
  }
  SECTION("the turn") {
    body.turn = turn_with({});
  }
  bad.row(job, body);
  CHECK(bad.words() == "contradiction");
}

TEST_CASE("a carried turn has the fencing token of its start") {
  History bad;
  const auto job = bad.submitted();
  const auto begin = bad.started(job);
  auto body = bad.carried(JobState::running);
  body.attempt = Attempt{1};
  body.turn = turn_with(Sequence{begin.value() - 1});
  bad.row(job, body);
  CHECK(bad.words() == "token");
}

TEST_CASE("a row that cannot be read is told") {
  std::vector<Finding> found;
  HistoryCheck check({ShardId{1}, Epoch{1}, 1, {{1, Sequence{5}}}}, [&](Finding finding) { found.push_back(finding); });
  check.add_unreadable(1, Sequence{5}, EntryNumber{4}, "unknown event 99");
  check.finish();
  REQUIRE(found.size() == 1);
  CHECK(found[0].what == Anomaly::unreadable);
}

TEST_CASE("a row of a user's transaction that leads to two jobs was taken over twice") {
  History bad;
  for (int i = 0; i < 2; ++i) {
    Submitted job;
    job.subject = "a:1";
    job.outside = OutsideId{5};
    bad.row(bad.take(), std::move(job));
  }
  CHECK(bad.words() == "number");
}

} // namespace turnwise::model
