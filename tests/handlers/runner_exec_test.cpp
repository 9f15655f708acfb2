#include <csignal>

#include <fcntl.h>
#include <sys/resource.h>

#include <catch2/catch_test_macros.hpp>

#include "app/handlers/runner.hpp"
#include "model/job_id.hpp"
#include "tests/handlers/fake_engine.hpp"

using namespace turnwise;
using namespace turnwise::handlers;
using namespace turnwise::handlers::testing;
using model::Errc;

namespace {

ExecKind kind_of(const std::string& script) {
  return {.kind = "move", .argv = {"/bin/sh", "-c", script}, .timeout = {}, .concurrency = 1, .grace = milliseconds{100}};
}

RunnerConfig quick() {
  RunnerConfig config;
  config.node_name = "n1";
  config.lease = milliseconds{3'000};
  config.retry_wait_min = milliseconds{10};
  config.retry_wait_max = milliseconds{50};
  return config;
}

/// A node with one exec kind, and an engine in the hands of the test.
struct Scene {
  explicit Scene(ExecKind kind, RunnerConfig config = quick()) : spawner(fork_spawner()) {
    auto started = Runner::start(engine, spawner.get(), std::move(config), {.exec = {std::move(kind)}, .in_process = {}});
    REQUIRE(started.ok());
    runner = std::move(started).value();
  }
  FakeEngine engine;
  std::unique_ptr<Spawner> spawner;
  std::unique_ptr<Runner> runner;
};

Answer end_of(const std::string& script, Verb verb) {
  Scene scene(kind_of(script));
  scene.engine.offer(grant("move"));
  return scene.engine.heard(verb);
}

} // namespace

TEST_CASE("a command with exit status 0 completes its job, with its JSON as the result") {
  const auto answer = end_of("echo '{\"moved\":true}'", Verb::complete);
  CHECK(answer.text == R"({"moved":true})");
  CHECK(answer.receipt.shard == model::ShardId{3});
  CHECK(answer.receipt.claim.entry == model::EntryNumber{7});
  CHECK(answer.receipt.claim.attempt == model::Attempt{2});
}

TEST_CASE("exit status 75 fails the attempt for a retry by policy") {
  const auto answer = end_of("echo 'store is away' >&2; exit 75", Verb::fail);
  CHECK(answer.retry == model::Retry::by_policy);
  CHECK(answer.text == "exit status 75: store is away");
}

TEST_CASE("exit status 65 fails the attempt without a retry") {
  const auto answer = end_of("exit 65", Verb::fail);
  CHECK(answer.retry == model::Retry::never);
  CHECK(answer.text == "exit status 65");
}

TEST_CASE("any other exit status and a signal fail the attempt") {
  CHECK(end_of("echo oops; exit 3", Verb::fail).text == "exit status 3: oops");
  CHECK(end_of("kill -KILL $$", Verb::fail).text == "killed by SIGKILL");
}

TEST_CASE("a command that does not exist fails the attempt and says so") {
  auto kind = kind_of("");
  kind.argv = {"no-such-program"};
  Scene scene(kind);
  scene.engine.offer(grant("move"));
  CHECK(scene.engine.heard(Verb::fail).text == "cannot start 'no-such-program': No such file or directory");
}

TEST_CASE("a command learns from stdin and environment what it is to do") {
  setenv("TURNWISE_TEST_SECRET", "x", 1);
  Scene scene(kind_of("env | grep -v -e ^PWD= -e ^PATH= -e ^HOME= -e ^LANG= -e ^_= -e ^SHLVL= -e ^OLDPWD= | sort; cat"));
  scene.engine.offer(grant("move"));
  const auto id = model::to_string(model::JobId{model::ShardId{3}, model::EntryNumber{7}});
  CHECK(scene.engine.heard(Verb::complete).text == "\"TURNWISE_ATTEMPT=2\\nTURNWISE_FENCING_TOKEN=9007199254740993\\n"
                                                   "TURNWISE_JOB=" +
                                                       id +
                                                       "\\nTURNWISE_KIND=move\\nTURNWISE_LEASE_MS=3000\\n"
                                                       "TURNWISE_SUBJECT=artifact:7\\n{\\\"size\\\":1}\"");
  unsetenv("TURNWISE_TEST_SECRET");
}

TEST_CASE("a runner claims with short leases, by name, and never more than it has free slots") {
  Mouthpiece mouthpiece;
  Mouthpiece ear;
  auto kind = kind_of("echo up >" + mouthpiece.path() + "; dd bs=1 count=1 2>/dev/null <" + ear.path());
  kind.concurrency = 3;
  Scene scene(kind);
  const auto request = scene.engine.claim_waits("move", 3);
  CHECK(request.worker == "exec@n1");
  CHECK(request.lease == milliseconds{3'000});
  for (std::uint64_t entry = 1; entry <= 5; ++entry) {
    scene.engine.offer(grant("move", entry));
  }
  for (int i = 0; i < 3; ++i) {
    CHECK(mouthpiece.line() == "up");
  }
  const auto claims = scene.engine.claims_of("move");
  ear.tell(""); // one byte, for one of them
  scene.engine.heard(Verb::complete);
  CHECK(mouthpiece.line() == "up"); // the fourth, in the place of one that ended
  CHECK(scene.engine.claims_of("move") == claims + 1);
  for (int i = 0; i < 4; ++i) {
    ear.tell("");
    scene.engine.heard(Verb::complete);
  }
  scene.engine.expire_claims(); // the one that waits was sent when fewer slots were free
  scene.engine.claim_waits("move", 3);
}

TEST_CASE("a command that runs longer than its lease is kept alive by heartbeats") {
  Mouthpiece ear;
  Scene scene(kind_of("read go <" + ear.path()));
  auto given = grant("move");
  given.lease = milliseconds{1'500};
  scene.engine.respond(Verb::heartbeat, model::Extended{milliseconds{1'500}, false});
  scene.engine.offer(given);
  for (int i = 0; i < 5; ++i) {
    CHECK(scene.engine.heard(Verb::heartbeat).receipt.claim.entry == model::EntryNumber{7});
  }
  ear.tell("go");
  scene.engine.heard(Verb::complete);
}

TEST_CASE("a cancelled job's command is asked to stop, then killed with its group, and its attempt fails") {
  Mouthpiece mouthpiece;
  Scene scene(kind_of("trap '' TERM; sleep 1000 & echo $$ $! >" + mouthpiece.path() + "; wait"));
  scene.engine.respond(Verb::heartbeat, model::Extended{milliseconds{3'000}, true});
  scene.engine.offer(grant("move"));
  const auto processes = watch(mouthpiece.pids());
  CHECK(scene.engine.heard(Verb::fail).text == "killed by SIGKILL");
  require_all_end(processes, milliseconds{0});
}

TEST_CASE("a cancelled job whose command ends well in its grace period succeeds") {
  Mouthpiece mouthpiece;
  auto kind = kind_of("trap 'echo 1; exit 0' TERM; echo up >" + mouthpiece.path() + "; while :; do sleep 0.01; done");
  kind.grace = patience;
  Scene scene(kind);
  scene.engine.offer(grant("move"));
  mouthpiece.line();
  scene.engine.respond(Verb::heartbeat, model::Extended{milliseconds{3'000}, true});
  CHECK(scene.engine.heard(Verb::complete).text == "1");
}

TEST_CASE("a superseded attempt's command is killed at once with its group, and nothing is reported") {
  Mouthpiece mouthpiece;
  auto kind = kind_of("trap '' TERM; sleep 1000 & echo $$ $! >" + mouthpiece.path() + "; wait");
  kind.grace = std::chrono::minutes(1);
  Scene scene(kind);
  scene.engine.respond(Verb::heartbeat, error(Errc::stale_fence));
  scene.engine.offer(grant("move"));
  const auto processes = watch(mouthpiece.pids());
  require_all_end(processes);
  scene.engine.claim_waits("move", 1); // the slot is free again
  CHECK(scene.engine.unheard() == 0);
}

TEST_CASE("a command whose lease runs out while the engine cannot answer is killed, and nothing is reported") {
  Mouthpiece mouthpiece;
  Scene scene(kind_of("sleep 1000 & echo $$ $! >" + mouthpiece.path() + "; wait"));
  scene.engine.respond(Verb::heartbeat, error(Errc::unavailable));
  auto given = grant("move");
  given.lease = milliseconds{1'500};
  scene.engine.offer(given);
  const auto processes = watch(mouthpiece.pids());
  require_all_end(processes);
  scene.engine.claim_waits("move", 1);
  CHECK(scene.engine.unheard() == 0);
}

TEST_CASE("a heartbeat that the engine could not take is repeated before the lease runs out") {
  Mouthpiece ear;
  Scene scene(kind_of("read go <" + ear.path()));
  auto failures = std::make_shared<std::atomic<int>>(3);
  scene.engine.respond(Verb::heartbeat, [failures](const Answer&) -> model::Response {
    if ((*failures)-- > 0) {
      return error(Errc::outcome_unknown);
    }
    return model::Extended{milliseconds{3'000}, false};
  });
  scene.engine.offer(grant("move"));
  for (int i = 0; i < 5; ++i) {
    scene.engine.heard(Verb::heartbeat);
  }
  ear.tell("go");
  scene.engine.heard(Verb::complete);
}

TEST_CASE("a command that runs too long is killed with its group, and its attempt fails") {
  Mouthpiece mouthpiece;
  auto kind = kind_of("sleep 1000 & echo $$ $! >" + mouthpiece.path() + "; echo working >&2; wait");
  kind.timeout = milliseconds{1'500};
  Scene scene(kind);
  scene.engine.offer(grant("move"));
  const auto processes = watch(mouthpiece.pids());
  const auto answer = scene.engine.heard(Verb::fail);
  CHECK(answer.text == "timed out after 1500ms: killed by SIGTERM: working");
  CHECK(answer.retry == model::Retry::by_policy);
  require_all_end(processes, milliseconds{0});
}

TEST_CASE("an outcome that the engine could not take is offered again until it is taken") {
  Scene scene(kind_of("echo 5"));
  auto failures = std::make_shared<std::atomic<int>>(4);
  scene.engine.respond(Verb::complete, [failures](const Answer&) -> model::Response {
    const auto left = (*failures)--;
    if (left > 0) {
      return error(left % 2 == 0 ? Errc::unavailable : Errc::outcome_unknown);
    }
    return model::Outcome{};
  });
  scene.engine.offer(grant("move"));
  for (int i = 0; i < 5; ++i) {
    CHECK(scene.engine.heard(Verb::complete).text == "5");
  }
  scene.engine.claim_waits("move", 1);
  CHECK(scene.engine.unheard() == 0);
}

TEST_CASE("an outcome that nobody takes is given up once its lease is surely gone") {
  auto config = quick();
  config.outcome_grace = milliseconds{200};
  Scene scene(kind_of("echo 5"), config);
  scene.engine.respond(Verb::complete, error(Errc::unavailable));
  auto given = grant("move");
  given.lease = milliseconds{300};
  scene.engine.offer(given);
  scene.engine.claim_waits("move", 1);
  scene.engine.heard(Verb::complete);
}

TEST_CASE("an outcome that is refused for good is not repeated") {
  Scene scene(kind_of("echo 5"));
  scene.engine.respond(Verb::complete, error(Errc::stale_fence));
  scene.engine.offer(grant("move"));
  scene.engine.heard(Verb::complete);
  scene.engine.claim_waits("move", 1);
  CHECK(scene.engine.unheard() == 0);
}

TEST_CASE("a worker's name is cut between two characters") {
  auto config = quick();
  config.node_name = std::string(122, 'x') + "\u00e4"; // with exec@ in front, its last byte would be one too many
  Scene scene(kind_of("echo 5"), config);
  CHECK(scene.engine.claim_waits("move", 1).worker == "exec@" + std::string(122, 'x'));
}

TEST_CASE("a refused claim is repeated after a while") {
  Scene scene(kind_of("echo 5"));
  scene.engine.refuse_claims(error(Errc::unavailable));
  scene.engine.await_claims_of("move", 4);
  scene.engine.refuse_claims(std::nullopt);
  scene.engine.offer(grant("move"));
  CHECK(scene.engine.heard(Verb::complete).text == "5");
}

TEST_CASE("when commands cannot be started any more, nothing is claimed for them") {
  Mouthpiece ear;
  Scene scene(kind_of("read go <" + ear.path()));
  scene.engine.claim_waits("move", 1);
  const ProcessWatch helper(scene.spawner->helper());
  REQUIRE(kill(scene.spawner->helper(), SIGKILL) == 0);
  REQUIRE(helper.ends_within(patience));
  scene.engine.offer(grant("move")); // to the claim that waits already
  CHECK(scene.engine.heard(Verb::release).receipt.claim.entry == model::EntryNumber{7});
  CHECK(scene.engine.claims_of("move") == 1);
}

/// A limit that leaves this process so many descriptors to open.
rlim_t limit_that_leaves(int free) {
  int limit = 0;
  for (; free > 0; ++limit) {
    free -= fcntl(limit, F_GETFD) == -1 ? 1 : 0;
  }
  return static_cast<rlim_t>(limit);
}

TEST_CASE("an attempt whose command the node cannot start for lack of files is given back unused, and others later run") {
  Scene scene(kind_of("echo 5"));
  scene.engine.claim_waits("move", 1);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit few{limit_that_leaves(2), before.rlim_max}; // a command needs four; a sanitizer's own check two
  REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
  scene.engine.offer(grant("move"));
  const auto answer = scene.engine.heard(Verb::release);
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(answer.receipt.claim.entry == model::EntryNumber{7});
  scene.engine.offer(grant("move", 8));
  CHECK(scene.engine.heard(Verb::complete).text == "5");
  CHECK(scene.engine.unheard() == 0);
}

TEST_CASE("an attempt whose command lost the process that watched it is given back unused") {
  Mouthpiece mouthpiece;
  Scene scene(kind_of("echo $PPID >" + mouthpiece.path() + "; sleep 1000"));
  scene.engine.offer(grant("move"));
  REQUIRE(kill(mouthpiece.pids().front(), SIGKILL) == 0);
  CHECK(scene.engine.heard(Verb::release).receipt.claim.entry == model::EntryNumber{7});
  CHECK(scene.engine.unheard() == 0);
}

TEST_CASE("a runner that stops lets its commands end") {
  Mouthpiece mouthpiece;
  Scene scene(kind_of("trap 'exit 9' TERM; echo up >" + mouthpiece.path() + "; sleep 0.2; echo 5"));
  scene.engine.offer(grant("move"));
  mouthpiece.line();
  CHECK(scene.runner->stop(patience) == 0);
  CHECK(scene.engine.heard(Verb::complete).text == "5");
}

TEST_CASE("a runner that may not wait any longer kills its commands and gives their attempts back") {
  Mouthpiece mouthpiece;
  Scene scene(kind_of("sleep 1000 & echo $$ $! >" + mouthpiece.path() + "; wait"));
  scene.engine.offer(grant("move"));
  const auto processes = watch(mouthpiece.pids());
  CHECK(scene.runner->stop(milliseconds{50}) == 0);
  CHECK(scene.engine.heard(Verb::release).receipt.claim.entry == model::EntryNumber{7});
  CHECK(scene.engine.unheard() == 0);
  require_all_end(processes, milliseconds{0});
}

TEST_CASE("what is granted to a runner that has stopped is given back") {
  Scene scene(kind_of("echo 5"));
  scene.engine.claim_waits("move", 1);
  scene.runner->stop(milliseconds{0});
  const auto claims = scene.engine.take_claims();
  REQUIRE(claims.size() == 1);
  CHECK(claims.front()->gone());
  claims.front()->claimed({grant("move")}, milliseconds{0});
  scene.engine.heard(Verb::release);
  CHECK(scene.engine.claims_of("move") == 1);
}

TEST_CASE("a runner says all that is wrong with what it is to run") {
  FakeEngine engine;
  ExecKind nothing{.kind = "", .argv = {}, .timeout = milliseconds{-1}, .concurrency = 0, .grace = std::chrono::hours(1)};
  const auto twice = kind_of("true");
  CHECK(validate({}, {.exec = {nothing}, .in_process = {}}).size() == 5);
  CHECK(validate({}, {.exec = {twice, twice}, .in_process = {}}).size() == 1);
  CHECK(validate({}, {.exec = {twice}, .in_process = {}}).empty());
  CHECK(Runner::start(engine, nullptr, {}, {.exec = {twice}, .in_process = {}}).error().detail == "exec kinds need a spawner");
}
