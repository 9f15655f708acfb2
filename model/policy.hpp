// How a job is tried, tried again and given up: what a kind says by default and a job may override.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "model/limits.hpp"

namespace turnwise::model {

using std::chrono::milliseconds;

/// What happens to a job that is out of attempts.
enum class OnFailure : std::uint8_t {
  park,    ///< set aside for a person; the subject goes on
  halt,    ///< stays the head and stops its subject until a person retries or cancels it
  discard, ///< ends as failed; the subject goes on
};

std::string_view name(OnFailure choice);
/// The choice of this name, if there is one.
std::optional<OnFailure> on_failure_of(std::string_view name);

enum class Jitter : std::uint8_t {
  full, ///< anywhere between zero and the computed delay
  none, ///< the computed delay
};
std::string_view name(Jitter choice);
std::optional<Jitter> jitter_of(std::string_view name);

struct Backoff {
  milliseconds initial{1'000};
  double factor{2.0};
  milliseconds max{std::chrono::minutes{10}};
  Jitter jitter{Jitter::full};
  friend bool operator==(const Backoff&, const Backoff&) = default;
};

/// What a job says of itself; what it leaves out, its kind decides.
struct JobOptions {
  std::optional<std::uint32_t> max_attempts;
  std::optional<Backoff> backoff;
  std::optional<OnFailure> on_failure;
  std::optional<milliseconds> timeout; ///< longest run of one attempt
  std::optional<milliseconds> lease;   ///< how long a worker may be silent

  [[nodiscard]] bool empty() const { return !max_attempts && !backoff && !on_failure && !timeout && !lease; }
  friend bool operator==(const JobOptions&, const JobOptions&) = default;
};

/// Everything decided: what holds for one attempt.
struct Policy {
  std::uint32_t max_attempts{10}; ///< attempts that failed, timed out or expired
  Backoff backoff{};
  OnFailure on_failure{OnFailure::park};
  milliseconds timeout{0}; ///< zero: as long as the lease is extended
  milliseconds lease{lease_default};
  friend bool operator==(const Policy&, const Policy&) = default;
};

/// The job's own word where it has one, else its kind's.
Policy resolve(const Policy& kind, const JobOptions& job);

/// The wait after the `failures`-th failure (from 1). `random` is uniform over all 64-bit values.
milliseconds backoff_delay(const Backoff& backoff, std::uint32_t failures, std::uint64_t random);

} // namespace turnwise::model
