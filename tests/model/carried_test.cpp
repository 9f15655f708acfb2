// A carried record stands for all earlier records of its entry: by example, and by replay from every cut of random lives in
// schedule.cpp.
#include "model/job_story.hpp"
#include "tests/model/fixture.hpp"

namespace turnwise::model {

namespace {

/// What a new owner makes of carried rows alone, of everything that is open now.
Mailbox carried_over(Fixture& desk) {
  Mailbox mailbox;
  for (const EntryNumber number : desk.mailbox.open_entries({}, EntryNumber{~std::uint64_t{0}}, 1'000)) {
    const auto body = desk.mailbox.carried(number, desk.kinds);
    REQUIRE(body);
    mailbox.apply({number, desk.now.wall, *body}, Sequence{++desk.last_number}, desk.kinds);
  }
  mailbox.adopt(desk.now);
  return mailbox;
}

} // namespace

TEST_CASE("a mailbox is what its carried records say, whatever is in it") {
  Fixture desk;
  desk.policy.max_attempts = 2;
  desk.policy.lease = 10s;
  NewJob later = desk.job();
  later.delay = 1h;
  desk.submit(later);
  NewJob short_lived = desk.job();
  short_lived.expires_at = desk.now.wall + 10min;
  desk.submit(short_lived);
  desk.submit();
  desk.submit();
  desk.fail(desk.begin(), Retry::never); // parked
  desk.fail(desk.begin());               // backs off
  CHECK(carried_over(desk).same_jobs_as(desk.mailbox));
  desk.pass(1min);
  const Claim claim = desk.begin();
  desk.tell(Cancel{claim.entry, {}}); // runs, and was asked to stop
  CHECK(carried_over(desk).same_jobs_as(desk.mailbox));
  desk.mailbox = carried_over(desk);
  CHECK(desk.heartbeat(claim).cancel);
  CHECK(desk.complete(claim).state == JobState::succeeded);
}

TEST_CASE("a turn whose lease ran out may still be answered after it was carried") {
  Fixture desk;
  desk.submit();
  const Claim late = desk.begin();
  desk.pass(1min);
  desk.tick();
  desk.mailbox = carried_over(desk);
  CHECK(desk.refused(Heartbeat{late, {}}) == Errc::stale_fence);
  CHECK(desk.complete(late).state == JobState::succeeded);
}

TEST_CASE("a hold and a pause are carried, with the token of the hold; a hold that waits is not") {
  Fixture desk;
  const auto hold = [&](std::uint64_t entry) {
    return TakeHold{.entry = EntryNumber{entry},
                    .subject = "artifact:123",
                    .owner = "somebody",
                    .ttl = 10s,
                    .on_busy = OnBusy::wait,
                    .wait = 20s,
                    .arrived = desk.now.mono,
                    .deferred = {},
                    .ticket = {}};
  };
  desk.tell(hold(++desk.last_number));
  const EntryNumber held{desk.last_number - 1};
  const Sequence token = desk.journal.back().first;
  desk.tell(hold(++desk.last_number));
  desk.tell(Pause{EntryNumber{++desk.last_number}, "artifact:123", "me", "a look at it", {}});

  const auto entries = desk.mailbox.open_entries({}, EntryNumber{desk.last_number + 1}, 10);
  REQUIRE(entries.size() == 2);
  CHECK(entries.front() == held);
  CHECK(desk.mailbox.open_entries({}, EntryNumber{desk.last_number + 1}, 1) == std::vector{held});

  Mailbox again; // the turn's own record is replayed as well, and knows the token
  for (const auto& [sequence, record] : desk.journal) {
    again.apply(record, sequence, desk.kinds);
  }
  again.apply({held, desk.now.wall, *desk.mailbox.carried(held, desk.kinds)}, Sequence{desk.last_number + 1}, desk.kinds);
  CHECK(again.open_token() == FencingToken{token.value()});
  CHECK(again.same_jobs_as(desk.mailbox));
  CHECK(carried_over(desk).same_jobs_as(desk.mailbox));
}

TEST_CASE("entries are listed in portions, across the queue and what is beside it") {
  Fixture desk;
  std::vector<EntryNumber> all;
  for (int i = 0; i < 1'000; ++i) {
    NewJob job = desk.job();
    if (i % 3 == 0) {
      job.delay = 1h;
    }
    all.push_back(desk.submit(job).entry);
  }
  std::vector<EntryNumber> found;
  EntryNumber from;
  for (;;) {
    const auto some = desk.mailbox.open_entries(from, all[900], 7);
    if (some.empty()) {
      break;
    }
    found.insert(found.end(), some.begin(), some.end());
    from = EntryNumber{some.back().value() + 1};
  }
  CHECK(found == std::vector(all.begin(), all.begin() + 900));
}

TEST_CASE("carrying changes nothing in the mailbox that is carried") {
  Fixture desk;
  desk.submit();
  const Claim claim = desk.begin();
  const auto timer = desk.mailbox.next_timer(desk.now);
  desk.tell(Carry{{claim.entry, EntryNumber{1}}, 7});
  CHECK(desk.events() == std::vector{Event::carried});
  CHECK(desk.count<Listed>() == 1);
  CHECK(desk.mailbox.next_timer(desk.now) == timer);
  CHECK(desk.heartbeat(claim).lease == desk.policy.lease);
}

TEST_CASE("a story whose beginning is gone starts with what was carried: earlier attempts are counted, not listed") {
  Fixture desk;
  const EntryNumber entry = desk.submit().entry;
  desk.fail(desk.begin());
  desk.pass(1h);
  const Claim claim = desk.begin();
  Carried body = *desk.mailbox.carried(entry, desk.kinds);
  body.job = std::get<Submitted>(desk.journal.front().second.body);
  body.since = desk.journal.front().second.at;
  body.turn->token = FencingToken{5};

  const auto tell = [&](std::size_t from) {
    StoryBuilder builder{ShardId{7}, entry};
    for (std::size_t i = from; i < desk.journal.size(); ++i) {
      builder.add(desk.journal[i].first, desk.journal[i].second);
    }
    return builder;
  };
  desk.journal.emplace_back(Sequence{++desk.last_number}, Record{entry, desk.now.wall, body});
  desk.complete(claim);
  const JobStory whole = tell(0).story().value();
  CHECK(whole.attempts.size() == 2);
  const StoryBuilder builder = tell(desk.journal.size() - 2);
  const JobStory late = builder.story().value();
  CHECK(late.state == JobState::succeeded);
  CHECK(late.submitted_at == whole.submitted_at);
  CHECK(late.job == whole.job);
  CHECK(late.attempt == Attempt{2});
  CHECK(late.failures == 1);
  REQUIRE(late.attempts.size() == 1);
  CHECK(late.attempts.front().attempt == Attempt{2});
  CHECK(late.attempts.front().outcome == "succeeded");
  CHECK(std::get<Outcome>(builder.judge(claim)).state == JobState::succeeded);
  CHECK_FALSE(tell(desk.journal.size() - 1).story()); // nothing begins with its end
}

} // namespace turnwise::model
