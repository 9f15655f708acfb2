// Addresses: the node's URL, and what is put into a request's target.
#pragma once

#include <string>
#include <string_view>

#include "model/errors.hpp"

namespace turnwise::client {

enum class Scheme { http, https };

struct Url {
  std::string host; ///< a name or an address, IPv6 without brackets
  std::string port;
  Scheme scheme{};
};

/// @returns Errc::malformed with a sentence when `text` is not http://host:port, or https.
model::Result<Url> parse_url(std::string_view text);

/// One segment of a path: everything but letters, digits and -._~ as %XX.
std::string percent_encode(std::string_view segment);

} // namespace turnwise::client
