// Submitting: places, schedules, coalescing.
#include "tests/model/fixture.hpp"

namespace turnwise::model {

TEST_CASE("a submitted job waits behind the older ones") {
  Fixture desk;
  const Accepted first = desk.submit();
  CHECK(first.shard == ShardId{7});
  CHECK(first.state == JobState::waiting);
  CHECK(first.disposition == Disposition::accepted);
  CHECK(first.position == 0);
  CHECK(desk.events() == std::vector{Event::submitted});

  const Accepted second = desk.submit("test");
  CHECK(second.position == 1);
  CHECK(second.entry > first.entry);
  CHECK(desk.mailbox.open_count() == 2);
}

TEST_CASE("the record of a job holds everything that was asked for, and comes before the answer") {
  Fixture desk;
  NewJob job = desk.job();
  job.key = "once";
  job.fingerprint = 99;
  job.options.max_attempts = 4;
  job.metadata = R"({"by":"me"})";
  job.payload = "[1]";
  desk.submit(job);
  REQUIRE(desk.actions.size() == 2);
  const Record& record = std::get<Append>(desk.actions[0]).record;
  CHECK(record.at == desk.now.wall);
  const auto& body = std::get<Submitted>(record.body);
  CHECK(body == Submitted{job.subject, job.kind, job.key, 99, job.options, {}, {}, job.metadata, job.payload});
  CHECK(std::holds_alternative<Reply>(desk.actions[1]));
}

TEST_CASE("a job with run_at ahead is outside of the mailbox until then") {
  Fixture desk;
  NewJob job = desk.job();
  job.run_at = desk.now.wall + 10s;
  CHECK(desk.submit(job).state == JobState::scheduled);
  CHECK(desk.mailbox.head(desk.now).status == Head::Status::empty);
  desk.cannot_start();
}

TEST_CASE("a job with run_at that has passed waits at once") {
  Fixture desk;
  NewJob job = desk.job();
  job.run_at = desk.now.wall;
  CHECK(desk.submit(job).state == JobState::waiting);
  CHECK_FALSE(std::get<Submitted>(desk.journal.back().second.body).run_at);
}

TEST_CASE("a delay counts from acceptance") {
  Fixture desk;
  NewJob job = desk.job();
  job.delay = 3s;
  CHECK(desk.submit(job).state == JobState::scheduled);
  CHECK(std::get<Submitted>(desk.journal.back().second.body).run_at == desk.now.wall + 3s);
  job.delay = 0s;
  CHECK(desk.submit(job).state == JobState::waiting);
}

TEST_CASE("the longest delay does not overflow") {
  Fixture desk;
  NewJob job = desk.job();
  job.delay = milliseconds::max();
  CHECK(desk.submit(job).state == JobState::scheduled);
  CHECK(desk.mailbox.next_timer(desk.now) > desk.now.mono + std::chrono::years{50});
}

TEST_CASE("a job that has expired already is refused") {
  Fixture desk;
  NewJob job = desk.job();
  job.expires_at = desk.now.wall;
  const Error error = desk.ask<Error>(Submit{EntryNumber{1}, job, {}});
  CHECK(error.code == Errc::malformed);
  CHECK(error.pointer == "/expires_at");
  CHECK(desk.journal.empty());
}

TEST_CASE("skip leaves the job that is waiting, retrying or running") {
  Fixture desk;
  NewJob again = desk.job();
  again.coalesce = Coalesce::skip;
  const Accepted first = desk.submit(again);
  CHECK(first.disposition == Disposition::accepted);

  const auto coalesces = [&](JobState state) {
    const Accepted same = desk.submit(again);
    CHECK(same.entry == first.entry);
    CHECK(same.disposition == Disposition::coalesced);
    CHECK(same.state == state);
    CHECK(desk.events().empty());
  };
  coalesces(JobState::waiting);
  const Claim claim = desk.begin();
  coalesces(JobState::running);
  desk.random = ~std::uint64_t{0};
  desk.fail(claim);
  coalesces(JobState::retrying);
}

TEST_CASE("skip looks at its own kind only, and not at parked jobs") {
  Fixture desk;
  desk.submit("test");
  NewJob job = desk.job();
  job.coalesce = Coalesce::skip;
  CHECK(desk.submit(job).disposition == Disposition::accepted);
  desk.complete(desk.begin("test"));
  CHECK(desk.fail(desk.begin(), Retry::never).state == JobState::parked);
  CHECK(desk.submit(job).disposition == Disposition::accepted);
}

TEST_CASE("once_more leaves at most one job behind the running one") {
  Fixture desk;
  NewJob job = desk.job();
  job.coalesce = Coalesce::once_more;
  desk.submit(job);
  desk.begin();
  const Accepted behind = desk.submit(job);
  CHECK(behind.disposition == Disposition::accepted);
  CHECK(behind.position == 1);
  CHECK(desk.submit(job).entry == behind.entry);
  CHECK(desk.mailbox.open_count() == 2);
}

TEST_CASE("replace hands the waiting job what is new, and it keeps its place") {
  Fixture desk;
  desk.submit("test");
  const Accepted old = desk.submit();
  desk.submit("test");
  NewJob job = desk.job();
  job.coalesce = Coalesce::replace;
  job.fingerprint = 5;
  job.payload = "2";
  job.metadata = "{}";
  job.options.max_attempts = 2;
  const Accepted taken = desk.submit(job);
  CHECK(taken.entry == old.entry);
  CHECK(taken.disposition == Disposition::replaced);
  CHECK(taken.position == 1);
  REQUIRE(desk.events() == std::vector{Event::replaced});
  CHECK(std::get<Replaced>(desk.journal.back().second.body) == Replaced{5, job.options, {}, "{}", "2"});
}

TEST_CASE("replace takes over the youngest job that never started") {
  Fixture desk;
  desk.submit();
  const Accepted youngest = desk.submit();
  NewJob job = desk.job();
  job.coalesce = Coalesce::replace;
  CHECK(desk.submit(job).entry == youngest.entry);
}

TEST_CASE("replace leaves a job alone that has been started") {
  Fixture desk;
  NewJob job = desk.job();
  job.coalesce = Coalesce::replace;
  desk.submit(job);
  desk.release(desk.begin());
  CHECK(desk.submit(job).disposition == Disposition::accepted);
}

TEST_CASE("a replaced job expires when the new one would") {
  Fixture desk;
  NewJob job = desk.job();
  job.coalesce = Coalesce::replace;
  job.expires_at = desk.now.wall + 5s;
  desk.submit(job);
  job.expires_at = desk.now.wall + 60s;
  desk.submit(job);
  desk.pass(10s);
  desk.tick();
  CHECK(desk.mailbox.open_count() == 1);
  job.expires_at.reset();
  desk.submit(job);
  desk.pass(100s);
  desk.tick();
  CHECK(desk.mailbox.open_count() == 1);
}

} // namespace turnwise::model
