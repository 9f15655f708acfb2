#include "app/http/router.hpp"

#include <optional>

#include <boost/beast/http/message.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/api/headers.hpp"
#include "app/http/response.hpp"

namespace turnwise::http {
namespace {

using model::Errc;
using model::Error;

struct Target {
  std::vector<std::string> segments; ///< decoded
  std::vector<std::pair<std::string, std::string>> query;
};

std::optional<Target> parse_target(std::string_view text) {
  const auto parsed = boost::urls::parse_origin_form({text.data(), text.size()});
  if (!parsed) {
    return std::nullopt;
  }
  Target target;
  for (const auto segment : parsed->encoded_segments()) {
    target.segments.push_back(segment.decode());
  }
  for (const auto parameter : parsed->params()) {
    target.query.emplace_back(parameter.key, parameter.value);
  }
  return target;
}

bool is_parameter(std::string_view segment) {
  return segment.starts_with('{');
}

std::vector<std::string_view> split(std::string_view pattern) {
  std::vector<std::string_view> segments;
  while (!pattern.empty()) {
    pattern.remove_prefix(1); // the slash
    const auto end = std::min(pattern.find('/'), pattern.size());
    segments.push_back(pattern.substr(0, end));
    pattern.remove_prefix(end);
  }
  return segments;
}

bool fits(const std::vector<std::string_view>& pattern, const std::vector<std::string>& segments) {
  if (pattern.size() != segments.size()) {
    return false;
  }
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (!is_parameter(pattern[i]) && pattern[i] != segments[i]) {
      return false;
    }
  }
  return true;
}

Response not_allowed(const std::vector<const Route*>& routes) {
  std::string allowed;
  for (const Route* route : routes) {
    const auto name = boost::beast::http::to_string(route->method);
    allowed += fmt::format("{}{}{}", allowed.empty() ? "" : ", ", std::string_view{name.data(), name.size()},
                           route->method == Verb::get ? ", HEAD" : "");
  }
  auto response = problem_response({Errc::method_not_allowed, fmt::format("this path takes {}", allowed), ""});
  response.fields.emplace_back("Allow", allowed);
  return response;
}

} // namespace

Router::Router(std::vector<Route> routes, std::size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {
  for (Route& route : routes) {
    auto segments = split(route.pattern);
    entries_.push_back({std::move(route), std::move(segments)});
  }
}

Router::Match Router::match(Verb method, const std::vector<std::string>& segments, std::vector<std::string>& parameters) const {
  const Verb wanted = method == Verb::head ? Verb::get : method;
  Match match;
  for (const Entry& entry : entries_) {
    if (!fits(entry.segments, segments)) {
      continue;
    }
    match.same_path.push_back(&entry.route);
    if (entry.route.method != wanted) {
      continue;
    }
    match.route = &entry.route;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      if (is_parameter(entry.segments[i])) {
        parameters.push_back(segments[i]);
      }
    }
    break;
  }
  return match;
}

std::size_t Router::body_bytes_max(const Head& head) const {
  std::vector<std::string> ignored;
  const auto target = parse_target({head.target().data(), head.target().size()});
  const Match found = target ? match(head.method(), target->segments, ignored) : Match{};
  return found.route == nullptr ? body_bytes_max_ : found.route->body_bytes_max;
}

boost::asio::awaitable<Response> Router::handle(Request request) {
  auto target = parse_target(request.target);
  if (!target) {
    co_return problem_response({Errc::malformed, "the target of the request is not a path with percent-encoded segments", ""});
  }
  const Match found = match(request.method, target->segments, request.parameters);
  if (found.same_path.empty()) {
    co_return problem_response({Errc::not_found, fmt::format("there is no {}", request.target), ""});
  }
  if (found.route == nullptr) {
    co_return not_allowed(found.same_path);
  }
  const bool is_json = request.body.empty() || api::is_json(request.field("content-type"));
  if (found.route->takes == Route::Takes::json && !is_json) {
    co_return problem_response({Errc::unsupported_media_type, "send the body as Content-Type: application/json", ""});
  }
  request.query = std::move(target->query);
  try {
    co_return co_await found.route->handler(std::move(request));
  } catch (const boost::system::system_error&) {
    throw; // the connection's own
  } catch (const std::exception& fault) {
    spdlog::error("http-request-failed pattern={} error=\"{}\"", found.route->pattern, fault.what());
  }
  co_return problem_response({Errc::internal, "this is a fault of the node; its log says more", ""});
}

} // namespace turnwise::http
