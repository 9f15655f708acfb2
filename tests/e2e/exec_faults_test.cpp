// Kinds that the node runs as commands, while the node is killed or asked to stop. Needs PostgreSQL.
#include <signal.h>

#include <catch2/catch_test_macros.hpp>

#include "tests/e2e/exec_node.hpp"

namespace turnwise::tests {
namespace {

using handlers::testing::children_of;
using handlers::testing::require_all_end;
using handlers::testing::watch;

/// After a kill of the node; much less than the lease of an attempt, so that it ends before the next one can begin.
constexpr std::chrono::milliseconds end_of_commands_max{3'000};

/// Its first attempt starts a grandchild in a session of its own, and neither minds any signal that can be caught. Later ones
/// look whether one of both is left.
const std::string survivor = R"(if [ "$TURNWISE_ATTEMPT" = 1 ]; then
  trap '' TERM HUP INT
  setsid sh -c 'trap "" TERM HUP INT; sh -c "echo \$\$ >\"\$0/grandchild\"; echo >\"\$1\"; exec sleep 1000" "$0" "$1"; true' "$PLACE" "$EAR" &
  read started <"$EAR"
  echo $$ $! $(cat "$PLACE/grandchild") | tee "$PLACE/all" >"$SAY"
  sleep 1000
fi
for process in $(cat "$PLACE/all"); do
  kill -0 $process 2>/dev/null && left="$left $process"
done
echo "attempt $TURNWISE_ATTEMPT, left of the first:$left" >"$SAY"
)";

/// The node's only child.
pid_t helper_of(const NodeProcess& node) {
  return std::stoi(children_of(node.pid()));
}

/// A process that does nothing as long as this lives.
class Frozen {
public:
  explicit Frozen(pid_t process) : process_(process) { ::kill(process_, SIGSTOP); }
  ~Frozen() { ::kill(process_, SIGCONT); }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;

private:
  pid_t process_;
};

TEST_CASE("after a kill -9 of the node nothing of a command runs beside the next attempt") {
  ExecNode scene(Kinds{{"survive", survivor}});
  scene.node.start();
  const auto job = scene.submit("survive");
  const auto processes = watch(scene.say.pids());
  REQUIRE(processes.size() == 3);
  scene.node.kill();
  require_all_end(processes, end_of_commands_max);
  scene.node.start();
  CHECK(scene.say.line() == "attempt 2, left of the first:");
  CHECK(scene.wait_for_state(job, "succeeded").attempt == 2);
}

TEST_CASE("after a kill -9 of the node its commands end even when the helper that started them is frozen") {
  ExecNode scene(Kinds{{"survive", survivor}});
  scene.node.start();
  scene.submit("survive");
  const auto processes = watch(scene.say.pids());
  const Frozen helper(helper_of(scene.node));
  scene.node.kill();
  require_all_end(processes, end_of_commands_max);
  scene.node.start();
  CHECK(scene.say.line() == "attempt 2, left of the first:");
}

TEST_CASE("SIGTERM lets a running command end, takes its success, and leaves no process behind") {
  ExecNode scene(Kinds{{"slow", "echo $$ >\"$SAY\"; read go <\"$EAR\"; echo '\"done\"'"}});
  scene.node.start();
  const auto job = scene.submit("slow");
  const auto waiting = scene.submit("slow");
  const auto processes = watch(scene.say.pids());
  const auto helpers = watch({helper_of(scene.node)});
  ::kill(scene.node.pid(), SIGTERM);
  auto client = scene.node.connect();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (client.ready()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
  }
  CHECK(processes.front().runs());
  scene.ear.tell("go");
  CHECK(scene.node.wait() == 0);
  require_all_end(processes, 0ms);
  require_all_end(helpers, 0ms);
  scene.node.start();
  CHECK(scene.wait_for_state(job, "succeeded").attempt == 1);
  scene.say.line(); // the other one has not been begun before
  scene.ear.tell("go");
  CHECK(scene.wait_for_state(waiting, "succeeded").attempt == 1);
}

TEST_CASE("SIGTERM ends a command that does not end itself, with all that it started, and gives its attempt back unused") {
  ExecNode scene(Kinds{{"survive", survivor, "grace = \"200ms\"\n"}}, {"--drain-max", "500ms"});
  scene.node.start();
  model::JobOptions once;
  once.max_attempts = 1; // so that an attempt that counted would be the last
  const auto job = scene.submit("survive", "a:1", once);
  const auto processes = watch(scene.say.pids());
  const auto helpers = watch({helper_of(scene.node)});
  CHECK(scene.node.stop() == 0);
  require_all_end(processes, 0ms);
  require_all_end(helpers, 0ms);
  scene.node.start();
  CHECK(scene.say.line() == "attempt 2, left of the first:");
  CHECK(scene.wait_for_state(job, "succeeded").attempt == 2);
}

} // namespace
} // namespace turnwise::tests
