#include "app/push/target_url.hpp"

#include <algorithm>
#include <charconv>
#include <memory>

#include <curl/curl.h>
#include <fmt/format.h>

namespace turnwise::push {
namespace {

using Handle = std::unique_ptr<CURLU, void (*)(CURLU*)>;

model::Error refused(std::string why) {
  return {model::Errc::malformed, std::move(why), {}};
}

/// A part of the URL; empty when it has none.
std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK) {
    return {};
  }
  const std::unique_ptr<char, void (*)(void*)> owner(text, curl_free);
  return text;
}

std::uint16_t number_of(const std::string& port) {
  std::uint16_t number = 0;
  std::from_chars(port.data(), port.data() + port.size(), number);
  return number;
}

} // namespace

std::string TargetUrl::place() const {
  return fmt::format("{}:{}", host, port);
}

model::Result<TargetUrl> parse_target(std::string_view text, Schemes schemes) {
  if (text.size() > url_bytes_max) {
    return refused(fmt::format("a URL may have {} bytes", url_bytes_max));
  }
  if (std::ranges::any_of(text, [](char c) { return c <= ' ' || c > '~'; })) {
    return refused("a URL has printable ASCII characters only: percent-encode the others");
  }
  if (const auto host = text.find("://"); host == std::string_view::npos || text.substr(host + 3, 1) == "/") {
    return refused("a URL must begin with https:// and a host"); // libcurl makes do with less
  }
  const Handle url(curl_url(), curl_url_cleanup);
  const auto fault = curl_url_set(url.get(), CURLUPART_URL, std::string{text}.c_str(), CURLU_DISALLOW_USER);
  if (fault == CURLUE_USER_NOT_ALLOWED || !part(url.get(), CURLUPART_USER).empty()) {
    return refused("a URL must not name a user: its secret signs a push");
  }
  const std::string scheme = part(url.get(), CURLUPART_SCHEME);
  if (fault == CURLUE_UNSUPPORTED_SCHEME || (fault == CURLUE_OK && scheme != "https" && scheme != "http")) {
    return refused("a URL must begin with https://");
  }
  if (fault != CURLUE_OK) {
    return refused(fmt::format("this is no URL like https://example.com/jobs: {}", curl_url_strerror(fault)));
  }
  if (scheme == "http" && schemes == Schemes::https) {
    return refused("a URL must begin with https://; this node does not push in the clear (push-http)");
  }
  if (!part(url.get(), CURLUPART_FRAGMENT).empty() || !part(url.get(), CURLUPART_ZONEID).empty()) {
    return refused("a URL must have neither a fragment nor a zone");
  }
  TargetUrl target;
  target.text = part(url.get(), CURLUPART_URL);
  target.host = part(url.get(), CURLUPART_HOST);
  target.port = number_of(part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
  if (target.host.starts_with('[')) {
    target.host = target.host.substr(1, target.host.size() - 2);
  }
  std::ranges::transform(target.host, target.host.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; });
  if (target.host.empty() || target.port == 0) {
    return refused("a URL must name a host, and a port that is not 0");
  }
  return target;
}

} // namespace turnwise::push
