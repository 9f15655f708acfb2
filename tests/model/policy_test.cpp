// Policies and backoff.
#include <catch2/catch_test_macros.hpp>

#include <limits>

#include "model/policy.hpp"

namespace turnwise::model {

using namespace std::chrono_literals;

namespace {
constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();
}

TEST_CASE("what a job leaves out, its kind decides") {
  const Policy kind{.max_attempts = 3, .backoff = {.initial = 7ms}, .on_failure = OnFailure::halt, .timeout = 5s, .lease = 9s};
  CHECK(resolve(kind, {}) == kind);

  JobOptions options;
  options.max_attempts = 1;
  options.lease = 60s;
  const Policy merged = resolve(kind, options);
  CHECK(merged.max_attempts == 1);
  CHECK(merged.lease == 60s);
  CHECK(merged.backoff == kind.backoff);
  CHECK(merged.on_failure == OnFailure::halt);
  CHECK(merged.timeout == 5s);
}

TEST_CASE("backoff grows by its factor up to its maximum") {
  const Backoff backoff{.initial = 100ms, .factor = 2.0, .max = 1s, .jitter = Jitter::none};
  CHECK(backoff_delay(backoff, 1, 0) == 100ms);
  CHECK(backoff_delay(backoff, 2, 0) == 200ms);
  CHECK(backoff_delay(backoff, 4, 0) == 800ms);
  CHECK(backoff_delay(backoff, 5, 0) == 1s);
  CHECK(backoff_delay(backoff, 1'000'000, 0) == 1s);
}

TEST_CASE("full jitter spreads the delay between nothing and all of it") {
  const Backoff backoff{.initial = 1s, .factor = 2.0, .max = 1min, .jitter = Jitter::full};
  CHECK(backoff_delay(backoff, 1, 0) == 0ms);
  CHECK(backoff_delay(backoff, 1, largest / 2) == 500ms);
  CHECK(backoff_delay(backoff, 1, largest) == 1s);
}

TEST_CASE("backoff bears odd numbers") {
  CHECK(backoff_delay({.initial = 0ms, .factor = 1e308, .max = 1s, .jitter = Jitter::none}, 99, 0) == 0ms);
  CHECK(backoff_delay({.initial = 1ms, .factor = 1e308, .max = 1s, .jitter = Jitter::none}, 99, 0) == 1s);
  CHECK(backoff_delay({.initial = 1s, .factor = 0.5, .max = 1min, .jitter = Jitter::none}, 3, 0) == 250ms);
  CHECK(backoff_delay({.initial = 1s, .factor = std::numeric_limits<double>::quiet_NaN(), .max = 2s, .jitter = Jitter::none}, 3,
                      0) == 2s);
  CHECK(backoff_delay({.initial = 5s, .factor = 2, .max = 1s, .jitter = Jitter::none}, 1, 0) == 1s);
}

} // namespace turnwise::model
