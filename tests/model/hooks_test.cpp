// Failpoints and mutants.
#include <catch2/catch_test_macros.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "model/test_hooks.hpp"
#include "tests/model/environment.hpp"

namespace turnwise::model {

#ifdef TURNWISE_TEST_HOOKS

TEST_CASE("a mutant is on while the environment names it") {
  CHECK_FALSE(TURNWISE_MUTANT("M6"));
  {
    const Environment armed{"TURNWISE_MUTANTS", "M1,M6,M12"};
    CHECK(TURNWISE_MUTANT("M1"));
    CHECK(TURNWISE_MUTANT("M6"));
    CHECK(TURNWISE_MUTANT("M12"));
    CHECK_FALSE(TURNWISE_MUTANT("M2"));
    CHECK_FALSE(TURNWISE_MUTANT("M"));
  }
  CHECK_FALSE(TURNWISE_MUTANT("M6"));
}

TEST_CASE("a failpoint makes an error, always or at the N-th time") {
  CHECK_FALSE(TURNWISE_FAILPOINT("always"));
  const Environment armed{"TURNWISE_FAILPOINTS", "always=error,third=error@3,other=sleep:1"};
  CHECK(TURNWISE_FAILPOINT("always"));
  CHECK(TURNWISE_FAILPOINT("always"));
  CHECK_FALSE(TURNWISE_FAILPOINT("third"));
  CHECK_FALSE(TURNWISE_FAILPOINT("third"));
  CHECK(TURNWISE_FAILPOINT("third"));
  CHECK_FALSE(TURNWISE_FAILPOINT("third"));
  CHECK_FALSE(TURNWISE_FAILPOINT("unheard_of"));
}

TEST_CASE("a failpoint kills its process") {
  const Environment armed{"TURNWISE_FAILPOINTS", "end=abort@2"};
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    static_cast<void>(TURNWISE_FAILPOINT("end"));
    static_cast<void>(TURNWISE_FAILPOINT("end"));
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
}

TEST_CASE("a failpoint makes its thread wait") {
  const Environment armed{"TURNWISE_FAILPOINTS", "slow=sleep:30"};
  const auto before = std::chrono::steady_clock::now();
  CHECK_FALSE(TURNWISE_FAILPOINT("slow"));
  CHECK(std::chrono::steady_clock::now() - before >= std::chrono::milliseconds{30});
}

#else

TEST_CASE("without test hooks nothing can be armed") {
  const Environment mutants{"TURNWISE_MUTANTS", "M6"};
  CHECK_FALSE(TURNWISE_MUTANT("M6"));
  CHECK_FALSE(TURNWISE_FAILPOINT("always"));
}

#endif

} // namespace turnwise::model
