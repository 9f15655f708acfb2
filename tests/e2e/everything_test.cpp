// Everything at once, at random, while the node is killed with -9 and its sessions are ended. Needs PostgreSQL.
//
// TURNWISE_CHAOS_SECONDS makes it longer than it is in CI, TURNWISE_CHAOS_SEED repeats what was drawn.
#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <random>

#include "tests/e2e/crowd.hpp"

namespace turnwise::tests {
namespace {

using Lines = std::vector<std::string>;

std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::stoull(text);
}

TEST_CASE("whatever is asked, and however often the node is killed, what was promised is true") {
  const auto seed = number_of("TURNWISE_CHAOS_SEED", std::random_device{}());
  const std::chrono::seconds duration{number_of("TURNWISE_CHAOS_SECONDS", 15)};
  WARN("seed " << seed);
  std::mt19937_64 random{seed};
  const TestDatabase database;
  NodeProcess node{database.connection(), {"--lease-min", "1s"}};
  node.start();
  Crowd crowd{node, database, seed};
  int kills = 0;
  for (const auto end = Crowd::Clock::now() + duration; Crowd::Clock::now() < end;) {
    std::this_thread::sleep_for(
        std::chrono::milliseconds{1'000 + random() % 2'500}); // what the crowd does meanwhile is the test
    if (random() % 3 == 0) {
      database.terminate_backends();
    } else {
      node.kill();
      node.start();
      ++kills;
    }
  }
  crowd.stop();
  crowd.settle();
  CHECK(kills > 0);
  CHECK(crowd.broken_promises() == Lines{});
  CHECK(crowd.missed() == Lines{});
  CHECK(run_turnwise({"verify", "--database", database.connection()}) == 0);
}

} // namespace
} // namespace turnwise::tests
