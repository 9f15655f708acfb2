#include <condition_variable>
#include <csignal>
#include <thread>

#include <catch2/catch_test_macros.hpp>

#include "tests/handlers/support.hpp"

using namespace turnwise;
using namespace turnwise::handlers;
using namespace turnwise::handlers::testing;
using std::chrono::milliseconds;
using How = CommandEnd::How;

TEST_CASE("a command's exit status is reported") {
  auto spawner = fork_spawner();
  for (const int status : {0, 1, 65, 75, 255}) {
    const auto end = run(*spawner, shell("exit " + std::to_string(status)));
    CHECK(end.how == How::exited);
    CHECK(end.code == status);
  }
}

TEST_CASE("a command that dies of a signal is reported so") {
  auto spawner = fork_spawner();
  const auto end = run(*spawner, shell("kill -SEGV $$"));
  CHECK(end.how == How::signalled);
  CHECK(end.code == SIGSEGV);
}

TEST_CASE("a command that does not exist is a clear error") {
  auto spawner = fork_spawner();
  const auto missing = run(*spawner, {.argv = {"no-such-program"}});
  CHECK(missing.how == How::not_started);
  CHECK(missing.error == "cannot start 'no-such-program': No such file or directory");
  const auto forbidden = run(*spawner, {.argv = {"/etc/passwd"}});
  CHECK(forbidden.how == How::not_started);
  CHECK(forbidden.error == "cannot start '/etc/passwd': Permission denied");
}

TEST_CASE("what cannot be a command is refused before anything is started") {
  auto spawner = fork_spawner();
  auto refused = [&](const CommandSpec& spec) { return spawner->start(spec, [](const CommandEnd&) {}).error().code; };
  CHECK(refused({}) == model::Errc::malformed);
  CHECK(refused({.argv = {std::string("a\0b", 3)}}) == model::Errc::malformed);
  CHECK(refused({.argv = {"true", std::string(command_request_bytes_max, 'x')}}) == model::Errc::too_large);
}

TEST_CASE("a program without a slash is found in the PATH, and words go through no shell") {
  auto spawner = fork_spawner();
  const auto end = run(*spawner, {.argv = {"printf", "%s|", "a b", "$HOME", ""}});
  CHECK(end.output == "a b|$HOME||");
}

TEST_CASE("a command gets the environment that it was given and nothing else") {
  auto spawner = fork_spawner();
  const auto end = run(*spawner, {.argv = {"/usr/bin/env"}, .environment = {"TURNWISE_SUBJECT=a:1", "EMPTY="}, .input = {}});
  CHECK(end.output == "TURNWISE_SUBJECT=a:1\nEMPTY=\n");
}

TEST_CASE("the input reaches stdin, whole and with an end") {
  auto spawner = fork_spawner();
  CHECK(run(*spawner, shell("cat", "{\"artifact\": 7}")).output == "{\"artifact\": 7}");
  CHECK(run(*spawner, shell("wc -c", std::string(256 * 1024, 'x'))).output == "262144\n");
  CHECK(run(*spawner, shell("true", std::string(256 * 1024, 'x'))).code == 0); // and need not be read
  CHECK(run(*spawner, shell("cat")).output.empty());
}

TEST_CASE("stdout and stderr are kept apart") {
  auto spawner = fork_spawner();
  const auto end = run(*spawner, shell("echo result; echo warning >&2"));
  CHECK(end.output == "result\n");
  CHECK(end.errors == "warning\n");
  CHECK_FALSE(end.output_truncated);
  CHECK_FALSE(end.errors_truncated);
}

TEST_CASE("of 10 MB of output the last 64 KiB are kept") {
  auto spawner = fork_spawner();
  const auto end = run(*spawner, shell("head -c 10000000 /dev/zero | tr '\\0' x; echo the end"));
  CHECK(end.code == 0);
  CHECK(end.output.size() == command_output_bytes_max);
  CHECK(end.output.ends_with("xxthe end\n"));
  CHECK(end.output_truncated);
}

TEST_CASE("a command may end itself in its grace period") {
  auto spawner = fork_spawner();
  Mouthpiece mouthpiece;
  auto command = start(
      *spawner, shell("trap 'echo cleaned; exit 7' TERM; echo ready >" + mouthpiece.path() + "; while :; do sleep 0.01; done"));
  mouthpiece.line();
  spawner->kill(command.id, patience);
  const auto end = command.wait();
  CHECK(end.how == How::exited);
  CHECK(end.code == 7);
  CHECK(end.output == "cleaned\n");
}

TEST_CASE("a command that ignores SIGTERM is killed with its whole group when the grace is over") {
  auto spawner = fork_spawner();
  Mouthpiece mouthpiece;
  auto command = start(*spawner, shell("trap '' TERM; sleep 1000 & echo $$ $! >" + mouthpiece.path() + "; wait"));
  const auto processes = watch(mouthpiece.pids());
  spawner->kill(command.id, milliseconds(50));
  const auto end = command.wait();
  CHECK(end.how == How::signalled);
  CHECK(end.code == SIGKILL);
  for (const auto& process : processes) {
    CHECK_FALSE(process.runs());
  }
}

TEST_CASE("without grace a command is killed at once, also during the grace of an earlier kill") {
  auto spawner = fork_spawner();
  Mouthpiece mouthpiece;
  auto command = start(*spawner, shell("trap '' TERM; echo ready >" + mouthpiece.path() + "; while :; do sleep 0.01; done"));
  mouthpiece.line();
  spawner->kill(command.id, std::chrono::hours(1));
  spawner->kill(command.id, milliseconds(0));
  CHECK(command.wait().code == SIGKILL);
  spawner->kill(command.id, milliseconds(0)); // of a command that has ended: nothing
}

