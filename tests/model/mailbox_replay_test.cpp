// Replay and takeover, by example; property_test.cpp does the same at random.
#include "tests/model/fixture.hpp"

namespace turnwise::model {

namespace {

/// What a new owner makes of the journal: all rows of an entry together, as they are read.
Mailbox rebuilt(Fixture& desk, Now now) {
  auto rows = desk.journal;
  std::sort(rows.begin(), rows.end(), [](const auto& left, const auto& right) {
    return std::pair{left.second.entry, left.first} < std::pair{right.second.entry, right.first};
  });
  Mailbox mailbox;
  for (const auto& [sequence, record] : rows) {
    mailbox.apply(record, sequence, desk.kinds);
  }
  mailbox.adopt(now);
  return mailbox;
}

} // namespace

TEST_CASE("a replayed mailbox has the same jobs") {
  Fixture desk;
  desk.submit();
  desk.submit();
  desk.fail(desk.begin());
  CHECK(rebuilt(desk, desk.now).same_jobs_as(desk.mailbox));
  const Mailbox before = rebuilt(desk, desk.now);
  desk.submit();
  CHECK_FALSE(before.same_jobs_as(desk.mailbox));
}

TEST_CASE("a takeover gives the open turn a whole lease, and its worker completes") {
  Fixture desk;
  desk.policy.lease = 10s;
  desk.submit();
  const Claim claim = desk.begin();
  desk.pass(9s);
  desk.now.mono = MonoTime{3s}; // another machine
  desk.mailbox = rebuilt(desk, desk.now);
  CHECK(desk.mailbox.head(desk.now).status == Head::Status::busy);
  desk.pass(10'099ms);
  desk.tick();
  CHECK(desk.actions.empty());
  desk.cannot_start();
  CHECK(desk.complete(claim).state == JobState::succeeded);
}

TEST_CASE("after a takeover a silent worker loses its lease as ever") {
  Fixture desk;
  desk.policy.lease = 10s;
  desk.submit();
  desk.begin();
  desk.mailbox = rebuilt(desk, desk.now);
  desk.pass(10'100ms);
  desk.tick();
  CHECK(desk.events() == std::vector{Event::expired});
}

TEST_CASE("a takeover prolongs an attempt's timeout by no more than the lease that its worker may have been told") {
  Fixture desk;
  desk.policy.lease = 4s;
  desk.policy.timeout = 20s;
  desk.submit();
  const Claim claim = desk.begin();
  for (int i = 0; i < 5; ++i) {
    desk.pass(3s);
    desk.heartbeat(claim);
  }
  desk.mailbox = rebuilt(desk, desk.now);
  CHECK(desk.mailbox.next_timer(desk.now) == desk.now.mono + 4'040ms);
  desk.pass(3s);
  CHECK(desk.heartbeat(claim).lease < 4s);
  CHECK(desk.mailbox.next_timer(desk.now) == desk.now.mono + 2'200ms); // 20 s and one percent after its start
  desk.pass(1h);
  desk.mailbox = rebuilt(desk, desk.now);
  CHECK(desk.mailbox.next_timer(desk.now) == desk.now.mono + 4'040ms);
}

TEST_CASE("the sequence of the record that started a turn is its fencing token after replay") {
  Fixture desk;
  desk.submit();
  desk.begin();
  const auto sequence = desk.journal.back().first;
  desk.mailbox = rebuilt(desk, desk.now);
  CHECK(desk.describe().turn->fencing_token == FencingToken{sequence.value()});
}

TEST_CASE("a parked job that was retried while a younger one ran is replayed to its place") {
  Fixture desk;
  const Accepted parked = desk.submit();
  desk.submit();
  desk.fail(desk.begin(), Retry::never);
  const Claim younger = desk.begin();
  desk.tell(RetryNow{parked.entry, {}});
  const Mailbox again = rebuilt(desk, desk.now);
  CHECK(again.same_jobs_as(desk.mailbox));
  CHECK(again.head(desk.now).status == Head::Status::busy);
  CHECK(again.head(desk.now).entry == parked.entry);
  desk.complete(younger);
  desk.begin();
  CHECK(rebuilt(desk, desk.now).same_jobs_as(desk.mailbox));
}

TEST_CASE("records of an entry that is not open change nothing") {
  Fixture desk;
  desk.submit();
  for (const RecordBody& body :
       std::vector<RecordBody>{Due{}, Started{}, Succeeded{}, AttemptFailed{}, Released{}, CancelRequested{}, Cancelled{},
                               Retried{}, Replaced{}, WaitExpired{}, Coalesced{}}) {
    desk.mailbox.apply({EntryNumber{1}, desk.now.wall, body}, Sequence{1}, desk.kinds);
  }
  CHECK(rebuilt(desk, desk.now).same_jobs_as(desk.mailbox));
}

TEST_CASE("a mailbox that was moved from is empty, and can be used again") {
  Fixture desk;
  NewJob later = desk.job();
  later.delay = 1h;
  desk.submit(later);
  desk.submit();
  desk.begin();
  Mailbox elsewhere{std::move(desk.mailbox)};
  CHECK(elsewhere.open_count() == 2);
  CHECK(desk.mailbox.empty()); // NOLINT(bugprone-use-after-move)
  CHECK_FALSE(desk.mailbox.next_timer(desk.now));
  CHECK(desk.mailbox.head(desk.now).status == Head::Status::empty);
  desk.submit();
  CHECK(desk.mailbox.head(desk.now).status == Head::Status::ready);
  desk.mailbox = std::move(elsewhere);
  CHECK(elsewhere.empty()); // NOLINT(bugprone-use-after-move)
  CHECK(desk.mailbox.head(desk.now).status == Head::Status::busy);
}

TEST_CASE("a very long mailbox is worked off in order, also when jobs leave it in the middle") {
  constexpr std::uint64_t jobs = 200'000;
  constexpr std::uint64_t cancelled = 1'000;
  Fixture desk;
  std::vector<Action> actions;
  const auto tell = [&](Command command) {
    actions.clear();
    desk.mailbox.handle(std::move(command), desk.context(), actions);
  };
  for (std::uint64_t number = 1; number <= jobs; ++number) {
    tell(Submit{EntryNumber{number}, desk.job(), {}});
  }
  for (std::uint64_t number = jobs / 2; number < jobs / 2 + cancelled; ++number) {
    tell(Cancel{EntryNumber{number}, {}});
  }
  CHECK(desk.mailbox.open_count() == jobs - cancelled);
  EntryNumber last{};
  const KindId kind = desk.kinds.intern("build");
  while (desk.mailbox.head(desk.now).status == Head::Status::ready) {
    tell(Start{kind, "worker-1", {}, {}, {}});
    const Claim claim = Fixture::claim_of(std::get<Grant>(std::get<Reply>(actions.back()).response));
    REQUIRE(claim.entry > last);
    last = claim.entry;
    tell(Complete{claim, {}, {}});
  }
  CHECK(last == EntryNumber{jobs});
  CHECK(desk.mailbox.empty());
}

} // namespace turnwise::model
