// Kinds: what a change makes of one, what their jobs are tried by, and how a mailbox tells of one that may not start.
#include "model/kind.hpp"
#include "tests/model/fixture.hpp"

namespace turnwise::model {
namespace {

constexpr WallTime noon{std::chrono::seconds{1'893'499'200}};

/// Says the same of every kind.
struct AllWait : KindWaits {
  std::optional<KindWait> answer;
  [[nodiscard]] std::optional<KindWait> wait_of(KindId) const override { return answer; }
};

WaitReason reason_under(Fixture& desk, EntryNumber entry, const KindWaits& waits) {
  auto context = desk.context();
  context.waits = &waits;
  return desk.mailbox.view(entry, context)->reason;
}

TEST_CASE("what a job leaves out its kind says, and what that leaves out is as Turnwise has it") {
  KindSettings settings;
  settings.defaults.max_attempts = 3;
  settings.defaults.on_failure = OnFailure::halt;
  JobOptions job;
  job.max_attempts = 5;
  const Policy policy = resolve(policy_of(settings), job);
  CHECK(policy.max_attempts == 5);
  CHECK(policy.on_failure == OnFailure::halt);
  CHECK(policy.lease == lease_default);
  CHECK(policy_of({}) == Policy{});
}

TEST_CASE("a change of a kind leaves alone what it is not about") {
  Kind kind{.name = "build", .revision = 4, .settings = {}, .pause = {}};
  kind.settings.concurrency = 2;
  const auto paused = changed(kind, {"build", PauseKind{"ann", "incident 7"}}, noon);
  CHECK(paused->settings == kind.settings);
  CHECK(paused->pause == PauseView{"ann", "incident 7", noon});
  const auto put = changed(*paused, {"build", PutKind{}}, noon);
  CHECK(put->settings.empty());
  CHECK(put->pause == paused->pause);
  CHECK(changed(*put, {"build", ResumeKind{"bob"}}, noon)->is_plain());
}

TEST_CASE("a change that was made for another revision is refused") {
  const Kind kind{.name = "build", .revision = 4, .settings = {}, .pause = {}};
  CHECK(changed(kind, {"build", PutKind{{}, 4}}, noon).ok());
  CHECK(changed(kind, {"build", PutKind{{}, 3}}, noon).error().code == Errc::stale_revision);
}

TEST_CASE("a job that is next says whether its kind is paused or full; one behind it says whom it is behind") {
  Fixture desk;
  const auto first = desk.submit().entry;
  const auto second = desk.submit().entry;
  AllWait waits;
  CHECK(reason_under(desk, first, waits) == WaitReason::no_worker);
  waits.answer = KindWait{PauseView{"ann", "incident 7", noon}, 0};
  CHECK(reason_under(desk, first, waits) == WaitReason::kind_paused);
  CHECK(reason_under(desk, second, waits) == WaitReason::behind);
  waits.answer = KindWait{{}, 3};
  CHECK(reason_under(desk, first, waits) == WaitReason::kind_limit);
}

TEST_CASE("a grant says how long the job could have been started before") {
  Fixture desk;
  desk.submit();
  desk.pass(7s);
  CHECK(desk.start().queued == 7s);
}

} // namespace
} // namespace turnwise::model