TEST_CASE("what a command leaves behind is gone when its end is reported, even a daemon that fled into its own session") {
  auto spawner = fork_spawner();
  Mouthpiece mouthpiece;
  Mouthpiece ear;
  auto command = start(*spawner, shell("setsid sh -c 'setsid sleep 1001 & echo $$ $! >" + mouthpiece.path() +
                                       "; sleep 1002' >/dev/null 2>&1 &\n"
                                       "read go <" +
                                       ear.path() + "; sleep 1000 & exit 4"));
  const auto processes = watch(mouthpiece.pids());
  REQUIRE(processes.size() == 2);
  ear.tell("go");
  const auto end = command.wait();
  CHECK(end.how == How::exited);
  CHECK(end.code == 4);
  for (const auto& process : processes) {
    CHECK_FALSE(process.runs());
  }
}

TEST_CASE("a background process that keeps stdout open does not hold up the end") {
  auto spawner = fork_spawner();
  const auto end = run(*spawner, shell("sleep 1000 & echo done"));
  CHECK(end.code == 0);
  CHECK(end.output == "done\n");
}

TEST_CASE("commands run beside each other") {
  auto spawner = fork_spawner();
  Mouthpiece mouthpiece;
  std::vector<Started> commands;
  for (int i = 0; i < 20; ++i) {
    commands.push_back(start(*spawner, shell("echo up >" + mouthpiece.path() + "; sleep 1000")));
  }
  for (int i = 0; i < 20; ++i) {
    CHECK(mouthpiece.line() == "up"); // all of them, before any ends
  }
  for (auto& command : commands) {
    spawner->kill(command.id, milliseconds(0));
  }
  for (auto& command : commands) {
    CHECK(command.wait().code == SIGKILL);
  }
}

TEST_CASE("200 commands in sequence leave no process and no open file") {
  auto spawner = fork_spawner();
  run(*spawner, shell("true"));
  const auto ours = open_files(getpid());
  const auto theirs = open_files(spawner->helper());
  for (int i = 0; i < 200; ++i) {
    REQUIRE(run(*spawner, {.argv = {"true"}}).code == 0);
  }
  CHECK(open_files(getpid()) == ours);
  CHECK(open_files(spawner->helper()) == theirs);
  // A minder reports and then exits: the last one may still be on its way out, all others were reaped.
  CHECK(children_of(spawner->helper()).size() < 10);
}

TEST_CASE("a spawner that goes away kills its commands and waits for their end") {
  auto spawner = fork_spawner();
  Mouthpiece mouthpiece;
  auto command = start(*spawner, shell("trap '' TERM; setsid sleep 1000 & echo $$ $! $PPID >" + mouthpiece.path() + "; wait"));
  auto processes = watch(mouthpiece.pids());
  processes.emplace_back(spawner->helper());
  spawner.reset();
  for (const auto& process : processes) {
    CHECK_FALSE(process.runs());
  }
  CHECK(command.wait().how == How::lost);
}

TEST_CASE("signals that a terminal or a service manager sends to all processes do not stop the helper") {
  auto spawner = fork_spawner();
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    REQUIRE(kill(spawner->helper(), number) == 0);
  }
  CHECK(getsid(spawner->helper()) == spawner->helper());
  CHECK(run(*spawner, shell("exit 3")).code == 3);
  // The commands themselves get the signals as usual.
  CHECK(run(*spawner, shell("kill -TERM $$")).code == SIGTERM);
}

TEST_CASE("when the helper is killed, what runs ends as usual and nothing new is started") {
  auto spawner = fork_spawner();
  Mouthpiece mouthpiece;
  Mouthpiece ear;
  auto command = start(*spawner, shell("echo ready >" + mouthpiece.path() + "; read go <" + ear.path() + "; exit 5"));
  mouthpiece.line();
  const ProcessWatch helper(spawner->helper());
  REQUIRE(kill(spawner->helper(), SIGKILL) == 0);
  REQUIRE(helper.ends_within(patience));
  const auto refused = spawner->start(shell("true"), [](const CommandEnd&) { FAIL("must not be called"); });
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == model::Errc::unavailable);
  CHECK_FALSE(spawner->alive());
  ear.tell("go");
  CHECK(command.wait().code == 5);
}

TEST_CASE("when a minder is killed, its command and the daemons of it die with it") {
  auto spawner = fork_spawner();
  Mouthpiece mouthpiece;
  auto command = start(*spawner, shell("setsid sleep 1000 & echo $! $$ $PPID >" + mouthpiece.path() + "; wait"));
  const auto pids = mouthpiece.pids();
  const auto processes = watch(pids);
  REQUIRE(kill(pids.back(), SIGKILL) == 0);
  CHECK(command.wait().how == How::lost);
  require_all_end(processes);
  CHECK(run(*spawner, shell("exit 3")).code == 3);
}

TEST_CASE("a process that has threads already cannot fork a helper") {
  std::promise<void> end;
  std::thread thread([waits = end.get_future()] { waits.wait_for(patience); });
#ifndef __SANITIZE_THREAD__
  CHECK_FALSE(Spawner::fork().ok());
#endif
  end.set_value();
  thread.join();
}
