// Where jobs may be pushed to, as a URL: https, or http where the node says so, a host, a port, a path, a query; no user, no
// fragment. Parsed by the library that connects later, so that there are no two opinions on what a URL means.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/errors.hpp"
#include "model/push_settings.hpp"

namespace turnwise::push {

inline constexpr std::size_t url_bytes_max = model::push_url_bytes_max;

enum class Schemes : std::uint8_t { https, https_and_http };

struct TargetUrl {
  std::string text; ///< as it goes to the library: with its host in its simplest form
  std::string host; ///< a name or an address, without brackets
  std::uint16_t port{};
  [[nodiscard]] std::string place() const; ///< host and port: what a target is to others
};

/// Errc::malformed, with a sentence that says what is wrong. That a URL can be parsed says nothing of where its host leads.
model::Result<TargetUrl> parse_target(std::string_view text, Schemes schemes);

} // namespace turnwise::push
