// Row 45 of the fault matrix, in the machine: a turn is answered by the owner of the token that claimed it, however it came to
// be known: live, by replay, carried, or from the journal after its end.
#include "model/job_story.hpp"
#include "tests/model/fixture.hpp"

namespace turnwise::model {

namespace {

Claim begin_as(Fixture& desk, const std::string& claimant) {
  Start command = desk.start_command();
  command.claimant = claimant;
  return Fixture::claim_of(desk.ask<Grant>(std::move(command)));
}

Claim shown_by(Claim claim, const std::string& claimant) {
  claim.claimant = claimant;
  return claim;
}

/// What all records make of it, read by a new owner.
Mailbox replayed(Fixture& desk) {
  Mailbox mailbox;
  for (const auto& [sequence, record] : desk.journal) {
    mailbox.apply(record, sequence, desk.kinds);
  }
  mailbox.adopt(desk.now);
  return mailbox;
}

/// What a carried record alone makes of it.
Mailbox carried_over(Fixture& desk, EntryNumber number) {
  Mailbox mailbox;
  const auto body = desk.mailbox.carried(number, desk.kinds);
  REQUIRE(body);
  mailbox.apply({number, desk.now.wall, *body}, Sequence{++desk.last_number}, desk.kinds);
  mailbox.adopt(desk.now);
  return mailbox;
}

void is_for_ann_alone(Fixture& desk, const Claim& claim) {
  const Claim foreign = shown_by(claim, "bob");
  CHECK(desk.refused(Heartbeat{foreign, {}}) == Errc::forbidden);
  CHECK(desk.refused(Complete{foreign, "{}", {}}) == Errc::forbidden);
  CHECK(desk.refused(Fail{foreign, "no", Retry::by_policy, {}, {}}) == Errc::forbidden);
  CHECK(desk.refused(Release{foreign, {}}) == Errc::forbidden);
  CHECK(desk.events().empty());
  CHECK_FALSE(desk.heartbeat(shown_by(claim, "ann")).cancel);
  CHECK_FALSE(desk.heartbeat(shown_by(claim, "")).cancel); // the node itself
}

Response judged(const Fixture& desk, const Claim& claim) {
  StoryBuilder builder{ShardId{7}, claim.entry};
  for (const auto& [sequence, record] : desk.journal) {
    builder.add(sequence, record);
  }
  return builder.judge(claim);
}

HoldGrant hold_as(Fixture& desk, const std::string& claimant) {
  TakeHold command{EntryNumber{++desk.last_number}, "artifact:123", "web-1", 10s, OnBusy::skip, 0ms, desk.now.mono, {}, {}};
  command.claimant = claimant;
  return desk.ask<HoldGrant>(std::move(command));
}

} // namespace

TEST_CASE("row 45: a receipt shown by another owner is refused, live, after a replay and after it was carried") {
  Fixture desk;
  desk.submit();
  const Claim claim = begin_as(desk, "ann");
  is_for_ann_alone(desk, claim);
  desk.mailbox = replayed(desk);
  is_for_ann_alone(desk, claim);
  desk.mailbox = carried_over(desk, claim.entry);
  is_for_ann_alone(desk, claim);
  CHECK(desk.complete(shown_by(claim, "ann")).state == JobState::succeeded);
}

TEST_CASE("row 45: the outcome of an attempt is told to its owner alone") {
  Fixture desk;
  desk.submit();
  const Claim claim = begin_as(desk, "ann");
  desk.complete(shown_by(claim, "ann"));
  CHECK(std::get<Error>(judged(desk, shown_by(claim, "bob"))).code == Errc::forbidden);
  CHECK(std::get<Outcome>(judged(desk, shown_by(claim, "ann"))).state == JobState::succeeded);
}

TEST_CASE("a receipt that is not current is stale for everybody, so that nobody learns whose it would be") {
  Fixture desk;
  desk.submit();
  Claim guessed = begin_as(desk, "ann");
  guessed.nonce = desk.fresh_nonce();
  CHECK(desk.refused(Heartbeat{shown_by(guessed, "bob"), {}}) == Errc::stale_fence);
  CHECK(desk.refused(Heartbeat{shown_by(guessed, "ann"), {}}) == Errc::stale_fence);
}

TEST_CASE("a turn that was claimed without a token may be answered with any") {
  Fixture desk;
  desk.submit();
  const Claim claim = begin_as(desk, "");
  CHECK(desk.complete(shown_by(claim, "bob")).state == JobState::succeeded);
}

TEST_CASE("row 45: a hold is renewed and released by the owner of its token alone, also after a replay") {
  Fixture desk;
  const HoldGrant grant = hold_as(desk, "ann");
  for (const bool replay : {false, true}) {
    desk.mailbox = replay ? carried_over(desk, grant.entry) : replayed(desk);
    CHECK(desk.refused(RenewHold{grant.entry, {}, {}, "bob"}) == Errc::forbidden);
    CHECK(desk.refused(ReleaseHold{grant.entry, {}, "bob"}) == Errc::forbidden);
    CHECK(desk.ask<Extended>(RenewHold{grant.entry, {}, {}, "ann"}).lease == 10s);
  }
  desk.ask<HoldGone>(ReleaseHold{grant.entry, {}, "ann"});
}

} // namespace turnwise::model
