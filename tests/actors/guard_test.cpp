// Turns that users' transactions rely on: turnwise.complete() and turnwise.guard(), beside workers that fail and leases that
// end.
#include <catch2/generators/catch_generators.hpp>

#include <random>

#include "tests/actors/harness.hpp"
#include "tests/actors/user_session.hpp"

namespace turnwise::tests {
namespace {

using actors::Answer;
using model::JobState;

std::string receipt_of(const model::Grant& grant) {
  return to_string(model::Receipt{grant.shard, {grant.entry, grant.attempt, grant.nonce}});
}

std::string complete_text(const model::Grant& grant, const std::string& result = "1") {
  return fmt::format("SELECT turnwise.complete('{}', '{}')", receipt_of(grant), result);
}

std::string guard_text(const std::string& id, model::FencingToken token) {
  return fmt::format("SELECT turnwise.guard('{}', {})", id, token.value());
}

std::string guard_text(const model::Grant& grant) {
  return guard_text(to_string(model::JobId{grant.shard, grant.entry}), grant.fencing_token);
}

/// A job that is retried at once.
model::NewJob quick_job() {
  auto job = job_for("a:1");
  job.options.backoff = model::Backoff{1ms, 1.0, 1ms, model::Jitter::none};
  return job;
}

/// What a test of turns needs: a node, a user's session, and a job that a worker has.
struct Desk {
  explicit Desk(milliseconds lease = std::chrono::hours{1}, const std::function<void(actors::EngineConfig&)>& adjust = {})
      : node(journal_in(database), adjust), user(database) {
    job = id_of(node.submit(quick_job()));
    grant = node.claim("work", 1, 10s, lease).at(0);
  }
  JobState state() { return node.story(job).state; }
  std::shared_ptr<Answers> say(Answer::Verb verb) {
    auto answers = std::make_shared<Answers>(1);
    Answer answer;
    answer.receipt = {grant.shard, {grant.entry, grant.attempt, grant.nonce}};
    answer.verb = verb;
    answer.text = verb == Answer::Verb::fail ? "no" : "";
    node->answer({answer}, answers);
    return answers;
  }

  TestDatabase database;
  TestNode node;
  UserSession user;
  model::JobId job;
  model::Grant grant;
};

// ── complete ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("a worker completes its job with its own writes", "[postgres]") {
  Desk desk;
  desk.user.run("CREATE TABLE result (value int)");
  desk.user.run("BEGIN");
  desk.user.run("INSERT INTO result VALUES (5)");
  desk.user.run(complete_text(desk.grant, R"({"five": 5})"));
  CHECK(desk.state() == JobState::running);
  desk.user.run("COMMIT");
  desk.node.wait_until([&] { return desk.state() == JobState::succeeded; });
  CHECK(desk.node.story(desk.job).result == R"({"five": 5})");
  CHECK(desk.node.claim("work", 1, 100ms).empty());
}

TEST_CASE("a completion that is rolled back was never said", "[postgres]") {
  Desk desk;
  desk.user.run("BEGIN");
  desk.user.run(complete_text(desk.grant));
  desk.user.run("ROLLBACK");
  CHECK(get<model::Outcome>(desk.node.complete(desk.grant)).state == JobState::succeeded);
  CHECK(desk.node.story(desk.job).result == "1");
}

TEST_CASE("what a worker says while its completion is not decided waits for it", "[postgres]") {
  const auto verb = GENERATE(Answer::Verb::fail, Answer::Verb::release);
  Desk desk;
  desk.user.run("BEGIN");
  desk.user.run(complete_text(desk.grant));
  const auto said = desk.say(verb);
  CHECK_FALSE(said->arrives_within(300ms));
  SECTION("a completion that was committed wins") {
    desk.user.run("COMMIT");
    CHECK(get<model::Outcome>(said->wait().front()).state == JobState::succeeded);
    CHECK(desk.node.story(desk.job).attempt == model::Attempt{1});
  }
  SECTION("one that was rolled back does not count") {
    desk.user.run("ROLLBACK");
    CHECK(get<model::Outcome>(said->wait().front()).state != JobState::succeeded);
    CHECK(desk.node.claim("work").at(0).attempt == model::Attempt{2});
  }
}

TEST_CASE("a completion that was committed wins over a fail that comes at once", "[postgres]") {
  for (int i = 0; i < 20; ++i) {
    Desk desk;
    desk.user.run(complete_text(desk.grant));
    const auto said = desk.say(Answer::Verb::fail); // the answer of COMMIT was lost, say
    CHECK(get<model::Outcome>(said->wait().front()).state == JobState::succeeded);
  }
}

TEST_CASE("mutant M22: a fail is accepted although a transaction has completed the job", "[postgres]") {
  const Mutant mutant("M22");
  Desk desk;
  desk.user.run("BEGIN");
  desk.user.run(complete_text(desk.grant));
  CHECK(get<model::Outcome>(desk.say(Answer::Verb::fail)->wait().front()).state == JobState::retrying);
}

TEST_CASE("a lease does not end while a transaction completes its job", "[postgres]") {
  Desk desk(200ms);
  desk.user.run("BEGIN");
  desk.user.run(complete_text(desk.grant));
  CHECK(desk.node.claim("work", 1, 1s).empty());
  CHECK(desk.state() == JobState::running);
  desk.user.run("COMMIT");
  desk.node.wait_until([&] { return desk.state() == JobState::succeeded; });
  CHECK(desk.node.story(desk.job).attempt == model::Attempt{1});
}

TEST_CASE("a completion is refused when its turn has ended, when it was said before, and when it is none", "[postgres]") {
  Desk desk;
  CHECK(desk.user.fault_of("SELECT turnwise.complete('nonsense')") == "22023");
  auto forged = desk.grant;
  forged.nonce = model::Nonce{};
  CHECK(desk.user.fault_of(complete_text(forged)) == "TW001");
  desk.user.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
  CHECK(desk.user.fault_of(complete_text(desk.grant)) == "25000");
  desk.user.run("ROLLBACK");
  SECTION("by a failure, and then by the next attempt") {
    desk.node.fail(desk.grant);
    CHECK(desk.user.fault_of(complete_text(desk.grant)) == "TW001");
    const auto second = desk.node.claim("work").at(0);
    CHECK(desk.user.fault_of(complete_text(desk.grant)) == "TW001");
    CHECK(desk.user.fault_of(complete_text(second)).empty());
  }
  SECTION("twice, one after the other and side by side") {
    UserSession other(desk.database);
    desk.user.run("BEGIN");
    desk.user.run(complete_text(desk.grant));
    other.run("SET statement_timeout = '300ms'");
    CHECK(other.fault_of(complete_text(desk.grant)) == "57014"); // it waits for the first
    desk.user.run("COMMIT");
    CHECK(other.fault_of(complete_text(desk.grant)) == "TW001");
  }
  SECTION("when it was completed over HTTP") {
    desk.node.complete(desk.grant);
    CHECK(desk.user.fault_of(complete_text(desk.grant)) == "TW001");
  }
}

// ── guard ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("a lease that has run out does not end while a transaction is guarded by it", "[postgres]") {
  Desk desk(200ms);
  desk.user.run("BEGIN");
  desk.user.run(guard_text(desk.grant));
  CHECK(desk.node.claim("work", 1, 1s).empty());
  CHECK(desk.state() == JobState::running);
  desk.user.run("COMMIT");
  CHECK(desk.node.claim("work").at(0).attempt == model::Attempt{2});
  CHECK(desk.user.fault_of(guard_text(desk.grant)) == "TW001");
}

