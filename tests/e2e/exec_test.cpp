// Kinds that the node runs as commands: how their ends become outcomes, and what their jobs can do to them. Needs PostgreSQL.
#include <catch2/catch_test_macros.hpp>

#include <boost/json/parse.hpp>

#include "model/limits.hpp"
#include "tests/e2e/exec_node.hpp"

namespace turnwise::tests {
namespace {

using handlers::testing::require_all_end;
using handlers::testing::watch;

/// Two processes that do not care about SIGTERM, one of them in a session of its own; says both numbers.
const std::string stubborn = R"(trap '' TERM
setsid sh -c 'trap "" TERM HUP; echo $$ >"$0/child"; echo >"$1"; exec sleep 1000' "$PLACE" "$EAR" &
read started <"$EAR"
echo $$ $(cat "$PLACE/child") >"$SAY"
sleep 1000
)";

model::JobOptions quick_retries(std::uint32_t attempts_max) {
  model::JobOptions options;
  options.max_attempts = attempts_max;
  options.backoff = model::Backoff{1ms, 1.0, 1ms, model::Jitter::none};
  return options;
}

std::string result_of(const client::Job& job) {
  return boost::json::parse(job.text).at("result").as_string().c_str();
}

TEST_CASE("a command gets its payload on stdin, learns the rest from its environment, and its output is the result") {
  ExecNode scene(Kinds{{"move", R"(echo "$TURNWISE_SUBJECT $TURNWISE_KIND $TURNWISE_JOB $TURNWISE_ATTEMPT" >"$SAY"
echo "$TURNWISE_FENCING_TOKEN" >"$SAY"
echo "{\"moved\":$(cat)}")"}});
  scene.node.start();
  client::NewJob job;
  job.subject = "artifact:7";
  job.kind = "move";
  job.payload = R"({"to":"storage","size":12345678901234567890})";
  std::uint64_t last_token = 0;
  for (int turn = 0; turn < 2; ++turn) {
    const auto id = scene.submit(job);
    const auto story = scene.wait_for_state(id, "succeeded");
    CHECK(story.text.find(R"("result":{"moved":{"to":"storage","size":12345678901234567890}})") != std::string::npos);
    CHECK(scene.say.line() == "artifact:7 move " + id + " 1");
    const auto token = std::stoull(scene.say.line());
    CHECK(token > last_token);
    last_token = token;
  }
}

TEST_CASE("exit status 75 is tried again later, with the next attempt number and a higher fencing token") {
  ExecNode scene(Kinds{{"move", R"(echo "$TURNWISE_ATTEMPT" >"$SAY"
echo "$TURNWISE_FENCING_TOKEN" >"$SAY"
[ "$TURNWISE_ATTEMPT" = 3 ] || { echo "store is away" >&2; exit 75; })"}});
  scene.node.start();
  const auto story = scene.wait_for_state(scene.submit("move", "a:1", quick_retries(5)), "succeeded");
  CHECK(story.attempt == 3);
  CHECK(story.text.find("exit status 75: store is away") != std::string::npos);
  std::uint64_t last_token = 0;
  for (const auto* attempt : {"1", "2", "3"}) {
    CHECK(scene.say.line() == attempt);
    const auto token = std::stoull(scene.say.line());
    CHECK(token > last_token);
    last_token = token;
  }
}

TEST_CASE("exit status 65 is not tried again, and the subject goes on") {
  ExecNode scene(Kinds{{"broken", "echo 'no such field' >&2; exit 65"}, {"move", "true"}});
  scene.node.start();
  const auto broken = scene.submit("broken", "a:1", quick_retries(5));
  const auto next = scene.submit("move");
  scene.wait_for_state(next, "succeeded");
  const auto story = scene.wait_for_state(broken, "parked");
  CHECK(story.attempt == 1);
  CHECK(story.error == "exit status 65: no such field");
}

TEST_CASE("any other exit status, a signal and a missing program are failures, tried as often as the job says") {
  ExecNode scene(Kinds{{"other", "exit 3"}, {"killed", "kill -KILL $$"}, {"missing", "exec /no/such/program"}});
  scene.node.start();
  const auto other = scene.submit("other", "a:1", quick_retries(3));
  const auto killed = scene.submit("killed", "a:2", quick_retries(2));
  const auto missing = scene.submit("missing", "a:3", quick_retries(1));
  CHECK(scene.wait_for_state(other, "parked").attempt == 3);
  CHECK(scene.wait_for_state(other, "parked").error == "exit status 3");
  CHECK(scene.wait_for_state(killed, "parked").attempt == 2);
  CHECK(scene.wait_for_state(killed, "parked").error == "killed by SIGKILL");
  CHECK(scene.wait_for_state(missing, "parked").error.starts_with("exit status 127"));
}

TEST_CASE("of an endless output the last part is kept, and never more than a result may have") {
  ExecNode scene(Kinds{{"talk", R"(head -c 1000000 /dev/zero | tr '\0' x; printf 'the end')"},
                       {"grumble", R"(head -c 1000000 /dev/zero | tr '\0' x >&2; echo >&2; echo 'the reason' >&2; exit 65)"}});
  scene.node.start();
  const auto result = result_of(scene.wait_for_state(scene.submit("talk"), "succeeded"));
  CHECK(result.size() > model::result_bytes_max / 2);
  CHECK(result.size() < model::result_bytes_max);
  CHECK(result.ends_with("xthe end"));
  const auto story = scene.wait_for_state(scene.submit("grumble"), "parked");
  CHECK(story.error.size() <= model::error_bytes_max);
  CHECK(story.error.ends_with("the reason"));
}

TEST_CASE("a command that runs too long is killed with all that it started, and the attempt has failed") {
  ExecNode scene(Kinds{{"slow", stubborn, "timeout = \"1s\"\ngrace = \"200ms\"\n"}});
  scene.node.start();
  const auto job = scene.submit("slow", "a:1", quick_retries(1));
  const auto processes = watch(scene.say.pids());
  REQUIRE(processes.size() == 2);
  const auto story = scene.wait_for_state(job, "parked");
  require_all_end(processes, 0ms);
  CHECK(story.error == "timed out after 1s: killed by SIGKILL");
}

TEST_CASE("a running job that is cancelled ends cancelled, and its command with all that it started is gone by then") {
  ExecNode scene(Kinds{{"slow", stubborn, "grace = \"200ms\"\n"}, {"move", "echo next >\"$SAY\""}});
  scene.node.start();
  const auto job = scene.submit("slow", "a:1", quick_retries(5));
  const auto processes = watch(scene.say.pids());
  scene.submit("move");
  scene.cancel(job);
  CHECK(scene.say.line() == "next"); // the subject goes on …
  require_all_end(processes, 0ms);   // … with nothing of the cancelled job beside it
  CHECK(scene.wait_for_state(job, "cancelled").attempt == 1);
}

TEST_CASE("a command that is asked to cancel and succeeds all the same has succeeded") {
  ExecNode scene(Kinds{{"slow", "trap 'echo 1; exit 0' TERM; echo up >\"$SAY\"; while :; do sleep 0.01; done"}});
  scene.node.start();
  const auto job = scene.submit("slow");
  scene.say.line();
  scene.cancel(job);
  scene.wait_for_state(job, "succeeded");
}

} // namespace
} // namespace turnwise::tests
