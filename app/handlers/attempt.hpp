// One attempt that a runner has in hand: where it is, what it may do, and when something is due.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "actors/engine.hpp"
#include "app/handlers/spawner.hpp"
#include "model/clock.hpp"

namespace turnwise::handlers {

/// Why an attempt is to end before it does by itself. Later reasons outrank earlier ones.
enum class Interruption : std::uint8_t {
  none,
  cancelled,  ///< somebody asked the job to stop
  timed_out,  ///< it ran longer than its kind allows
  stopping,   ///< the node stops
  lease_lost, ///< its lease ran out, as far as the runner can tell
  superseded, ///< the engine said so: nothing that it answers counts
};

constexpr std::string_view name(Interruption why) {
  switch (why) {
  case Interruption::none:
    return "none";
  case Interruption::cancelled:
    return "cancelled";
  case Interruption::timed_out:
    return "timed-out";
  case Interruption::stopping:
    return "stopping";
  case Interruption::lease_lost:
    return "lease-lost";
  case Interruption::superseded:
    return "superseded";
  }
  return "unknown";
}

struct Attempt {
  std::size_t kind{}; ///< index of its kind
  model::Receipt receipt;
  std::string job;
  std::string subject;

  std::chrono::milliseconds lease{};
  model::MonoTime deadline;                  ///< of the lease, counted from when a claim or heartbeat was sent
  model::MonoTime heartbeat_at;              ///< when the next one is to be sent
  std::optional<model::MonoTime> timeout_at; ///< of an attempt of a kind with a timeout

  std::optional<CommandId> command; ///< of an exec kind, once it is started
  std::stop_source stop;            ///< of an in-process kind
  Interruption interruption{};

  std::optional<actors::Answer> outcome; ///< once the work has ended
  model::MonoTime outcome_at;            ///< when it is to be sent, or sent again
  model::MonoTime outcome_until;         ///< when trying ends
  unsigned outcome_tries{};
  bool outcome_on_its_way{};

  [[nodiscard]] bool running() const { return !outcome; }

  /// A heartbeat beside an outcome could only learn that the attempt is over.
  [[nodiscard]] bool needs_heartbeats() const { return interruption < Interruption::lease_lost && !outcome_on_its_way; }

  /// When something is to be done about it, if nothing is heard of it before.
  [[nodiscard]] model::MonoTime next_timer() const {
    auto next = model::MonoTime::max();
    if (needs_heartbeats()) {
      next = std::min(next, heartbeat_at);
    }
    if (interruption < Interruption::lease_lost) {
      next = std::min(next, deadline);
    }
    if (running() && timeout_at && interruption < Interruption::timed_out) {
      next = std::min(next, *timeout_at);
    }
    if (outcome) {
      next = std::min({next, outcome_at, outcome_until});
    }
    return next;
  }
};

} // namespace turnwise::handlers
