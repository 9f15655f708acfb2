#include <csignal>

#include <catch2/catch_test_macros.hpp>
#include <sys/wait.h>

#include "tests/handlers/support.hpp"

using namespace turnwise::handlers;
using namespace turnwise::handlers::testing;
using std::chrono::milliseconds;

namespace {

/// A stand-in for a node: a process that has a spawner, runs one command and waits to be killed.
class Node {
public:
  explicit Node(const std::string& script) : process_(fork()) {
    REQUIRE(process_ >= 0);
    if (process_ == 0) {
      live(script);
    }
  }
  ~Node() { kill_now(); }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  void kill_now() {
    if (process_ > 0) {
      kill(process_, SIGKILL);
      waitpid(process_, nullptr, 0);
      process_ = -1;
    }
  }

private:
  [[noreturn]] static void live(const std::string& script) {
    auto spawner = Spawner::fork();
    if (!spawner || !(*spawner)->start(shell(script), [](const CommandEnd&) {})) {
      _exit(1);
    }
    alarm(120); // should the test die first
    for (;;) {
      pause();
    }
  }
  pid_t process_;
};

} // namespace

TEST_CASE("after a kill -9 of the node no command keeps running") {
  Mouthpiece mouthpiece;
  Node node("sleep 1000 & echo $$ $! $PPID >" + mouthpiece.path() + "; sleep 1000");
  const auto processes = watch(mouthpiece.pids());
  REQUIRE(processes.size() == 3);
  node.kill_now();
  require_all_end(processes, milliseconds(5'000));
}

TEST_CASE("after a kill -9 of the node no command keeps running, even one that ignores signals and fled into its own session") {
  Mouthpiece mouthpiece;
  Node node("trap '' TERM HUP INT; setsid sh -c 'trap \"\" TERM HUP; setsid sleep 1000 & echo $$ $! >" + mouthpiece.path() +
            "; sleep 1000' & sleep 1000");
  const auto processes = watch(mouthpiece.pids());
  REQUIRE(processes.size() == 2);
  node.kill_now();
  require_all_end(processes, milliseconds(5'000));
}

TEST_CASE("two nodes do not hold each other's commands") {
  Mouthpiece mouthpiece;
  Node first("echo $$ >" + mouthpiece.path() + "; sleep 1000");
  const auto of_first = watch(mouthpiece.pids());
  Node second("echo $$ >" + mouthpiece.path() + "; sleep 1000");
  const auto of_second = watch(mouthpiece.pids());
  first.kill_now();
  require_all_end(of_first, milliseconds(5'000));
  CHECK(of_second.front().runs());
}
