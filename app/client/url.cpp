#include "app/client/url.hpp"

#include <boost/url.hpp>

namespace turnwise::client {

namespace urls = boost::urls;

model::Result<Url> parse_url(std::string_view text) {
  const auto refused = [&](std::string_view why) {
    return model::Error{model::Errc::malformed, "'" + std::string{text} + "' " + std::string{why} + ": http://host:port", {}};
  };
  const auto parsed = urls::parse_uri(text);
  if (!parsed)
    return refused("is not a URL of the form");
  const bool encrypted = parsed->scheme_id() == urls::scheme::https;
  if (!encrypted && parsed->scheme_id() != urls::scheme::http)
    return refused("does not begin with http:// or https://, as in");
  if (parsed->host().empty() || parsed->port().empty())
    return refused("names no host or no port, as in");
  const auto path = parsed->encoded_path();
  if ((!path.empty() && path != "/") || parsed->has_query() || parsed->has_fragment() || parsed->has_userinfo())
    return refused("has more than a node's address");
  return Url{parsed->host_address(), std::string{parsed->port()}, encrypted ? Scheme::https : Scheme::http};
}

std::string percent_encode(std::string_view segment) {
  return urls::encode(segment, urls::unreserved_chars);
}

} // namespace turnwise::client
