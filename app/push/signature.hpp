// Signatures of pushes, as https://www.standardwebhooks.com specifies them (version 1, symmetric).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/clock.hpp"
#include "model/errors.hpp"
#include "model/push_settings.hpp"

namespace turnwise::push {

inline constexpr std::size_t secret_bytes_min = 24;
inline constexpr std::size_t secret_bytes_max = 64;
/// Signatures of one push.
inline constexpr std::size_t secrets_max = model::push_secrets_max;

struct Secret {
  std::string key;                      ///< secret_bytes_min to secret_bytes_max bytes
  std::optional<model::WallTime> until; ///< signs no longer from then on; nothing: it is the present one
  friend bool operator==(const Secret&, const Secret&) = default;
};

/// The key of a secret in its written form, "whsec_" and base64. Errc::malformed when it is none, without repeating it.
model::Result<std::string> decode_secret(std::string_view text);
std::string encode_secret(std::string_view key);
/// A new key from the system's generator. Errc::internal when that fails.
model::Result<std::string> new_key();
/// Tells secrets apart without giving them away: 16 hexadecimal digits.
std::string fingerprint_of(std::string_view key);

/// Those of `secrets` that sign at `now`, as the value of the header webhook-signature.
/// @param id         of the job: the same for every attempt
/// @param timestamp  seconds since 1970, as in the header webhook-timestamp
std::string signatures(const std::vector<Secret>& secrets, model::WallTime now, std::string_view id, std::string_view timestamp,
                       std::string_view body);

} // namespace turnwise::push
