#include "app/http/router.hpp"

#include <algorithm>
#include <optional>

#include <boost/beast/http/message.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/api/headers.hpp"
#include "app/http/response.hpp"
#include "app/logging/logging.hpp"

namespace turnwise::http {
namespace {

using model::Errc;
using model::Error;

constexpr int unauthorized = 401;

struct Target {
  std::string authority;             ///< of the absolute form, which a proxy sends; else empty
  std::vector<std::string> segments; ///< decoded
  std::vector<std::pair<std::string, std::string>> query;
};

std::optional<Target> parse_target(std::string_view text) {
  const bool absolute = !text.starts_with('/');
  const auto parsed = absolute ? boost::urls::parse_uri({text.data(), text.size()})
                               : boost::urls::parse_origin_form({text.data(), text.size()});
  if (!parsed) {
    return std::nullopt;
  }
  if (absolute && (parsed->scheme() != "http" || parsed->encoded_host().empty() || parsed->has_fragment() ||
                   parsed->has_userinfo() || parsed->encoded_path().empty())) {
    return std::nullopt;
  }
  Target target;
  target.authority = std::string{parsed->encoded_host_and_port()};
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

/// Parameters that a call does not know are refused, so that a typing mistake is not a silent default.
std::optional<Error> unknown_parameter(const Route& route, const Target& target) {
  for (const auto& [name, value] : target.query) {
    if (std::ranges::find(route.query, name) == route.query.end()) {
      return Error{Errc::malformed,
                   fmt::format("this call has no query parameter {}{}{}", name, route.query.empty() ? "" : "; it has ",
                               fmt::join(route.query, ", ")),
                   ""};
    }
  }
  return std::nullopt;
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

std::string action_of(const Route& route) {
  if (!route.action.empty() || route.access != Access::operate || route.method == Verb::get) {
    return std::string{route.action};
  }
  const auto method = boost::beast::http::to_string(route.method);
  return fmt::format("{} {}", std::string_view{method.data(), method.size()}, route.pattern);
}

Router::Router(std::vector<Route> routes, std::size_t body_bytes_max, Entrance entrance)
    : body_bytes_max_(body_bytes_max), entrance_(std::move(entrance)) {
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

/// A path that is not there is for all who may look.
Admission Router::admit(const Match& found, std::string_view authorization) const {
  return http::admit(entrance_, found.route == nullptr ? Access::read : found.route->access, authorization);
}

model::Result<std::size_t> Router::body_bytes_max(const Head& head) const {
  std::vector<std::string> ignored;
  const auto target = parse_target({head.target().data(), head.target().size()});
  const Match found = target ? match(head.method(), target->segments, ignored) : Match{};
  const auto authorization = head[boost::beast::http::field::authorization];
  auto admission = admit(found, {authorization.data(), authorization.size()});
  if (admission.refusal && admission.refusal->code == Errc::unauthorized) { // else it is known who it is, and may be noted
    return std::move(*admission.refusal);
  }
  return found.route == nullptr ? body_bytes_max_ : found.route->body_bytes_max;
}

boost::asio::awaitable<Response> Router::handle(Request request) {
  auto target = parse_target(request.target);
  if (!target) {
    co_return problem_response(
        {Errc::malformed, "the target of the request is no path with percent-encoded segments, nor http:// with one", ""});
  }
  const std::string_view host = target->authority.empty() ? request.field("host") : std::string_view{target->authority};
  if (!accepts(entrance_.hosts, host)) {
    co_return problem_response(
        {Errc::forbidden,
         fmt::format("this node asks for no tokens and answers under localhost and loopback addresses only, not as {}", host),
         ""});
  }
  const Match found = match(request.method, target->segments, request.parameters);
  auto admission = admit(found, request.field("authorization"));
  const std::string action = entrance_.note && found.route != nullptr ? action_of(*found.route) : "";
  OperatorAction noted{action, admission.caller, action.empty() ? "" : fmt::format("{}", fmt::join(request.parameters, " ")),
                       request.from};
  Response response;
  if (admission.refusal) {
    response = problem_response(*admission.refusal);
  } else if (found.same_path.empty()) {
    response = problem_response({Errc::not_found, fmt::format("there is no {}", request.target), ""});
  } else if (found.route == nullptr) {
    response = not_allowed(found.same_path);
  } else if (auto fault = unknown_parameter(*found.route, *target)) {
    response = problem_response(*fault);
  } else {
    request.query = std::move(target->query);
    request.caller = std::move(admission.caller);
    response = co_await call(*found.route, std::move(request));
  }
  noted.status = response.status;
  if (!action.empty() && response.status != unauthorized) { // who has no token is no operator, and must not fill a disk
    entrance_.note(noted);
  }
  co_return response;
}

boost::asio::awaitable<Response> Router::call(const Route& route, Request request) {
  const bool is_json = request.body.empty() || api::is_json(request.field("content-type"));
  if (route.takes == Route::Takes::json && !is_json) {
    co_return problem_response({Errc::unsupported_media_type, "send the body as Content-Type: application/json", ""});
  }
  try {
    co_return co_await route.handler(std::move(request));
  } catch (const std::exception& fault) {
    spdlog::error("http-request-failed pattern={} error={}", route.pattern, logging::quoted(fault.what()));
  }
  co_return problem_response({Errc::internal, "this is a fault of the node; its log says more", ""});
}

} // namespace turnwise::http
