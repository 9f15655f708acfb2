// Random lives of a mailbox against the oracle, and proof that the check sees each safety rule that is taken out.
//
//   TURNWISE_SEED=n     begin with this seed (to repeat a failure)
//   TURNWISE_ROUNDS=n   how many seeds
#include <catch2/catch_test_macros.hpp>

#include "tests/model/environment.hpp"
#include "tests/model/schedule.hpp"

namespace turnwise::model {

namespace {

constexpr std::size_t steps = 250;

} // namespace

TEST_CASE("a mailbox does what the oracle says, whatever happens to it") {
  const std::uint64_t first = number_from_environment("TURNWISE_SEED", 1);
  const std::uint64_t rounds = number_from_environment("TURNWISE_ROUNDS", 150);
  for (std::uint64_t seed = first; seed < first + rounds; ++seed) {
    const auto violation = check_schedule(seed, steps);
    INFO("TURNWISE_SEED=" << seed << " TURNWISE_ROUNDS=1 repeats this\n" << violation.value_or(""));
    REQUIRE_FALSE(violation);
  }
}

TEST_CASE("the random schedules come across everything that matters") {
  Counts seen;
  for (std::uint64_t seed = 1; seed <= 80; ++seed) {
    check_schedule(seed, steps, &seen);
  }
  for (int event = 1; event <= static_cast<int>(Event::resumed); ++event) {
    CHECK(seen[std::string{name(static_cast<Event>(event))}] > 0);
  }
  for (const char* what : {"accepted",
                           "coalesced",
                           "grant",
                           "nothing to start",
                           "ask the journal",
                           "error stale-fence",
                           "error wrong-state",
                           "error malformed",
                           "outcome succeeded",
                           "hold granted",
                           "hold gone",
                           "busy behind 1",
                           "now paused",
                           "now not paused",
                           "changed to running, asked to stop",
                           "takeover",
                           "late success",
                           "parked job retried after younger ones ran",
                           "attempt failed, then retrying",
                           "attempt failed, then parked",
                           "attempt failed, then halted",
                           "attempt failed, then failed",
                           "attempt failed, then cancelled"}) {
    CAPTURE(what);
    CHECK(seen[what] > 0);
  }
}

#ifdef TURNWISE_TEST_HOOKS

namespace {

/// Whether any of the first schedules goes wrong while this rule is taken out.
bool is_noticed(const std::string& mutant) {
  const Environment armed{"TURNWISE_MUTANTS", mutant};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    if (check_schedule(seed, steps)) {
      return true;
    }
  }
  return false;
}

} // namespace

TEST_CASE("it is noticed when answers of superseded attempts are taken (M6)") {
  CHECK(is_noticed("M6"));
}

TEST_CASE("it is noticed when answers with any nonce are taken (M7)") {
  CHECK(is_noticed("M7"));
}

TEST_CASE("it is noticed when a takeover grants again without waiting for the lease (M8)") {
  CHECK(is_noticed("M8"));
}

TEST_CASE("it is noticed when two turns are open at once (M10)") {
  CHECK(is_noticed("M10"));
}

TEST_CASE("it is noticed when younger jobs pass one that backs off (M12)") {
  CHECK(is_noticed("M12"));
}

#endif

} // namespace turnwise::model
