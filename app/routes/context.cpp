#include "app/routes/context.hpp"

#include <fmt/format.h>

namespace turnwise::routes {

model::Now now(const Context& context) {
  return {context.engine.wall_time(), model::BootClock::now()};
}

model::Result<boost::json::value> body_object(const Request& request, json::OpaqueMembers opaque) {
  if (request.body.empty()) {
    return boost::json::value(boost::json::object());
  }
  auto parsed = json::parse(request.body, opaque);
  if (parsed && !parsed->is_object()) {
    return model::Error{model::Errc::malformed, "the body must be a JSON object", ""};
  }
  return parsed;
}

Response json_response(int status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

} // namespace turnwise::routes
