// Where jobs of a kind are pushed to, and what signs them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/clock.hpp"

namespace turnwise::model {

inline constexpr milliseconds push_timeout_min{1'000};
inline constexpr milliseconds push_timeout_max{30'000};
inline constexpr milliseconds push_timeout_default{15'000};
inline constexpr std::size_t push_url_bytes_max = 2'048;
/// Secrets of a kind that sign at a time.
inline constexpr std::size_t push_secrets_max = 4;

struct PushSecret {
  std::string text;              ///< whsec_ and base64
  std::optional<WallTime> until; ///< signs no longer from then on; nothing: it is the present one
  friend bool operator==(const PushSecret&, const PushSecret&) = default;
};

struct PushSettings {
  std::string url;
  milliseconds timeout{push_timeout_default}; ///< of one POST
  std::vector<PushSecret> secrets{};          ///< the present one first; at least one, at most push_secrets_max
  friend bool operator==(const PushSettings&, const PushSettings&) = default;
};

/// What whoever sets a push does about its secrets.
struct SecretChange {
  enum class Use : std::uint8_t {
    if_none, ///< the kind keeps what it has
    instead, ///< signs from now on
  };
  std::string text; ///< a secret that is new, or said again
  Use use{};
  milliseconds overlap{}; ///< with `instead`: how long those before it sign beside it
};

/// The secrets after the change. A secret that is the present one already changes nothing.
std::vector<PushSecret> changed_secrets(const std::vector<PushSecret>& before, const SecretChange& change, WallTime now);

} // namespace turnwise::model
