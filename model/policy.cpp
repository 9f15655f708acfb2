// Backoff and the merging of policies.
#include "model/policy.hpp"

#include <algorithm>
#include <cmath>
#include <initializer_list>

namespace turnwise::model {

namespace {

__extension__ using Uint128 = unsigned __int128;

/// initial · factor^(failures − 1), at most max.
milliseconds full_delay(const Backoff& backoff, std::uint32_t failures) {
  if (backoff.initial.count() <= 0) {
    return milliseconds{0};
  }
  const double exponent = failures > 1 ? static_cast<double>(failures - 1) : 0.0;
  const double delay = static_cast<double>(backoff.initial.count()) * std::pow(backoff.factor, exponent);
  // Asked this way round so that infinity (and a factor that is not a number) end at the maximum.
  if (!(delay < static_cast<double>(backoff.max.count()))) {
    return std::max(backoff.max, milliseconds{0});
  }
  return milliseconds{static_cast<milliseconds::rep>(std::max(delay, 0.0))};
}

template <class Choice>
std::optional<Choice> choice_of(std::string_view word, std::initializer_list<Choice> choices) {
  const auto found = std::find_if(choices.begin(), choices.end(), [&](Choice choice) { return name(choice) == word; });
  return found == choices.end() ? std::nullopt : std::optional{*found};
}

} // namespace

std::string_view name(OnFailure choice) {
  switch (choice) {
  case OnFailure::park:
    return "park";
  case OnFailure::halt:
    return "halt";
  case OnFailure::discard:
    return "discard";
  }
  return "";
}

std::optional<OnFailure> on_failure_of(std::string_view name) {
  return choice_of(name, {OnFailure::park, OnFailure::halt, OnFailure::discard});
}

std::string_view name(Jitter choice) {
  switch (choice) {
  case Jitter::full:
    return "full";
  case Jitter::none:
    return "none";
  }
  return "";
}

std::optional<Jitter> jitter_of(std::string_view name) {
  return choice_of(name, {Jitter::full, Jitter::none});
}

Policy resolve(const Policy& kind, const JobOptions& job) {
  return {
      .max_attempts = job.max_attempts.value_or(kind.max_attempts),
      .backoff = job.backoff.value_or(kind.backoff),
      .on_failure = job.on_failure.value_or(kind.on_failure),
      .timeout = job.timeout.value_or(kind.timeout),
      .lease = job.lease.value_or(kind.lease),
  };
}

milliseconds backoff_delay(const Backoff& backoff, std::uint32_t failures, std::uint64_t random) {
  const milliseconds delay = full_delay(backoff, failures);
  if (backoff.jitter == Jitter::none) {
    return delay;
  }
  // The high half of the product spreads `random` evenly over 0 … delay.
  const Uint128 product = static_cast<Uint128>(random) * (static_cast<std::uint64_t>(delay.count()) + 1);
  return milliseconds{static_cast<milliseconds::rep>(product >> 64U)};
}

} // namespace turnwise::model
