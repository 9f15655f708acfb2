// app/routes answers the calls of the HTTP API: each handler is a small function from request to response. It knows the engine
// and the API's words, and no sockets.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>

#include "actors/engine.hpp"
#include "app/api/requests.hpp"
#include "app/http/message.hpp"
#include "app/http/server.hpp"
#include "app/json/parse.hpp"

namespace turnwise::routes {

using http::Request;
using http::Response;
using model::milliseconds;
using Answered = boost::asio::awaitable<Response>;

/// What every handler needs. Outlives the server's threads.
struct Context {
  actors::Engine& engine;
  const http::Counters& connections;
  api::RequestLimits limits;
  milliseconds engine_timeout{30'000};                 ///< after it a read is `unavailable`, and a write `outcome-unknown`
  std::atomic<bool> draining{};                        ///< /readyz says no
  std::map<std::string, std::string_view> runs_here{}; ///< kinds whose jobs this node runs itself: "exec" or "in-process"
};

/// One moment, for texts that speak of the present.
model::Now now(const Context& context);

/// The body as an object; an empty body is an empty object. The value owns it.
model::Result<boost::json::value> body_object(const Request& request, json::OpaqueMembers opaque = {});

Response json_response(int status, std::string body);

} // namespace turnwise::routes
