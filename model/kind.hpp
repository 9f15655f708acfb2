// A kind as a resource: what operators set for all its jobs, and how that changes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "model/clock.hpp"
#include "model/command.hpp"
#include "model/errors.hpp"
#include "model/policy.hpp"
#include "model/push_settings.hpp"

namespace turnwise::model {

/// What a kind says of its jobs. What it leaves out is as Turnwise has it; what a job says itself goes before.
struct KindSettings {
  JobOptions defaults;
  std::optional<std::uint32_t> concurrency; ///< jobs that run at a time on a node; nothing: any number
  std::optional<PushSettings> push{};       ///< nodes POST its jobs to there

  [[nodiscard]] bool empty() const { return defaults.empty() && !concurrency && !push; }
  friend bool operator==(const KindSettings&, const KindSettings&) = default;
};

/// A kind with everything that is set for it.
struct Kind {
  std::string name;
  std::uint64_t revision{}; ///< of the change that made it so: grows over all kinds; zero: nothing is set
  KindSettings settings;
  std::optional<PauseView> pause; ///< nothing of the kind starts

  [[nodiscard]] bool is_plain() const { return settings.empty() && !pause; }
  friend bool operator==(const Kind&, const Kind&) = default;
};

/// Replaces all settings but the secrets of a push; a pause stays.
struct PutKind {
  KindSettings settings;
  std::optional<std::uint64_t> only_at; ///< if given: only when the kind is still at this revision
  std::optional<SecretChange> secret{}; ///< with a push: what becomes of its secrets
  bool secret_is_new{};                 ///< it was made for this change: whoever asked for it does not know it yet
};
/// Said again, it replaces the words.
struct PauseKind {
  std::string by;
  std::string why;
};
struct ResumeKind {
  std::string by;
};
struct KindChange {
  std::string kind;
  std::variant<PutKind, PauseKind, ResumeKind> what;
};

/// The kind after the change, still at its old revision. Errc::stale_revision when the change was made for another one.
Result<Kind> changed(const Kind& before, const KindChange& change, WallTime now);

/// What a kind's jobs are tried by, unless they say otherwise.
Policy policy_of(const KindSettings& settings);

} // namespace turnwise::model