TEST_CASE("a guard that comes while its turn is being ended sees the end", "[postgres]") {
  for (int i = 0; i < 20; ++i) {
    Desk desk;
    const auto said = desk.say(Answer::Verb::fail);
    desk.user.run("BEGIN");
    const bool is_guarded = desk.user.fault_of(guard_text(desk.grant)).empty();
    // Either the end was there, or it waits for the transaction.
    CHECK(is_guarded != said->arrives_within(100ms));
    desk.user.run("ROLLBACK");
    said->wait();
  }
}

TEST_CASE("a guard asks for READ COMMITTED", "[postgres]") {
  Desk desk;
  const auto* level = GENERATE("REPEATABLE READ", "SERIALIZABLE");
  desk.user.run(std::string{"BEGIN ISOLATION LEVEL "} + level);
  CHECK(desk.user.fault_of(guard_text(desk.grant)) == "25000");
  desk.user.run("ROLLBACK");
  CHECK(desk.user.fault_of(guard_text(desk.grant)).empty());
  CHECK(desk.user.fault_of("SELECT turnwise.guard('nonsense', 1)") == "22023");
}

TEST_CASE("a hold guards as a job does, until it is released", "[postgres]") {
  Desk desk;
  auto answers = std::make_shared<Answers>(1);
  desk.node->hold({.subject = "b:1", .owner = "somebody", .ttl = 10s, .on_busy = {}, .wait = 0ms, .deferred = {}},
                  {answers, 0});
  const auto hold = get<model::HoldGrant>(answers->wait().front());
  const model::JobId id{hold.shard, hold.entry};
  desk.user.run("BEGIN");
  desk.user.run(guard_text(to_string(id), hold.fencing_token));
  auto released = std::make_shared<Answers>(1);
  desk.node->release_hold(id, hold.fencing_token, {released, 0});
  CHECK_FALSE(released->arrives_within(300ms));
  desk.user.run("COMMIT");
  get<model::HoldGone>(released->wait().front());
  CHECK(desk.user.fault_of(guard_text(to_string(id), hold.fencing_token)) == "TW001");
}

TEST_CASE("a transaction that keeps its turn for too long is ended, and then the turn", "[postgres]") {
  Desk desk(200ms, [](auto& config) { config.guard_max = 300ms; });
  desk.user.run("BEGIN");
  desk.user.run(guard_text(desk.grant));
  CHECK(desk.node.claim("work").at(0).attempt == model::Attempt{2});
  CHECK_THROWS_AS(desk.user.run("COMMIT"), pqxx::failure);
}

TEST_CASE("a role of users calls what users call, and sees nothing", "[postgres]") {
  Desk desk;
  const std::string role = "user_" + std::to_string(std::random_device{}());
  desk.user.run("CREATE ROLE " + role);
  desk.user.run("SELECT turnwise.grant_to_user_role('" + role + "')");
  desk.user.run("SET ROLE " + role);
  const auto row = desk.user.submit("c:1", "1");
  CHECK(desk.user.fault_of(guard_text(desk.grant)).empty());
  CHECK(desk.user.fault_of(complete_text(desk.grant)).empty());
  desk.node.wait_until([&] { return !desk.user.value("SELECT turnwise.job_of('" + row + "')").empty(); });
  for (const char* forbidden : {"SELECT * FROM turnwise.outside_1", "SELECT * FROM turnwise.journal_1",
                                "SELECT turnwise.refuse('x')", "SELECT turnwise.turn_of(1::smallint, 1)",
                                "SELECT * FROM turnwise.shard", "SELECT turnwise.tend_outside(1, '1s', '1s')"}) {
    CAPTURE(forbidden);
    CHECK(desk.user.fault_of(forbidden) == "42501");
  }
  desk.user.run("RESET ROLE");
  desk.user.run("DROP OWNED BY " + role + "; DROP ROLE " + role);
}

} // namespace
} // namespace turnwise::tests
