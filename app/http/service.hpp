// What a connection needs to know of whoever answers its requests.
#pragma once

#include <cstddef>

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/message.hpp>

#include "app/http/message.hpp"

namespace turnwise::http {

using Head = boost::beast::http::request_header<>;

/// Called from every thread of the server.
class Service {
public:
  virtual ~Service() = default;
  /// How large the body of this request may be, decided by its head alone; an error when it is not worth reading, since the
  /// request will be refused. handle() decides for itself.
  [[nodiscard]] virtual model::Result<std::size_t> body_bytes_max(const Head& head) const = 0;
  /// Must not throw but for memory; runs on the connection's executor.
  virtual boost::asio::awaitable<Response> handle(Request request) = 0;
};

} // namespace turnwise::http
